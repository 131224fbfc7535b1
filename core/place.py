"""Where text stands on the pages of its document.

Everywhere in Footnote a place on a page is in points (1/72 inch), from the top left corner of the page as a viewer
shows it: turned by its own rotation, and cut to its crop box. To draw a box on an image of the page, multiply by
``image width / page width``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

SPREADSHEETS = frozenset({"xlsx", "xls", "ods", "csv", "tsv"})
"""The document types whose text stands in cells."""
_RANGE = re.compile(r"(.+!)?([A-Z]+)(\d+):([A-Z]+)(\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PageSize:
    """A page's size as shown, in points."""

    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle on a page, in points from the top left corner; ``page`` counts from 1."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span of a document's text stands.

    Attributes:
        page: the page that it begins on; None where the format has no pages.
        boxes: around it, one for each line that it touches, in reading order; empty where that isn't known.
        cells: of a workbook, as ``Rates!B4:C4``, one range for each block of cells that it touches.
        heading_path: the headings above its beginning, outermost first; a heading is in its own path.
    """

    page: int | None
    boxes: tuple[Box, ...] = ()
    cells: tuple[str, ...] = ()
    heading_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of text that stands in one line of a page.

    Attributes:
        start, end: its span, in characters of the text that it is a line of.
        page: from 1.
        left, top, right, bottom: its box, in points.
        words: three numbers for each word: where it begins, in characters from ``start``, and its two edges along the
            line: left and right, or top and bottom where the line runs up or down. Empty where they aren't known.
        across: whether the line runs across the page, and not up or down it.
    """

    start: int
    end: int
    page: int
    left: float
    top: float
    right: float
    bottom: float
    words: tuple[float, ...] = ()
    across: bool = True

    def moved(self, offset: int) -> Line:
        """The same line of a text in which it begins ``offset`` characters later."""
        return replace(self, start=self.start + offset, end=self.end + offset)

    def box(self, start: int, end: int) -> Box | None:
        """Around the words between two offsets; None if the line holds none of that text."""
        start, end = max(start, self.start), min(end, self.end)
        if start >= end:
            return None
        low, high = self._edges(start - self.start, end - self.start)
        if self.across:
            return Box(page=self.page, left=low, top=self.top, right=high, bottom=self.bottom)
        return Box(page=self.page, left=self.left, top=low, right=self.right, bottom=high)

    def _edges(self, start: int, end: int) -> tuple[float, float]:
        """From where to where the words between two offsets reach along the line."""
        whole = (self.left, self.right) if self.across else (self.top, self.bottom)
        if not self.words:
            return whole
        begins = [int(place) for place in self.words[::3]]
        # Between two words is one space, which is part of neither.
        ends = [*(place - 1 for place in begins[1:]), self.end - self.start]
        words = zip(begins, ends, self.words[1::3], self.words[2::3], strict=True)
        edges = [(low, high) for begin, stop, low, high in words if begin < end and start < stop]
        if not edges:
            return whole
        return min(low for low, _ in edges), max(high for _, high in edges)

    def packed(self) -> list[Any]:
        """As a list for JSON, the inverse of :meth:`unpacked`."""
        box = (self.left, self.top, self.right, self.bottom)
        return [self.start, self.end, self.page, *box, list(self.words), *([] if self.across else [False])]

    @classmethod
    def unpacked(cls, values: list[Any]) -> Line:
        """The inverse of :meth:`packed`."""
        start, end, page, left, top, right, bottom, words, *rest = values
        return cls(start, end, page, left, top, right, bottom, tuple(words), *rest)


def boxes(lines: Iterable[Line], start: int, end: int) -> Iterator[Box]:
    """The boxes of the text between two offsets, one for each line that it touches, in the order of the lines."""
    for line in lines:
        box = line.box(start, end)
        if box is not None:
            yield box


def rows_of(place: str, breaks: int, below: int) -> str:
    """Some rows of a range of cells: its last ones but ``below``, with ``breaks`` line breaks between them.

    Args:
        place: ``Rates!B4:C9``, or ``B4:C9`` where there are no sheets; one that isn't a range is given back.
    """
    found = _RANGE.fullmatch(place)
    if found is None:
        return place
    sheet, left, first, right, last = found.groups()
    until = int(last) - below
    since = max(until - breaks, int(first))
    until = max(until, since)
    start, end = f"{sheet or ''}{left}{since}", f"{right}{until}"
    return start if (left, since) == (right, until) else f"{start}:{end}"
