"""Readers of Excel workbooks: XLSX by openpyxl, XLS by xlrd. Each block of cells knows its place in its sheet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from core.errors import DocumentTooLarge
from ingestion.partitioning.containers.opening import compound_properties
from ingestion.partitioning.office.open_xml import check_size, properties
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import Reading, clean
from ingestion.partitioning.tables import table_text

_MOST_CELLS = 5_000_000
"""Cells of a workbook, empty ones within a row included."""
_LETTERS = 26


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a sheet: its number from 1, and its cells from column A."""

    number: int
    cells: list[str]


def read_xlsx(content: bytes, name: str) -> Reading:
    """Excel: each sheet under its name as a heading; cells that touch make a table, a row a line.

    Read with openpyxl and not through unstructured, which wants the whole sheet as a data frame and as HTML, and
    turns 1 into 1.0 where a column has a gap. Formulas give the value that was last calculated.
    """
    from openpyxl import load_workbook  # noqa: PLC0415

    check_size(content, name)
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    reading = Reading([], properties(content))
    count = CellCount(name)
    try:
        for sheet in book.worksheets:
            # The dimensions that a file states are often wrong, and cells outside them would be lost.
            sheet.reset_dimensions()
            reading.elements += sheet_elements(
                sheet.title, count.rows(enumerate(sheet.iter_rows(values_only=True), start=1))
            )
    finally:
        book.close()
    return reading


def read_xls(content: bytes, name: str) -> Reading:
    """Excel before 2007, as :func:`read_xlsx` gives it."""
    import xlrd  # noqa: PLC0415

    reading = Reading([], compound_properties(content))
    count = CellCount(name)
    with xlrd.open_workbook(file_contents=content, logfile=io.StringIO(), on_demand=True) as book:
        for sheet in book.sheets():
            values = ([_old(cell, book.datemode) for cell in sheet.row(index)] for index in range(sheet.nrows))
            reading.elements += sheet_elements(sheet.name, count.rows(enumerate(values, start=1)))
    return reading


def _old(cell: Any, datemode: int) -> Any:
    import xlrd  # noqa: PLC0415

    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            return xlrd.xldate_as_datetime(cell.value, datemode)
        except (xlrd.XLDateError, ValueError, OverflowError):
            return cell.value
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return xlrd.error_text_from_code.get(cell.value, "#ERROR")
    return None if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK) else cell.value


class CellCount:
    """Bounds the cells of a workbook: a sheet of a kilobyte can name a billion."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left = _MOST_CELLS

    def rows(self, numbered: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[Row]:
        """Rows with their numbers, their cells as text.

        Raises:
            DocumentTooLarge: too many cells.
        """
        for number, values in numbered:
            self._left -= max(len(values), 1)
            self.check()
            yield Row(number, [_cell(value) for value in values])

    def check(self, more: int = 0) -> None:
        """Refuse so many more cells before anything is made of them.

        Raises:
            DocumentTooLarge: with them, they are too many.
        """
        if self._left < more:
            limit = f"{_MOST_CELLS // 1_000_000} million cells, empty ones before the last of a row included"
            raise DocumentTooLarge(f"{self._name} has more than {limit}. Split it.")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(f"{value:.15g}" if isinstance(value, float) else str(value)).strip()


def sheet_elements(title: str, rows: Iterator[Row]) -> list[Element]:
    """A sheet under its name as a heading; nothing if it is empty."""
    parts: list[Element] = []
    block: list[Row] = []
    for row in rows:
        if any(row.cells):
            block.append(row)
        elif block:
            parts += _block(block, title)
            block = []
    parts += _block(block, title) if block else []
    if not parts:
        return []
    return [Element(kind=ElementKind.TITLE, text=clean(title) or "Sheet", level=1), *parts]


def _block(rows: list[Row], sheet: str) -> list[Element]:
    """A run of rows without an empty one between them: lone cells above and below are text, the rest is a table."""
    lone = [sum(map(bool, row.cells)) == 1 for row in rows]
    first = lone.index(False) if False in lone else len(rows)
    last = len(rows) - lone[::-1].index(False) if False in lone else len(rows)
    return [
        *(_lone(row, sheet) for row in rows[:first]),
        *_table(rows[first:last], sheet),
        *(_lone(row, sheet) for row in rows[last:]),
    ]


def _lone(row: Row, sheet: str) -> Element:
    column = next(index for index, cell in enumerate(row.cells) if cell)
    return Element(kind=ElementKind.TEXT, text=row.cells[column], place=place(sheet, row.number, column))


def _table(rows: list[Row], sheet: str) -> list[Element]:
    width = max((len(row.cells) for row in rows), default=0)
    padded = [row.cells + [""] * (width - len(row.cells)) for row in rows]
    kept = [column for column in range(width) if any(cells[column] for cells in padded)]
    cells = [[cells[column] for column in kept] for cells in padded]
    text = table_text(cells)
    if not text:
        return []
    where = place(sheet, rows[0].number, kept[0], rows[-1].number, kept[-1])
    return [Element(kind=ElementKind.TABLE, text=text, cells=tuple(map(tuple, cells)), place=where)]


def place(sheet: str, row: int, column: int, last_row: int | None = None, last_column: int | None = None) -> str:
    """A cell's or a range's address as people write it: ``Rates!B4``, ``Rates!A3:C5``; ``B4`` without a sheet's name.

    Columns count from 0.
    """
    start = f"{_letters(column)}{row}"
    end = f"{_letters(last_column)}{last_row}" if last_row is not None and last_column is not None else start
    named = f"{' '.join(sheet.split())}!" if sheet else ""
    return f"{named}{start}" + (f":{end}" if end != start else "")


def _letters(column: int) -> str:
    """A column's name: 0 is A, 25 is Z, 26 is AA."""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, _LETTERS)
        name = chr(ord("A") + letter) + name
    return name
