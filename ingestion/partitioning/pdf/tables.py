"""Tables of a page: those that ruling lines draw, and those that only stand in columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingestion.partitioning.pdf.glyphs import Rule
from ingestion.partitioning.pdf.lines import TextLine, Word

_NEAR = 3.0
"""Points within which lines are taken to meet."""
_MOST_RULES = 4_000
_LEAST_FILLED = 0.3
_FEWEST_FILLED = 3


@dataclass(slots=True, eq=False)
class Cell:
    """A cell and the lines in it; ``row`` and ``column`` from 0, those that it begins in."""

    row: int
    column: int
    lines: list[TextLine] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its words."""
        return " ".join(line.text for line in self.lines)


@dataclass(slots=True, eq=False)
class Table:
    """A table and its box."""

    cells: list[Cell]
    page: int
    left: float
    top: float
    right: float
    bottom: float
    direction: int = 0

    def grid(self) -> list[list[Cell | None]]:
        """Its cells by row and column, without empty rows and columns; a cell over several stands in its first."""
        filled = [cell for cell in self.cells if cell.lines]
        rows = {row: number for number, row in enumerate(sorted({cell.row for cell in filled}))}
        columns = {column: number for number, column in enumerate(sorted({cell.column for cell in filled}))}
        made: list[list[Cell | None]] = [[None] * len(columns) for _ in rows]
        for cell in filled:
            made[rows[cell.row]][columns[cell.column]] = cell
        return made


@dataclass(frozen=True, slots=True)
class _Edge:
    """A ruling line: at ``place`` on one axis, from ``start`` to ``end`` on the other."""

    place: float
    start: float
    end: float

    def covers(self, position: float) -> bool:
        return self.start - _NEAR <= position <= self.end + _NEAR


def ruled_tables(lines: list[TextLine], rules: Sequence[Rule], page: int) -> tuple[list[Table], list[TextLine]]:
    """The tables that ruling lines draw, and the lines that are in none of them."""
    if not lines or not rules or len(rules) > _MOST_RULES:
        return [], lines
    across = _joined(_Edge(rule.top, rule.left, rule.right) for rule in rules if rule.top == rule.bottom)
    down = _joined(_Edge(rule.left, rule.top, rule.bottom) for rule in rules if rule.left == rule.right)
    tables: list[Table] = []
    for horizontal, vertical in _groups(across, down):
        table, lines = _fill(horizontal, vertical, lines, page)
        if table is not None:
            tables.append(table)
    return tables, lines


def _joined(edges: Iterable[_Edge]) -> list[_Edge]:
    """Edges that continue or cover one another as one."""
    made: list[_Edge] = []
    for edge in sorted(edges, key=lambda edge: (round(edge.place / _NEAR), edge.start)):
        last = made[-1] if made else None
        if last is not None and abs(last.place - edge.place) <= _NEAR and edge.start <= last.end + _NEAR:
            made[-1] = _Edge(last.place, min(last.start, edge.start), max(last.end, edge.end))
        else:
            made.append(edge)
    return [edge for edge in made if edge.end - edge.start > _NEAR]


def _groups(across: Sequence[_Edge], down: Sequence[_Edge]) -> list[tuple[list[_Edge], list[_Edge]]]:
    """Edges that hang together, as the horizontal and the vertical ones of each group; largest areas first."""
    parents = list(range(len(across) + len(down)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    for i, h in enumerate(across):
        for j, v in enumerate(down, start=len(across)):
            if h.covers(v.place) and v.covers(h.place):
                parents[root(i)] = root(j)
    groups: dict[int, tuple[list[_Edge], list[_Edge]]] = {}
    for number, edge in enumerate([*across, *down]):
        horizontal, vertical = groups.setdefault(root(number), ([], []))
        (horizontal if number < len(across) else vertical).append(edge)
    return [group for group in groups.values() if len(group[0]) > 1 and len(group[1]) > 1]


def _fill(
    across: Sequence[_Edge], down: Sequence[_Edge], lines: list[TextLine], page: int
) -> tuple[Table | None, list[TextLine]]:
    xs, ys = _places(down), _places(across)
    owner = _cells(xs, ys, across, down)
    cells = {number: Cell(*divmod(number, len(xs) - 1)) for number in set(owner.values())}
    rest: list[TextLine] = []
    for line in sorted(lines, key=lambda line: (line.top, line.left)):
        inside, outside = _parted(line, xs, ys)
        for place, words in inside.items():
            cells[owner[place]].lines.append(_piece(line, words))
        if outside:
            rest.append(line if len(outside) == len(line.words) else _piece(line, outside))
    table = Table(list(cells.values()), page, xs[0], ys[0], xs[-1], ys[-1])
    return (table, rest) if _is_table(table) else (None, lines)


def _places(edges: Iterable[_Edge]) -> list[float]:
    made: list[float] = []
    for place in sorted(edge.place for edge in edges):
        if not made or place - made[-1] > _NEAR:
            made.append(place)
    return made


def _cells(xs: Sequence[float], ys: Sequence[float], across: Sequence[_Edge], down: Sequence[_Edge]) -> dict[int, int]:
    """For each square of the grid, by its number row by row, the first square of the cell that it belongs to."""
    columns, rows = len(xs) - 1, len(ys) - 1
    owner: dict[int, int] = {}
    for row in range(rows):
        for column in range(columns):
            number = row * columns + column
            x, y = (xs[column] + xs[column + 1]) / 2, (ys[row] + ys[row + 1]) / 2
            owner[number] = number
            if column and not _between(down, xs[column], y):
                owner[number] = owner[number - 1]
            elif row and not _between(across, ys[row], x):
                owner[number] = owner[number - columns]
    return owner


def _between(edges: Sequence[_Edge], place: float, position: float) -> bool:
    return any(abs(edge.place - place) <= _NEAR and edge.start <= position <= edge.end for edge in edges)


def _parted(line: TextLine, xs: Sequence[float], ys: Sequence[float]) -> tuple[dict[int, list[Word]], list[Word]]:
    """A line's words by the square of the grid that they are in, and those that are in none."""
    inside: dict[int, list[Word]] = {}
    outside: list[Word] = []
    for word in line.words:
        column = _interval(xs, (word.left + word.right) / 2)
        row = _interval(ys, (word.top + word.bottom) / 2)
        if column is None or row is None:
            outside.append(word)
        else:
            inside.setdefault(row * (len(xs) - 1) + column, []).append(word)
    return inside, outside


def _interval(places: Sequence[float], position: float) -> int | None:
    for number in range(len(places) - 1):
        if places[number] <= position < places[number + 1]:
            return number
    return None


def _piece(line: TextLine, words: list[Word]) -> TextLine:
    return TextLine(words, line.size, line.bold, line.page, line.direction)


def _is_table(table: Table) -> bool:
    """A frame around text isn't one, nor is a chart."""
    grid = table.grid()
    if len(grid) < 2 or len(grid[0]) < 2:  # noqa: PLR2004
        return False
    filled = sum(cell is not None for row in grid for cell in row)
    if filled < _FEWEST_FILLED or filled < _LEAST_FILLED * len(grid) * len(grid[0]):
        return False
    return sum(sum(cell is not None for cell in row) > 1 for row in grid) > 1
