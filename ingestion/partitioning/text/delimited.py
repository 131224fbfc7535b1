"""Reader of CSV and TSV: rows that know their cells' addresses, as a spreadsheet program shows them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from core.errors import UnreadableDocument
from ingestion.partitioning.office.spreadsheets import Row, place
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import Reading, clean
from ingestion.partitioning.tables import has_header, is_number, table_text

_HEAD = 65_536
_HEAD_LINES = 50
_LOOK = 50
"""Rows that are looked at to tell whether a table begins."""
_SMALLEST_FIELD = 131_072
_SAYS_DELIMITER = re.compile(r"sep=([^\n])\n", re.IGNORECASE)
"""A first line that Excel and LibreOffice take as an instruction: they show no row for it."""


def read_delimited(text: str, name: str, delimiter: str | None = None) -> Reading:
    """CSV and TSV. The delimiter of CSV is what the file says, or found out: comma, semicolon, tab or bar.

    A row is a record, however many lines its quoted cells have; empty ones count, and stay as empty lines. Lone cells
    above a table are text, and rows that name what is below them begin a table of their own.
    """
    said = _SAYS_DELIMITER.match(text) if delimiter is None else None
    if said is not None:
        delimiter, text = said[1], text[said.end() :]
    csv.field_size_limit(max(len(text), _SMALLEST_FIELD))
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or _delimiter(text))
    try:
        rows = [Row(number, cells) for number, cells in enumerate(records, start=1) if any(map(str.strip, cells))]
    except csv.Error as error:
        raise UnreadableDocument(f"{name} can't be read as a table: {error}.") from None
    return Reading([element for block in _tables(rows) for element in _elements(block)])


def _tables(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows from one that begins a table up to the next: empty rows alone part nothing."""
    table: list[Row] = []
    wide = False
    for position, row in enumerate(rows):
        behind_gap = wide and row.number > table[-1].number + 1
        if behind_gap and (_filled(table[-1]) == 1 < _filled(row) or _begins_table(rows[position : position + _LOOK])):
            yield table
            table, wide = [], False
        table.append(row)
        wide = wide or _filled(row) > 1
    if table:
        yield table


def _filled(row: Row) -> int:
    return sum(1 for cell in row.cells if cell.strip())


def _begins_table(rows: Sequence[Row]) -> bool:
    """Whether these rows begin with a header for certain: behind lone cells, names that stand over numbers."""
    start = next((position for position, row in enumerate(rows) if _filled(row) > 1), 0)
    block = [rows[start]]
    for above, below in pairwise(rows[start:]):
        if below.number > above.number + 1:
            break
        block.append(below)
    if not has_header([row.cells for row in block]):
        return False
    columns = zip(*(row.cells for row in block[1:]), strict=False)
    named = zip(rows[start].cells, columns, strict=False)
    return any(name.strip() and all(map(is_number, column)) for name, column in named)


def _elements(rows: list[Row]) -> Iterator[Element]:
    """Lone cells on top as text, if what is below them has a header; the rest as a table."""
    titles = next((position for position, row in enumerate(rows) if _filled(row) > 1), 0)
    if not has_header([row.cells for row in rows[titles:]]):
        titles = 0
    for row in rows[:titles]:
        column = next(index for index, cell in enumerate(row.cells) if cell.strip())
        text = clean(" ".join(row.cells[column].split()))
        yield Element(kind=ElementKind.TEXT, text=text, place=place("", row.number, column))
    yield from _table(rows[titles:])


def _table(rows: list[Row]) -> Iterator[Element]:
    text = clean(_with_gaps(table_text([row.cells for row in rows]), rows))
    if text:
        filled = [[column for column, cell in enumerate(row.cells) if cell.strip()] for row in rows]
        left, right = min(columns[0] for columns in filled), max(columns[-1] for columns in filled)
        where = place("", rows[0].number, left, rows[-1].number, right)
        yield Element(kind=ElementKind.TABLE, text=text, cells=tuple(tuple(row.cells) for row in rows), place=where)


def _with_gaps(text: str, rows: Sequence[Row]) -> str:
    """A table's text with an empty line for each empty row in it, so that its lines count its rows."""
    if rows[-1].number - rows[0].number == len(rows) - 1:
        return text
    lines = text.split("\n")
    shown = rows[-len(lines) :]
    gaps = (below.number - above.number for above, below in pairwise(shown))
    return lines[0] + "".join("\n" * gap + line for gap, line in zip(gaps, lines[1:], strict=True))


def _delimiter(text: str) -> str:
    """The one that cuts the most lines into the same number of cells, more than one; a comma where none does."""
    lines = [line for line in text[:_HEAD].split("\n")[:_HEAD_LINES] if line.strip()]
    best, most = ",", 0
    for candidate in ",;\t|":
        widths = [len(row) for row in csv.reader(lines, delimiter=candidate)]
        usual = max(set(widths), key=widths.count) if widths else 1
        agreeing = widths.count(usual) if usual > 1 else 0
        if agreeing > most:
            best, most = candidate, agreeing
    return best
