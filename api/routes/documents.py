"""``/v1/documents``: what is known of a document, its original, its text, its passages.

All of them ask the document's access list first, and a document that the caller may not read is not there.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from api.audit import actor_of
from api.auth.principal import Caller
from api.dependencies import CallerDep, FilesLane, ReaderDep, ServicesDep
from api.document_links import links_for
from api.schemas.answers import BoxBody
from api.schemas.documents import DocumentBody, ElementBody, PageBody, PassageBody, TextBody
from api.schemas.search import MetadataBody
from api.wiring import Services
from core.errors import NotFound
from ingestion.blobs import original_key, parsed_key
from ingestion.catalog.audit_entries import Deed
from ingestion.catalog.records import DocumentRecord

if TYPE_CHECKING:
    from ingestion.parsed import ParsedDocument

router = APIRouter(prefix="/v1/documents", tags=["documents"], dependencies=[ReaderDep, FilesLane])

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.IGNORECASE)
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_UNSAFE_IN_NAME = re.compile(r'[^A-Za-z0-9._ -]|["\\]')
ORIGINAL_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
"""An original is somebody's file: should a browser show it all the same, nothing in it may run or load."""


BINARY = {"type": "string", "format": "binary"}
"""The schema of bytes."""


def _visible(document_id: str, request: Request, caller: CallerDep, services: ServicesDep) -> DocumentRecord:
    document = visible_document(document_id, caller, services)
    part = request.url.path.partition(f"/{document.id}")[2].strip("/") or "metadata"
    deed = Deed(action="document.open", object_id=document.id, detail={"part": part, "version": document.version})
    services.audit.note(actor_of(request, caller), deed)
    return document


def visible_document(document_id: str, caller: Caller, services: Services) -> DocumentRecord:
    """The document, if the caller may read it: the one rule that every route here goes through.

    Raises:
        NotFound: there is none of that id, or not for this caller; the two are not told apart.
    """
    if not _ID.fullmatch(document_id):
        raise NotFound(f"There is no document {document_id[:64]!r} that you may read.")
    document = services.catalog.get().documents.get_readable(document_id, caller.principal.terms)
    if not caller.principal.reaches(document.source_id):
        raise NotFound(f"There is no document {document_id!r} that you may read.")
    return document


DocumentDep = Annotated[DocumentRecord, Depends(_visible)]


@router.get("/{document_id}")
def metadata(document: DocumentDep) -> DocumentBody:
    """What is known of a document."""
    return DocumentBody(
        document_id=document.id,
        source_id=document.source_id,
        external_id=document.external_id,
        uri=document.uri,
        title=title_of(document),
        media_type=document.media_type,
        size=document.size,
        state=document.state,
        version=document.version,
        chunks=document.chunks,
        parent_id=document.parent_id,
        metadata=MetadataBody.of(document.metadata),
        author=document.metadata.author,
        origins=dict(document.metadata.origins),
        created_at=document.created_at,
        updated_at=document.updated_at,
        indexed_at=document.indexed_at,
    )


@router.get(
    "/{document_id}/original",
    response_class=Response,
    responses={200: {"content": {"*/*": {"schema": BINARY}}}, 206: {"content": {"*/*": {"schema": BINARY}}}, 416: {}},
)
def original(document: DocumentDep, services: ServicesDep, request: Request) -> Response:
    """The bytes that the source gave, as a download; those of one ``Range``, if it is asked for."""
    blobs, key = services.blobs.get(), original_key(document.id, hash_of(document))
    size = blobs.size(key)
    media_type = document.media_type or ""
    if not _MEDIA_TYPE.fullmatch(media_type):
        media_type = "application/octet-stream"
    headers = {
        # Set by hand: Starlette would add charset=utf-8 to text, and these bytes may be in any encoding.
        "content-type": media_type,
        "content-disposition": _attachment(document.external_id),
        "content-security-policy": ORIGINAL_POLICY,
        "accept-ranges": "bytes",
    }
    part = asked_range(request.headers.get("range"), size)
    if part is None:
        return StreamingResponse(blobs.pieces(key, 0, size), headers={**headers, "content-length": str(size)})
    if not part:
        raise HTTPException(416, f"The document has {size} bytes.", {"content-range": f"bytes */{size}"})
    told = {"content-range": f"bytes {part.start}-{part.stop - 1}/{size}", "content-length": str(len(part))}
    return StreamingResponse(blobs.pieces(key, part.start, part.stop), 206, {**headers, **told})


def asked_range(header: str | None, size: int) -> range | None:
    """The bytes that a ``Range`` header asks for (RFC 9110, 14.2); an empty range where there are none.

    None: all of them, as for several ranges at once, which may be answered so.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    start = int(first)
    if last and int(last) < start:
        return None
    return range(start, min(size, int(last) + 1) if last else size)


@router.get("/{document_id}/text")
def text(document: DocumentDep, caller: CallerDep, services: ServicesDep) -> TextBody:
    """The document's extracted text, the elements in it, and the links that the caller may follow."""
    parsed = _parsed(document, services)
    return TextBody(
        document_id=document.id,
        title=title_of(document),
        uri=document.uri,
        media_type=document.media_type,
        text=parsed.text,
        elements=[ElementBody.model_validate(element) for element in parsed.elements],
        links=links_for(document, parsed, services.catalog.get().documents, caller.principal.terms),
        warnings=list(parsed.warnings),
        pages=[PageBody.model_validate(page) for page in parsed.pages],
    )


@router.get("/{document_id}/chunks/{ordinal}")
def passage(document: DocumentDep, ordinal: int, services: ServicesDep) -> PassageBody:
    """One passage, with its place in the document's text."""
    parsed = _parsed(document, services)
    if not 0 <= ordinal < len(parsed.passages):
        raise NotFound(f"Document {document.id!r} has passages 0 to {len(parsed.passages) - 1}, but no {ordinal}.")
    found = parsed.passages[ordinal]
    return PassageBody(
        document_id=document.id,
        ordinal=found.ordinal,
        start=found.start,
        end=found.end,
        page=found.page,
        heading_path=found.heading_path,
        cells=parsed.cells(found.start, found.end),
        boxes=tuple(map(BoxBody.model_validate, parsed.boxes(found.start, found.end))),
        text=parsed.text[found.start : found.end],
    )


def title_of(document: DocumentRecord) -> str:
    """The title, or the file's name for an untitled document."""
    return document.metadata.title or document.title or _file_name(document.external_id)


def _parsed(document: DocumentRecord, services: Services) -> ParsedDocument:
    from ingestion.parsed import ParsedDocument  # noqa: PLC0415  brings the chunking package

    return ParsedDocument.from_bytes(services.blobs.get().get(parsed_key(document.id, hash_of(document))))


def hash_of(document: DocumentRecord) -> str:
    """The hash of the bytes that were read last.

    Raises:
        NotFound: none were, so far.
    """
    if document.content_hash is None:
        raise NotFound(f"Document {document.id!r} is known, but has not been read yet (it is {document.state}).")
    return document.content_hash


def _file_name(external_id: str) -> str:
    return PurePosixPath(external_id).name or "document"


def _attachment(external_id: str) -> str:
    """A download under the file's own name, in RFC 6266's two spellings."""
    name = _file_name(external_id)
    plain = _UNSAFE_IN_NAME.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
