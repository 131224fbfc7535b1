"""Documents that readers upload for themselves alone."""

from __future__ import annotations

from api.schemas.base import ResponseBody


class OwnDocumentBody(ResponseBody):
    """One of them. ``state``: it is found once it is ``indexed``; ``reason``: why it couldn't be taken in."""

    document_id: str
    name: str
    size: int
    state: str
    reason: str | None


class OwnDocumentsBody(ResponseBody):
    """All of them, the latest first, and how many and how large they may be."""

    documents: list[OwnDocumentBody]
    max_documents: int
    max_file_mb: int
