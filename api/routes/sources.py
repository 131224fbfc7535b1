"""``/v1/sources`` and ``/v1/failures``: where documents come from, their syncs, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.dependencies import AdminLane, AuditDep, CuratorDep, ServicesDep
from api.json_body import JsonRoute
from api.schemas.sources import (
    CheckBody,
    CheckRequest,
    FailureBody,
    FailureList,
    FoundBody,
    Renewed,
    Retried,
    RunBody,
    RunList,
    SourceBody,
    SourceChange,
    SourceChanged,
    SourceCreated,
    SourceDetail,
    SourceList,
    SourceRequest,
    SourceStanding,
    WarningBody,
)
from core.errors import InvalidRequest, SourceRefuses, SourceUnavailable
from ingestion.source_checking import ITEMS, FoundItem

router = APIRouter(prefix="/v1", tags=["sources"], dependencies=[CuratorDep, AdminLane], route_class=JsonRoute)

Limit = Annotated[int, Query(ge=1, le=1000)]
Documents = Annotated[int, Query(ge=0, le=ITEMS)]
Offset = Annotated[int, Query(ge=0, le=1_000_000_000)]


@router.get("/sources")
def list_sources(services: ServicesDep) -> SourceList:
    """Every source, and how it stands."""
    catalog = services.catalog.get()
    now = catalog.clock.now()
    return SourceList(sources=[SourceStanding.of(standing, now) for standing in catalog.standings.list()])


@router.post("/sources", status_code=201, responses={409: {}, 503: {}})
def create_source(
    body: SourceRequest,
    services: ServicesDep,
    audit: AuditDep,
    *,
    sync: bool = False,
    check: bool = True,
    documents: Documents = ITEMS,
) -> SourceCreated:
    """Add a source; with ``?sync=true`` its first sync starts at once.

    A worker tries its settings out first, and names its first ``documents``; with 0 it doesn't ask the source itself.
    If that fails, no source is made. ``?check=false`` makes it anyway.
    """
    ingestion, run, found = services.ingestion.get(), None, None
    with audit.doing("source.create", kind=body.kind) as deed:
        deed.object_name = body.name
        if check:
            found = ingestion.check_source(body.kind, body.config, items=documents)
        source = ingestion.create_source(body.kind, body.name, body.config, body.interval_s)
        deed.object_id = source.id
    if sync:
        with audit.doing("source.sync", source.id):
            run = ingestion.sync(source.id)
    shown = SourceBody.model_validate(source).model_dump()
    return SourceCreated(**shown, documents_found=_found(found), run=RunBody.model_validate(run) if run else None)


@router.post("/sources/check", responses={404: {}, 503: {}})
def check_source(body: CheckRequest, services: ServicesDep, audit: AuditDep, documents: Documents = ITEMS) -> CheckBody:
    """Have a worker try out the settings of a source, and change nothing."""
    with audit.doing("source.check", body.source_id, kind=body.kind):
        try:
            found = services.ingestion.get().check_source(
                body.kind, body.config, source_id=body.source_id, items=documents
            )
        except SourceUnavailable as error:
            return CheckBody(reachable=False, let_in=None, reason=error.message, documents=[])
        except SourceRefuses as error:
            return CheckBody(reachable=True, let_in=False, reason=error.message, documents=[])
        return CheckBody(reachable=True, let_in=True, reason=None, documents=_found(found) or [])


@router.post("/sources/rotate-secrets")
def rotate_secrets(services: ServicesDep, audit: AuditDep) -> Renewed:
    """Encrypt the secrets of all sources with the newest key of the settings. Afterwards former keys can go."""
    with audit.doing("source.rotate_secrets"):
        return Renewed(renewed=services.ingestion.get().rotate_secrets())


@router.get("/sources/{source_id}")
def get_source(source_id: str, services: ServicesDep) -> SourceDetail:
    """A source, how it stands, and how many of its documents are public."""
    catalog = services.catalog.get()
    catalog.sources.get(source_id)
    [standing] = catalog.standings.list(source_id)
    shown = SourceStanding.of(standing, catalog.clock.now()).model_dump()
    return SourceDetail(**shown, public=catalog.documents.count_public(source_id))


@router.patch("/sources/{source_id}", responses={409: {}, 503: {}})
def update_source(
    source_id: str,
    body: SourceChange,
    services: ServicesDep,
    audit: AuditDep,
    *,
    check: bool = True,
    documents: Documents = ITEMS,
) -> SourceChanged:
    """Change a source; what is left out stays. A new ``config`` is tried out first, as in making a source."""
    changes, found = body.model_dump(exclude_unset=True), None
    with audit.doing("source.change", source_id, changed=sorted(changes)) as deed:
        before = services.catalog.get().sources.get(source_id)
        if check and body.config is not None:
            ingestion = services.ingestion.get()
            found = ingestion.check_source(None, body.config, source_id=source_id, items=documents)
        changed = services.ingestion.get().update_source(source_id, **changes)
        deed.object_name = changed.name
        # Which settings, and not to what: a connector's configuration may hold secrets.
        deed.detail = {"changed": sorted({*changes} - {"config"} | _differing(before.config, changed.config))}
    return SourceChanged(**SourceBody.model_validate(changed).model_dump(), documents_found=_found(found))


@router.delete("/sources/{source_id}", status_code=202)
def delete_source(source_id: str, services: ServicesDep, audit: AuditDep) -> None:
    """Remove a source and everything that came from it; the documents go in the background."""
    with audit.doing("source.delete", source_id) as deed:
        deed.object_name = services.catalog.get().sources.get(source_id).name
        services.ingestion.get().delete_source(source_id)


@router.post("/sources/{source_id}/sync", status_code=202, responses={409: {}})
def sync_source(
    source_id: str,
    services: ServicesDep,
    audit: AuditDep,
    *,
    full: bool = False,
    dry_run: bool = False,
    confirm_delete: bool = False,
) -> RunBody:
    """Have the source listed; while it is being listed, return the one sync that is queued for afterwards.

    ``full`` lists from the start, whatever is known. ``confirm_delete`` lets this sync delete more than
    ``sync.max_deleted_share``. With ``dry_run`` nothing is changed: once the run is ``planned``, its ``plan`` says what
    a sync would change.
    """
    if dry_run and confirm_delete:
        raise InvalidRequest("A dry run deletes nothing: leave out confirm_delete.")
    ingestion = services.ingestion.get()
    asked = {"full": full, "dry_run": dry_run, "confirm_delete": confirm_delete}
    with audit.doing("source.sync", source_id, **{name: True for name, value in asked.items() if value}):
        if dry_run:
            return RunBody.model_validate(ingestion.plan(source_id, full=full))
        return RunBody.model_validate(ingestion.sync(source_id, full=full, confirmed=confirm_delete))


@router.post("/sources/{source_id}/cancel", status_code=202)
def cancel_source(source_id: str, services: ServicesDep, audit: AuditDep) -> RunList:
    """End what goes on for the source, and return it. What has not begun is left for its next sync."""
    with audit.doing("source.cancel", source_id) as deed:
        deed.object_name = services.catalog.get().sources.get(source_id).name
        runs = services.ingestion.get().cancel(source_id)
    return RunList(runs=[RunBody.model_validate(run) for run in runs])


@router.post("/sources/{source_id}/pause")
def pause_source(source_id: str, services: ServicesDep, audit: AuditDep) -> SourceBody:
    """List the source no more, and begin none of its documents, until it is resumed.

    Permissions and deletions that are known already still take effect.
    """
    with audit.doing("source.pause", source_id) as deed:
        source = services.ingestion.get().pause_source(source_id)
        deed.object_name = source.name
    return SourceBody.model_validate(source)


@router.post("/sources/{source_id}/resume")
def resume_source(source_id: str, services: ServicesDep, audit: AuditDep) -> SourceBody:
    """Let a paused source go on where it was."""
    with audit.doing("source.resume", source_id) as deed:
        source = services.ingestion.get().resume_source(source_id)
        deed.object_name = source.name
    return SourceBody.model_validate(source)


@router.get("/sources/{source_id}/runs")
def list_runs(source_id: str, services: ServicesDep, limit: Limit = 20) -> RunList:
    """A source's syncs, newest first."""
    catalog = services.catalog.get()
    catalog.sources.get(source_id)
    return RunList(runs=[RunBody.model_validate(run) for run in catalog.runs.list(source_id, limit=limit)])


