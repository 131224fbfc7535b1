"""Which page of its document a quote is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.part import Part
from core.errors import FootnoteError
from core.logs import get_logger

if TYPE_CHECKING:
    from ingestion.blobs import BlobStore
    from ingestion.catalog.catalog import Catalog

log = get_logger(__name__)


class PageLocator:
    """Finds pages in the extracted text that is kept beside each original."""

    def __init__(self, catalog: Part[Catalog], blobs: Part[BlobStore]) -> None:
        self._catalog = catalog
        self._blobs = blobs

    def __call__(self, document_id: str, offset: int) -> int | None:
        """The page that holds this character of the document's text; None when that can't be told.

        A page is worth less than the answer it stands in: when the text can't be read, the citation goes without.
        """
        from ingestion.blobs import parsed_key  # noqa: PLC0415  brings fsspec
        from ingestion.parsed import ParsedDocument  # noqa: PLC0415  brings the chunking package

        try:
            document = self._catalog.get().documents.get(document_id)
            if document.content_hash is None:
                return None
            parsed = ParsedDocument.from_bytes(self._blobs.get().get(parsed_key(document.id, document.content_hash)))
        except FootnoteError as error:
            log.warning("page.unknown", document_id=document_id, error=type(error).__name__)
            return None
        return next((e.page for e in reversed(parsed.elements) if e.start <= offset and e.page is not None), None)
