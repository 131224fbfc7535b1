"""An answer of Document Intelligence's layout model, as elements in reading order.

Everything that was found points into one text by offset and length: a word is a paragraph's, or a table's cell's, if it
begins within one of its spans. Paragraphs come in reading order, those inside tables among them.

https://learn.microsoft.com/azure/ai-services/document-intelligence/concept/analyze-document-response
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from core.place import PageSize
from ingestion.partitioning.cloud.elements import left_out, paragraph, table, text_line
from ingestion.partitioning.pdf.lines import TextLine, Word
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import Reading, clean

if TYPE_CHECKING:
    from azure.ai.documentintelligence.models import (
        AnalyzeResult,
        DocumentPage,
        DocumentParagraph,
        DocumentSpan,
        DocumentTable,
    )

_POINTS = {"inch": 72.0, "pixel": 1.0}
_FURNITURE = ("pageHeader", "pageFooter", "pageNumber")


def to_reading(result: AnalyzeResult, sizes: Sequence[PageSize]) -> Reading:
    """Elements and page sizes of an answer.

    Args:
        sizes: of the pages as they were sent; the answer's own go before them.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: the answer isn't of the form that is documented.
    """
    pages = list(sizes)
    for page in result.pages:
        while len(pages) < page.page_number:
            pages.append(PageSize(0, 0))
        if page.width and page.height:
            scale = _POINTS[page.unit or "inch"]
            pages[page.page_number - 1] = PageSize(round(page.width * scale, 2), round(page.height * scale, 2))
    result_words = _Words(result.pages)
    found = _Result(result, result_words, pages)
    reading = Reading(list(found.elements()), pages=tuple(pages))
    reading.warnings += left_out(found.furniture)
    return reading


class _Words:
    """All words by their offset in the answer's text."""

    def __init__(self, pages: Iterable[DocumentPage]) -> None:
        found: list[tuple[int, int, int, Word]] = []
        for page in pages:
            scale = _POINTS[page.unit or "inch"]
            starts = sorted(span.offset for line in page.lines or () for span in line.spans)
            for word in page.words or ():
                text = " ".join(clean(word.content).split())
                if text and word.polygon:
                    line = bisect_right(starts, word.span.offset)
                    box = _box(word.polygon, scale)
                    found.append((word.span.offset, page.page_number, line, Word(text, *box)))
        self._all = sorted(found, key=lambda item: item[0])
        self._offsets = [item[0] for item in self._all]
        self._taken = [False] * len(self._all)

    def take(self, spans: Iterable[DocumentSpan]) -> list[TextLine]:
        """The words that begin within the spans and weren't taken yet, as the lines that they stand in."""
        places: list[int] = []
        for span in spans:
            first = bisect_left(self._offsets, span.offset)
            last = bisect_left(self._offsets, span.offset + span.length)
            places += [at for at in range(first, last) if not self._taken[at]]
        return self._lines(places)

    def rest(self) -> Iterator[tuple[int, list[TextLine]]]:
        """The lines that nobody took, each with its offset."""
        left = [at for at, taken in enumerate(self._taken) if not taken]
        for _, group in groupby(left, key=lambda at: self._all[at][1:3]):
            places = list(group)
            yield self._offsets[places[0]], self._lines(places)

    def _lines(self, places: Sequence[int]) -> list[TextLine]:
        lines = []
        for (page, _), group in groupby(places, key=lambda at: self._all[at][1:3]):
            taken = list(group)
            for at in taken:
                self._taken[at] = True
            lines.append(text_line([self._all[at][3] for at in taken], page))
        return lines


class _Result:
    def __init__(self, result: AnalyzeResult, words: _Words, sizes: Sequence[PageSize]) -> None:
        self._words, self._sizes = words, sizes
        self._paragraphs = list(result.paragraphs or ())
        self._tables = list(result.tables or ())
        self._titled = any(one.role == "title" for one in self._paragraphs)
        self.furniture = 0

    def elements(self) -> Iterator[Element]:
        """In reading order: by their offsets."""
        placed: list[tuple[int, Element | None]] = []
        # Tables first: the paragraphs inside them are then left without words.
        placed += [(_offset(one.spans), self._table(one)) for one in self._tables]
        placed += [(_offset(one.spans), self._paragraph(one)) for one in self._paragraphs]
        placed += [(offset, paragraph(lines, self._sizes)) for offset, lines in self._words.rest()]
        for _, element in sorted(placed, key=lambda item: item[0]):
            if element is not None:
                yield element

    def _paragraph(self, one: DocumentParagraph) -> Element | None:
        lines = self._words.take(one.spans)
        if one.role in _FURNITURE:
            self.furniture += bool(lines)
            return None
        if one.role == "title":
            return paragraph(lines, self._sizes, ElementKind.TITLE, 1)
        if one.role == "sectionHeading":
            return paragraph(lines, self._sizes, ElementKind.TITLE, 2 if self._titled else 1)
        return paragraph(lines, self._sizes)

    def _table(self, one: DocumentTable) -> Element | None:
        cells = ((cell.row_index, cell.column_index, self._words.take(cell.spans or ())) for cell in one.cells)
        return table(cells, self._sizes)


def _offset(spans: Iterable[DocumentSpan]) -> int:
    return min((span.offset for span in spans), default=0)


def _box(polygon: Sequence[float], scale: float) -> tuple[float, float, float, float]:
    across, down = polygon[::2], polygon[1::2]
    return min(across) * scale, min(down) * scale, max(across) * scale, max(down) * scale
