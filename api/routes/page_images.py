"""``/v1/documents/{id}/pages/{n}.png``: a page of a PDF as an image, for readers who check what is cited."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import ImagesLane, ReaderDep, ServicesDep
from api.routes.documents import BINARY, DocumentDep, hash_of
from core.errors import NotFound
from ingestion.blobs import original_key

router = APIRouter(prefix="/v1/documents", tags=["documents"], dependencies=[ReaderDep, ImagesLane])

NARROWEST, WIDEST = 100, 2400
_RENDERING = 1
"""Part of the tag of an image: higher whenever the same page comes out differently."""

WidthQuery = Annotated[int, Query(ge=NARROWEST, le=WIDEST, description="In pixels.")]


@router.get(
    "/{document_id}/pages/{page}.png",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {"schema": BINARY}}},
        304: {"description": "The image that the caller has is the newest."},
        413: {},
    },
)
def page_image(
    document: DocumentDep, page: int, request: Request, services: ServicesDep, width: WidthQuery = 1200
) -> Response:
    """A page of a PDF, from 1, as PNG. An extremely high page has fewer pixels than asked for.

    A browser keeps it, and asks each time whether its reader may still see it. 404 also for a page that the document
    doesn't have, and for what is not a PDF; 413 and 422 also for a page that can't be rendered; 503 also while too many
    are asked for at once.
    """
    content_hash = hash_of(document)
    if document.media_type != "application/pdf":
        kind = document.media_type or "of an unknown kind"
        raise NotFound(
            f"Document {document.id!r} is {kind}: only a PDF has pages to show. "
            f"Its text is at /v1/documents/{document.id}/text."
        )
    tag = f'"{content_hash[:32]}-{page}-{width}-{_RENDERING}"'
    headers = {
        "etag": tag,
        "cache-control": "private, no-cache",
        "vary": "Authorization, X-Footnote-User, X-Footnote-Groups",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    content = services.blobs.get().get(original_key(document.id, content_hash))
    name = PurePosixPath(document.external_id).name or document.id
    image = services.page_images.get().render(content, name=name, page=page, width=width)
    return Response(image, headers=headers, media_type="image/png")
