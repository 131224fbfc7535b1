"""Tables as lines of text that can be searched: each row with the names of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

Row = Sequence[str]


def table_text(rows: Sequence[Row]) -> str:
    """One row a line: ``column: value | column: value`` where the first row names the columns, else ``a | b``.

    Empty cells are left out. No cell is lost: a column's name that no row would show keeps the header as a line.
    """
    cleaned = [[" ".join(cell.split()) for cell in row] for row in rows]
    cleaned = [row for row in cleaned if any(row)]
    if not has_header(cleaned):
        return "\n".join(" | ".join(cell for cell in row if cell) for row in cleaned)
    header, body = cleaned[0], cleaned[1:]
    lines = [_line(header, row) for row in body]
    shown = {column for row in body for column, cell in enumerate(row) if cell}
    if any(name and column not in shown for column, name in enumerate(header)):
        lines.insert(0, " | ".join(name for name in header if name))
    return "\n".join(lines)


def _line(header: Row, row: Row) -> str:
    cells = []
    for column, cell in enumerate(row):
        name = header[column] if column < len(header) else ""
        if cell:
            cells.append(f"{name}: {cell}" if name else cell)
    return " | ".join(cells)


def has_header(rows: Sequence[Row]) -> bool:
    """Whether the first of these rows names columns: all different, none a number, and rows below it."""
    if len(rows) < 2 or len(rows[0]) < 2:  # noqa: PLR2004
        return False
    names = [name for name in rows[0] if name]
    wide_enough = len(names) >= max(2, len(rows[0]) - 1)
    return wide_enough and len(set(names)) == len(names) and not any(is_number(name) for name in names)


def is_number(text: str) -> bool:
    """Whether a cell holds figures, with any signs and no letters."""
    digits = sum(character.isdigit() for character in text)
    return digits > 0 and not any(character.isalpha() for character in text)


def html_rows(html: str) -> list[list[str]]:
    """The cells of the one table in this HTML, captions first as a row of their own."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.rows


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._cell: list[str] | None = None
        self._span = 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th", "caption"):
            if tag == "caption" or not self.rows:
                self.rows.append([])
            self._cell = []
            span = dict(attrs).get("colspan") or "1"
            self._span = min(int(span), 1000) if span.isdigit() else 1
        elif tag == "br" and self._cell is not None:
            self._cell.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "caption") and self._cell is not None:
            # A cell over several columns holds its place in each, so that the ones after it meet their names.
            self.rows[-1] += ["".join(self._cell)] + [""] * (self._span - 1)
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)
