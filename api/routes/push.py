"""``/v1/sources/{id}/documents``: documents that are pushed to a source of kind ``push``."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.datastructures import Headers

from api.audit import Audit
from api.dependencies import AuditDep, CuratorDep, ServicesDep, UploadsLane
from api.json_body import is_json
from api.pushing import Pushing
from api.schemas.push import PushAnswer, PushAnswers, PushedChange, PushedDocument, PushResult, Version
from api.schemas.sources import RunBody
from api.uploads import Upload, upload_of
from api.wiring import Services

router = APIRouter(prefix="/v1/sources/{source_id}/documents", tags=["push"], dependencies=[CuratorDep, UploadsLane])

NDJSON = "application/x-ndjson"
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_LATER: dict[int | str, dict[str, Any]] = {
    409: {"description": "A later version is there, or the source is of another kind."}
}


def _body(**content: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def _schema(model: type[PushedDocument]) -> dict[str, Any]:
    return model.model_json_schema()


_ONE = _body(**{"application/json": {"schema": _schema(PushedDocument)}, "application/octet-stream": _BYTES})
_MANY = _body(
    **{
        "application/json": {"schema": {"type": "array", "items": _schema(PushedChange)}},
        NDJSON: {"schema": _schema(PushedChange)},
    }
)


@router.put("/{key:path}", status_code=202, responses=_LATER, openapi_extra=_ONE)
async def push_document(
    source_id: str, key: str, request: Request, services: ServicesDep, audit: AuditDep
) -> PushAnswer:
    """Put a document: its bytes, whatever their type, with ``X-Footnote-Version``, ``X-Footnote-Acl`` (a JSON array),
    ``X-Footnote-Metadata`` (a JSON object) and ``X-Footnote-Uri``; or all of that as JSON.

    It is kept, and taken in by the sync that is returned. The same version again changes nothing.
    """
    lane = services.lanes.uploads
    async with upload_of(request, lane, services.settings.parsing.max_file_mb * 1_000_000) as upload:
        return await lane.run_in_place(
            partial(_put, services, source_id, key, upload, headers=request.headers, audit=audit)
        )


@router.delete("/{key:path}", status_code=202, responses=_LATER)
async def delete_document(
    source_id: str,
    key: str,
    services: ServicesDep,
    audit: AuditDep,
    version: Annotated[Version | None, Query()] = None,
) -> PushAnswer:
    """Delete a document. A version that comes later, but is older, stays refused."""
    return await services.lanes.uploads.run_in_place(partial(_delete, services, source_id, key, version, audit))


@router.post("", status_code=202, responses=_LATER, openapi_extra=_MANY)
async def push_documents(source_id: str, request: Request, services: ServicesDep, audit: AuditDep) -> PushAnswers:
    """Put and delete many documents: a JSON array, or a document a line. Each answer stands by itself."""
    sent_as = request.headers.get("content-type", "")
    lines = sent_as.partition(";")[0].strip().lower() == NDJSON
    if not lines and not is_json(sent_as):
        raise HTTPException(415, f"The body is sent as {sent_as[:100]!r}. Send application/json, or {NDJSON}.")
    lane = services.lanes.uploads
    async with upload_of(request, lane, services.settings.parsing.max_file_mb * 1_000_000) as upload:
        return await lane.run_in_place(partial(_change, services, source_id, upload, lines, audit))


def _put(services: Services, source_id: str, key: str, upload: Upload, *, headers: Headers, audit: Audit) -> PushAnswer:
    with audit.doing("document.push", source_id, key=key, bytes=upload.size) as deed:
        pushing = Pushing(services, source_id)
        deed.object_name = pushing.name
        result = pushing.put(key, upload, headers)
        deed.detail |= {"outcome": result.outcome, "version": result.version}
        return _answer(result, pushing)


def _delete(services: Services, source_id: str, key: str, version: int | None, audit: Audit) -> PushAnswer:
    with audit.doing("document.delete", source_id, key=key) as deed:
        pushing = Pushing(services, source_id)
        deed.object_name = pushing.name
        result = pushing.delete(key, version)
        deed.detail |= {"outcome": result.outcome, "version": result.version}
        return _answer(result, pushing)


def _change(services: Services, source_id: str, upload: Upload, lines: bool, audit: Audit) -> PushAnswers:
    with audit.doing("document.push_many", source_id, bytes=upload.size) as deed:
        pushing = Pushing(services, source_id)
        results: list[PushResult] = []
        deed.object_name = pushing.name
        try:
            results.extend(pushing.change(upload.file, lines=lines))
        finally:  # what is in the inbox is taken in, whatever came of the rest
            run = pushing.sync()
        deed.detail |= Counter(result.outcome for result in results)
    return PushAnswers(results=results, run=None if run is None else RunBody.model_validate(run))


def _answer(result: PushResult, pushing: Pushing) -> PushAnswer:
    run = pushing.sync()
    return PushAnswer(**result.model_dump(), run=None if run is None else RunBody.model_validate(run))
