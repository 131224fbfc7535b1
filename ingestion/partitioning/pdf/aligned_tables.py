"""Tables without ruling lines: rows whose pieces stand in the same columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ingestion.partitioning.pdf.lines import TextLine
from ingestion.partitioning.pdf.tables import Cell, Table

_FEWEST_ROWS = 3
_LEAST_GAP = 0.8
"""Gap between two columns, in heights of type."""
_LONGEST_CELL = 14
"""Words in a line of a cell, on average over a table, above which it is text beside text."""
_ROW_PITCH = 2.6

Row = list[TextLine]


def rows_of(lines: Sequence[TextLine]) -> list[Row]:
    """Lines in reading order as rows."""
    rows: list[Row] = []
    for line in lines:
        if rows and line.same_row(rows[-1][0]) and line.left >= rows[-1][-1].right - 1:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def with_aligned_tables(lines: Sequence[TextLine]) -> list[TextLine | Table]:
    """Lines in reading order, with those that make up tables replaced by them."""
    rows = rows_of(lines)
    made: list[TextLine | Table] = []
    position = 0
    while position < len(rows):
        after = _table_end(rows, position)
        table = _table(rows[position:after]) if after - position >= _FEWEST_ROWS else None
        if table is not None:
            made.append(table)
        else:
            # Not tried again from the next row on: that would take the square of the time on a page of thousands.
            after = max(after, position + 1)
            made += [line for row in rows[position:after] for line in row]
        position = after
    return made


def _table_end(rows: Sequence[Row], start: int) -> int:
    """Behind the last row from ``start`` on whose pieces keep to the columns of those before."""
    if len(rows[start]) < 2:  # noqa: PLR2004
        return start
    columns = [(line.left, line.right) for line in rows[start]]
    after = start + 1
    while after < len(rows) and _is_near(rows[after - 1], rows[after]):
        row = rows[after]
        grown = _grown(columns, row)
        if grown is None:
            break
        if len(row) < 2 and not _continues_cell(rows, after, grown):  # noqa: PLR2004
            break
        columns = grown
        after += 1
    while after > start + 1 and len(rows[after - 1]) < 2 and rows[after - 1][0].left <= columns[0][1]:  # noqa: PLR2004
        after -= 1
    return after


def _is_near(above: Row, below: Row) -> bool:
    return 0 < below[0].bottom - above[0].bottom < _ROW_PITCH * max(above[0].size, below[0].size, 1)


def _continues_cell(rows: Sequence[Row], number: int, columns: Sequence[tuple[float, float]]) -> bool:
    """A row of one piece is the rest of a cell above it: it doesn't stand in the first column, or the next row does."""
    row = rows[number]
    if row[0].left > columns[0][1]:
        return True
    return number + 1 < len(rows) and len(rows[number + 1]) > 1 and row[0].right < columns[1][0]


def _grown(columns: Sequence[tuple[float, float]], row: Row) -> list[tuple[float, float]] | None:
    """The columns, wide enough for this row too; None if it fits them only by running them together."""
    made = list(columns)
    taken: set[int] = set()
    for line in row:
        met = [n for n, (left, right) in enumerate(made) if line.left < right and left < line.right]
        if len(met) > 1 or (met and met[0] in taken):
            return None
        if met:
            left, right = made[met[0]]
            made[met[0]] = (min(left, line.left), max(right, line.right))
            taken.add(met[0])
        else:
            place = sum(right <= line.left for _, right in made)
            made.insert(place, (line.left, line.right))
            taken = {n + (n >= place) for n in taken} | {place}
    gap = _LEAST_GAP * row[0].size
    apart = all(after[0] - before[1] > gap for before, after in pairwise(made))
    return made if apart else None


def _table(rows: Sequence[Row]) -> Table | None:
    columns: list[tuple[float, float]] = [(line.left, line.right) for line in rows[0]]
    for row in rows[1:]:
        columns = _grown(columns, row) or columns
    if sum(len(row) > 1 for row in rows) < _FEWEST_ROWS:
        return None
    pieces = [line for row in rows for line in row]
    if sum(len(line.words) for line in pieces) > _LONGEST_CELL * len(pieces) or not _is_tabular(rows):
        return None
    cells: dict[tuple[int, int], Cell] = {}
    number = -1
    for row in rows:
        whole = len(row) > 1 or number < 0
        number += whole
        for line in row:
            column = next((n for n, (left, right) in enumerate(columns) if line.left < right and left < line.right), 0)
            cells.setdefault((number, column), Cell(number, column)).lines.append(line)
    box = (
        min(line.left for line in pieces),
        min(line.top for line in pieces),
        max(line.right for line in pieces),
        max(line.bottom for line in pieces),
    )
    return Table(list(cells.values()), rows[0][0].page, *box, rows[0][0].direction)


def _is_tabular(rows: Sequence[Row]) -> bool:
    """Rows of several pieces outnumber the others: a paragraph with a wide gap in some of its lines isn't a table."""
    return sum(len(row) > 1 for row in rows) * 2 > len(rows)
