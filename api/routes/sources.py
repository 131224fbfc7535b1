"""``/v1/sources`` and ``/v1/failures``: where documents come from, their syncs, and what went wrong."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import AdminDep, ServicesDep
from api.schemas.sources import (
    FailureBody,
    FailureList,
    Retried,
    RunBody,
    RunList,
    SourceBody,
    SourceChange,
    SourceCreated,
    SourceDetail,
    SourceList,
    SourceRequest,
)
from core.errors import InvalidRequest

router = APIRouter(prefix="/v1", tags=["sources"], dependencies=[AdminDep])

Limit = Annotated[int, Query(ge=1, le=1000)]
Offset = Annotated[int, Query(ge=0)]


@router.get("/sources")
def list_sources(services: ServicesDep) -> SourceList:
    """Every source."""
    return SourceList(sources=[SourceBody.model_validate(source) for source in services.catalog.get().sources.list()])


@router.post("/sources", status_code=201)
def create_source(body: SourceRequest, services: ServicesDep, sync: bool = False) -> SourceCreated:
    """Add a source; with ``?sync=true`` its first sync starts at once."""
    ingestion = services.ingestion.get()
    source = ingestion.create_source(body.kind, body.name, body.config, body.interval_s)
    run = ingestion.sync(source.id) if sync else None
    shown = SourceBody.model_validate(source).model_dump()
    return SourceCreated(**shown, run=RunBody.model_validate(run) if run else None)


@router.get("/sources/{source_id}")
def get_source(source_id: str, services: ServicesDep) -> SourceDetail:
    """A source, and how many documents it has in each state."""
    catalog = services.catalog.get()
    shown = SourceBody.model_validate(catalog.sources.get(source_id)).model_dump()
    return SourceDetail(**shown, documents=dict(catalog.documents.totals(source_id)))


@router.patch("/sources/{source_id}")
def update_source(source_id: str, body: SourceChange, services: ServicesDep) -> SourceBody:
    """Change a source; what is left out stays."""
    changes = body.model_dump(exclude_unset=True)
    return SourceBody.model_validate(services.ingestion.get().update_source(source_id, **changes))


@router.delete("/sources/{source_id}", status_code=202)
def delete_source(source_id: str, services: ServicesDep) -> None:
    """Remove a source and everything that came from it; the documents go in the background."""
    services.ingestion.get().delete_source(source_id)


@router.post("/sources/{source_id}/sync", status_code=202)
def sync_source(source_id: str, services: ServicesDep) -> RunBody:
    """Have the source listed; while it is being listed, return the one sync that is queued for afterwards."""
    return RunBody.model_validate(services.ingestion.get().sync(source_id))


@router.get("/sources/{source_id}/runs")
def list_runs(source_id: str, services: ServicesDep, limit: Limit = 20) -> RunList:
    """A source's syncs, newest first."""
    catalog = services.catalog.get()
    catalog.sources.get(source_id)
    return RunList(runs=[RunBody.model_validate(run) for run in catalog.runs.list(source_id, limit=limit)])


@router.get("/sources/{source_id}/failures")
def list_source_failures(source_id: str, services: ServicesDep, limit: Limit = 100, offset: Offset = 0) -> FailureList:
    """A source's documents that couldn't be taken in."""
    services.catalog.get().sources.get(source_id)
    return _failures(services, source_id, limit, offset)


@router.get("/failures")
def list_failures(services: ServicesDep, limit: Limit = 100, offset: Offset = 0) -> FailureList:
    """Every document that couldn't be taken in."""
    return _failures(services, None, limit, offset)


@router.post("/failures/retry", status_code=202)
def retry_failures(services: ServicesDep, source_id: str | None = None, document_id: str | None = None) -> Retried:
    """Queue failed documents again: all, those of one source, or one.

    ``document_id`` may also be the document's address, or its name in its source. ``retried`` is 0 for a document
    that a running sync has already.
    """
    ingestion = services.ingestion.get()
    if document_id is None:
        return Retried(retried=ingestion.retry_failures(source_id))
    if source_id is not None:
        raise InvalidRequest("Give source_id or document_id, not both.")
    return Retried(retried=ingestion.retry_failure(document_id))


def _failures(services: ServicesDep, source_id: str | None, limit: int, offset: int) -> FailureList:
    failures = services.catalog.get().failures
    found = [FailureBody.model_validate(failure) for failure in failures.list(source_id, limit, offset)]
    return FailureList(failures=found, total=failures.count(source_id))
