"""Which page of its document a quote is on."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING

from api.part import Part
from core.errors import FootnoteError
from core.logs import get_logger

if TYPE_CHECKING:
    from ingestion.blobs import BlobStore
    from ingestion.catalog.catalog import Catalog

CACHE_BYTES = 4 * 1024 * 1024
"""Twelve bytes an element: room for some 350,000 elements, a few hundred long documents."""
_OVERHEAD = 256

log = get_logger(__name__)

PageMap = tuple["array[int]", "array[int]"]
"""Where elements with a known page begin, ascending, and the page of each."""


class PageLocator:
    """Finds pages in the extracted text that is kept beside each original. Safe to use from several threads.

    An answer cites one document several times, and its extracted text can be megabytes: what is kept of it is where
    its pages begin, for the documents that were cited last, by document and content.
    """

    def __init__(self, catalog: Part[Catalog], blobs: Part[BlobStore], *, cache_bytes: int = CACHE_BYTES) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._cache_bytes = cache_bytes
        self._cached: OrderedDict[tuple[str, str], PageMap] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def __call__(self, document_id: str, offset: int) -> int | None:
        """The page that holds this character of the document's text; None when that can't be told.

        A page is worth less than the answer it stands in: when the text can't be read, the citation goes without.
        """
        try:
            document = self._catalog.get().documents.get(document_id)
            if document.content_hash is None:
                return None
            starts, pages = self._pages(document.id, document.content_hash)
        except FootnoteError as error:
            log.warning("page.unknown", document_id=document_id, error=type(error).__name__)
            return None
        place = bisect_right(starts, offset)
        return pages[place - 1] if place else None

    def _pages(self, document_id: str, content_hash: str) -> PageMap:
        key = (document_id, content_hash)
        with self._lock:
            known = self._cached.get(key)
            if known is not None:
                self._cached.move_to_end(key)
                return known
        read = self._read(document_id, content_hash)
        with self._lock:
            if key not in self._cached:
                self._cached[key] = read
                self._held += _size(read)
            while self._held > self._cache_bytes:
                _, dropped = self._cached.popitem(last=False)
                self._held -= _size(dropped)
        return read

    def _read(self, document_id: str, content_hash: str) -> PageMap:
        from ingestion.blobs import parsed_key  # noqa: PLC0415  brings fsspec
        from ingestion.parsed import ParsedDocument  # noqa: PLC0415  brings the chunking package

        parsed = ParsedDocument.from_bytes(self._blobs.get().get(parsed_key(document_id, content_hash)))
        placed = sorted(((e.start, e.page) for e in parsed.elements if e.page is not None), key=lambda one: one[0])
        return array("q", [start for start, _ in placed]), array("i", [page for _, page in placed])


def _size(pages: PageMap) -> int:
    return _OVERHEAD + sum(len(part) * part.itemsize for part in pages)
