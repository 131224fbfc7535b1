"""What a cloud service found on pages, as elements: the same words, boxes and joined lines as of a PDF read here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.place import PageSize
from ingestion.partitioning.pdf.blocks import Block
from ingestion.partitioning.pdf.elements import ElementMaker
from ingestion.partitioning.pdf.lines import TextLine, Word
from ingestion.partitioning.pdf.tables import Cell, Table
from ingestion.partitioning.port import Element, ElementKind

_SIZE = 10.0
"""The size of type of all lines: services don't tell it, and say themselves what is a heading."""
_SAME_ROW = 0.5


def text_line(words: Sequence[Word], page: int) -> TextLine:
    """Words on one line of a page, from 1, in points."""
    return TextLine(list(words), _SIZE, False, page)


def paragraph(
    lines: Sequence[TextLine], sizes: Sequence[PageSize], kind: ElementKind = ElementKind.TEXT, level: int | None = None
) -> Element | None:
    """A paragraph with its lines joined; None without lines. One of plain text that opens with a bullet is an item."""
    if not lines:
        return None
    element = next(ElementMaker([Block(list(lines), _SIZE, False)], sizes).make(), None)
    if element is None or kind is ElementKind.TEXT:
        return element
    return replace(element, kind=kind, level=level)


def table(cells: Iterable[tuple[int, int, Sequence[TextLine]]], sizes: Sequence[PageSize]) -> Element | None:
    """A table of cells, each with its row and column from 0 and its lines; None without words."""
    made = [Cell(row, column, list(lines)) for row, column, lines in cells if lines]
    if not made:
        return None
    every = [line for cell in made for line in cell.lines]
    box = (
        min(line.left for line in every),
        min(line.top for line in every),
        max(line.right for line in every),
        max(line.bottom for line in every),
    )
    return next(ElementMaker([Table(made, every[0].page, *box)], sizes).make(), None)


def lines_of(words: Iterable[Word], page: int) -> list[TextLine]:
    """Words in reading order as lines: one that stands lower than the word before it begins the next."""
    rows: list[list[Word]] = []
    for word in words:
        if rows and _beside(rows[-1][-1], word):
            rows[-1].append(word)
        else:
            rows.append([word])
    return [text_line(row, page) for row in rows]


def _beside(one: Word, other: Word) -> bool:
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    return overlap > _SAME_ROW * min(one.bottom - one.top, other.bottom - other.top) and other.left >= one.left


def left_out(furniture: int) -> list[str]:
    """The warning that names how much of pages' margins was left out."""
    return [f"{furniture} page headers, footers and page numbers were left out."] if furniture else []
