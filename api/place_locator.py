"""Where in its document a quote is: the section, the page and the boxes on it, or its cells."""

from __future__ import annotations

import re
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import FootnoteError
from core.lazy import Lazy
from core.logs import get_logger
from core.place import SPREADSHEETS, Line, Place, rows_of

if TYPE_CHECKING:
    from core.chunk import Chunk
    from ingestion.blobs import BlobStore
    from ingestion.catalog.catalog import Catalog
    from ingestion.chunking.model import PlacedElement

CACHE_BYTES = 16 * 1024 * 1024
"""A page of prose takes some seven kilobytes: room for the places of two thousand pages."""
_OVERHEAD = 256
_BREAK = re.compile("\n")

log = get_logger(__name__)


class _Cells:
    """A block of cells and where in the document's text its rows end."""

    def __init__(self, element: PlacedElement, text: str) -> None:
        self.start, self.end = element.start, element.end
        self._place = element.place or ""
        rows = text[element.start : element.end]
        self._breaks = array("q", (element.start + found.start() for found in _BREAK.finditer(rows)))

    @property
    def bytes(self) -> int:
        return _OVERHEAD + len(self._place) + len(self._breaks) * self._breaks.itemsize

    def rows(self, start: int, end: int) -> str:
        """The rows that a span of the text is in."""
        last = bisect_left(self._breaks, end - 1)
        return rows_of(self._place, last - bisect_left(self._breaks, start), len(self._breaks) - last)


class PlaceMap:
    """Where a document's text stands, in a few bytes a word: its sections, pages and cells, and the lines in them."""

    def __init__(self) -> None:
        self._starts, self._pages = array("q"), array("i")
        self._lines = array("q")
        self._spans, self._edges = array("q"), array("f")
        self._words, self._word_ends = array("f"), array("q")
        self._cells: list[_Cells] = []
        self._sections, self._paths = array("q"), list[tuple[str, ...]]()

    @classmethod
    def of(cls, elements: Sequence[PlacedElement], text: str) -> PlaceMap:
        """The map of a document's elements, in the order of its text."""
        from ingestion.chunking.placing import heading_paths  # noqa: PLC0415  brings the chunking package

        found = cls()
        for element, path in zip(elements, heading_paths(text, elements), strict=True):
            if path != (found._paths[-1] if found._paths else ()):
                found._sections.append(element.start)
                found._paths.append(path)
            if element.place is not None:
                found._cells.append(_Cells(element, text))
            if element.page is not None:
                found._starts.append(element.start)
                found._pages.append(element.page)
            for line in element.lines:
                found._lines.append(line.start)
                found._spans.extend((line.end, line.page))
                found._edges.extend((line.left, line.top, line.right, line.bottom))
                found._words.extend(line.words)
                found._word_ends.append(len(found._words))
        return found

    @property
    def bytes(self) -> int:
        """What it takes."""
        parts = (self._starts, self._pages, self._lines, self._spans, self._edges, self._words, self._word_ends)
        blocks = sum(block.bytes for block in self._cells)
        # Paths share the text of their headings: each adds one of its own.
        headings = sum(_OVERHEAD + len(path[-1]) for path in self._paths)
        return _OVERHEAD + blocks + headings + sum(len(part) * part.itemsize for part in (*parts, self._sections))

    def place(self, start: int, end: int) -> Place:
        """Where a span stands.

        It has the headings above its beginning, and its cells, its boxes where lines are known, or the page of the
        element that it begins in.
        """
        section = bisect_right(self._sections, start) - 1
        return replace(self._on_page(start, end), heading_path=self._paths[section] if section >= 0 else ())

    def _on_page(self, start: int, end: int) -> Place:
        if cells := tuple(block.rows(start, end) for block in self._cells if block.start < end and start < block.end):
            return Place(None, cells=cells)
        first = max(bisect_right(self._lines, start) - 1, 0)
        within = range(first, bisect_left(self._lines, end, first))
        boxes = tuple(box for box in (self._line(number).box(start, end) for number in within) if box is not None)
        if boxes:
            return Place(boxes[0].page, boxes)
        number = bisect_right(self._starts, start) - 1
        return Place(self._pages[number] if number >= 0 else None)

    def _line(self, number: int) -> Line:
        end, page = self._spans[2 * number : 2 * number + 2]
        left, top, right, bottom = (round(edge, 1) for edge in self._edges[4 * number : 4 * number + 4])
        words = self._words[self._word_ends[number - 1] if number else 0 : self._word_ends[number]]
        edges = tuple(round(value, 1) for value in words)
        return Line(self._lines[number], end, page, left, top, right, bottom, edges)


class PlaceLocator:
    """Finds places in the extracted text that is kept beside each original. Safe to use from several threads.

    An answer cites one document several times, and its extracted text can be megabytes: what is kept of it is where
    its lines stand, for the documents that were cited last, by document and content.
    """

    def __init__(self, catalog: Lazy[Catalog], blobs: Lazy[BlobStore], *, cache_bytes: int = CACHE_BYTES) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._cache_bytes = cache_bytes
        self._cached: OrderedDict[tuple[str, str], PlaceMap] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def __call__(self, document_id: str, start: int, end: int) -> Place | None:
        """Where this span of the document's text stands; None when that can't be told.

        A place is worth less than the answer it stands in: when the text can't be read, the citation goes without.
        """
        try:
            document = self._catalog.get().documents.get(document_id)
            if document.content_hash is None:
                return None
            places = self._places(document.id, document.content_hash)
        except FootnoteError as error:
            log.warning("place.unknown", document_id=document_id, error=type(error).__name__)
            return None
        return places.place(start, end)

    def cells(self, chunk: Chunk) -> tuple[str, ...]:
        """The cells that a passage is in; none if its document isn't a workbook, which isn't looked at then."""
        if chunk.metadata.document_type not in SPREADSHEETS:
            return ()
        place = self(chunk.document_id, chunk.start, chunk.end)
        return () if place is None else place.cells

    def _places(self, document_id: str, content_hash: str) -> PlaceMap:
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
                self._held += read.bytes
            while self._held > self._cache_bytes:
                _, dropped = self._cached.popitem(last=False)
                self._held -= dropped.bytes
        return read

    def _read(self, document_id: str, content_hash: str) -> PlaceMap:
        from ingestion.blobs import parsed_key  # noqa: PLC0415  brings fsspec
        from ingestion.parsed import ParsedDocument  # noqa: PLC0415  brings the chunking package

        parsed = ParsedDocument.from_bytes(self._blobs.get().get(parsed_key(document_id, content_hash)))
        return PlaceMap.of(parsed.elements, parsed.text)
