"""A document as one text, with its elements and passages placed in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.link import Link
from core.place import Line, PageSize, rows_of
from ingestion.partitioning.port import ElementKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedElement:
    """An element's place in its document's text: ``text[start:end]`` is the element's own text.

    Attributes:
        start, end: offsets in characters.
        page: the page it begins on, from 1; None where the format has no pages.
        level: a heading's depth, from 1; None for everything else.
        lines: where it stands on its pages; their offsets are of the document's text.
        place: where in a spreadsheet it is, as ``Rates!A3:C5``; None in everything else.
        links: their offsets are of the document's text.
    """

    kind: ElementKind
    start: int
    end: int
    page: int | None = None
    level: int | None = None
    lines: tuple[Line, ...] = ()
    place: str | None = None
    links: tuple[Link, ...] = ()

    def page_at(self, offset: int) -> int | None:
        """The page of the character at this offset of the document's text: an element can run on over pages."""
        return next((line.page for line in reversed(self.lines) if line.start <= offset), self.page)

    def rows_at(self, text: str, start: int, end: int) -> str | None:
        """The part of ``place`` that a span of the document's text is in: the rows of the lines that it touches.

        A table has a row a line; above its rows there may be lines with the names of its columns.
        """
        if self.place is None:
            return None
        touched = text.count("\n", max(start, self.start), min(end - 1, self.end))
        below = text.count("\n", max(end - 1, self.start), self.end)
        return rows_of(self.place, touched, below)


def cells_of(elements: Iterable[PlacedElement], text: str, start: int, end: int) -> tuple[str, ...]:
    """The cells of a workbook that ``text[start:end]`` is in, as ``Rates!B4:C6``; none in all other documents."""
    within = (element for element in elements if element.place and element.start < end and start < element.end)
    return tuple(place for element in within if (place := element.rows_at(text, start, end)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A span of the document's text that is searched, embedded and cited as one.

    Attributes:
        ordinal: from 0, without gaps, in the order of ``start``.
        start, end: offsets in characters; neighbours may overlap.
        page: the page it begins on.
        heading_path: the headings above the first element behind its overlap with the passage before, outermost first.
        tokens: its length in the tokens it was cut by.
    """

    ordinal: int
    start: int
    end: int
    page: int | None
    heading_path: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class ChunkedDocument:
    """The document's text (its elements' texts joined by a blank line), and where everything is in it."""

    text: str
    elements: tuple[PlacedElement, ...]
    passages: tuple[Passage, ...]
    pages: tuple[PageSize, ...] = ()