@router.get("/sources/{source_id}/failures")
def list_source_failures(source_id: str, services: ServicesDep, limit: Limit = 100, offset: Offset = 0) -> FailureList:
    """A source's documents that couldn't be taken in, and those with warnings."""
    services.catalog.get().sources.get(source_id)
    return _failures(services, source_id, limit, offset)


@router.get("/failures")
def list_failures(services: ServicesDep, limit: Limit = 100, offset: Offset = 0) -> FailureList:
    """Every document that couldn't be taken in, and those with warnings."""
    return _failures(services, None, limit, offset)


@router.post("/failures/retry", status_code=202, responses={404: {}})
def retry_failures(
    services: ServicesDep, audit: AuditDep, source_id: str | None = None, document_id: str | None = None
) -> Retried:
    """Queue failed documents again: all, those of one source, or one.

    ``document_id`` may also be the document's address, or its name in its source. ``retried`` is 0 for a document
    that a running sync has already.
    """
    if source_id is not None and document_id is not None:
        raise InvalidRequest("Give source_id or document_id, not both.")
    ingestion = services.ingestion.get()
    with audit.doing("failures.retry", document_id or source_id):
        retried = (
            ingestion.retry_failure(document_id) if document_id is not None else ingestion.retry_failures(source_id)
        )
    return Retried(retried=retried)


def _found(found: Sequence[FoundItem] | None) -> list[FoundBody] | None:
    return None if found is None else [FoundBody.model_validate(item) for item in found]


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    keys = before.keys() | after.keys()
    return {f"config.{key}" for key in keys if (key in before, before.get(key)) != (key in after, after.get(key))}


def _failures(services: ServicesDep, source_id: str | None, limit: int, offset: int) -> FailureList:
    failures, warnings = services.catalog.get().failures, services.catalog.get().warnings
    return FailureList(
        failures=[FailureBody.model_validate(failure) for failure in failures.list(source_id, limit, offset)],
        total=failures.count(source_id),
        warnings=[WarningBody.model_validate(warning) for warning in warnings.list(source_id, limit, offset)],
        total_warnings=warnings.count(source_id),
    )
