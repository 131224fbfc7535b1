"""``/v1/uploads``: documents that readers upload for themselves, and that nobody else finds."""

from __future__ import annotations

from fastapi import APIRouter, Request

from api.dependencies import AuditDep, CallerDep, ReaderDep, ServicesDep, UploadsLane, ready
from api.own_documents import OwnDocuments
from api.schemas.own_documents import OwnDocumentsBody
from api.uploads import upload_of

router = APIRouter(prefix="/v1/uploads", tags=["uploads"], dependencies=[ReaderDep, UploadsLane])

_BYTES = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("")
def own_documents(caller: CallerDep, services: ServicesDep) -> OwnDocumentsBody:
    """One's own documents, and what became of them."""
    return _all(OwnDocuments.of(caller, services))


@router.put("/{name}", status_code=202, openapi_extra=_BYTES)
async def upload(
    name: str, request: Request, caller: CallerDep, services: ServicesDep, audit: AuditDep
) -> OwnDocumentsBody:
    """Upload a document for oneself alone: its bytes, whatever their type. Nobody else finds or opens it.

    It takes the place of the one of the same name, and is found once it has been read.
    """
    await ready(services.catalog)
    own, lane = OwnDocuments.of(caller, services), services.lanes.uploads
    most = services.settings.uploads.max_file_mb
    async with upload_of(request, lane, most * 1_000_000, "uploads.max_file_mb") as sent:

        def keep() -> OwnDocumentsBody:
            with audit.doing("upload.put", own.folder, bytes=sent.size):
                own.put(name, sent, request.headers.get("content-type"))
            return _all(own)

        return await lane.run_in_place(keep)


@router.delete("/{name}")
async def delete(name: str, caller: CallerDep, services: ServicesDep, audit: AuditDep) -> OwnDocumentsBody:
    """Delete one of one's own documents."""
    await ready(services.catalog)
    own = OwnDocuments.of(caller, services)

    def forget() -> OwnDocumentsBody:
        with audit.doing("upload.delete", own.folder):
            own.delete(name)
        return _all(own)

    return await services.lanes.uploads.run_in_place(forget)


def _all(own: OwnDocuments) -> OwnDocumentsBody:
    limits = own.services.settings.uploads
    return OwnDocumentsBody(documents=own.list(), max_documents=limits.max_documents, max_file_mb=limits.max_file_mb)
