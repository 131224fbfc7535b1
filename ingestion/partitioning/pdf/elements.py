"""From paragraphs and tables to elements: kinds, levels of headings, and texts with the place of every line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.place import Line, PageSize
from ingestion.partitioning.pdf.blocks import BULLET, SENTENCE_END, Block
from ingestion.partitioning.pdf.glyphs import DIAGONAL
from ingestion.partitioning.pdf.hyphenation import Vocabulary
from ingestion.partitioning.pdf.lines import BULLETS, TextLine, Word
from ingestion.partitioning.pdf.rotation import TURNS_BACK, Corners
from ingestion.partitioning.pdf.tables import Cell, Table
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.tables import has_header, table_text

_LARGER = 1.15
"""How much larger than the body a line's type must be to make it a heading."""
_LONGEST_HEADING = 200
_MOST_HEADING_LINES = 4
_DEEPEST = 4


def body_size(lines: Sequence[TextLine]) -> float:
    """The size of type that most letters have; 0 without any."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[line.size] += sum(len(word.text) for word in line.words)
    return letters.most_common(1)[0][0] if letters else 0.0


class ElementMaker:
    """Makes elements of the blocks of one document.

    Args:
        blocks: all of them, in reading order.
        sizes: of the pages, from the first.
        directions: in which the lines of each page are read that say they read to the right: other than 0 on scans
            that were turned.
    """

    def __init__(
        self, blocks: Sequence[Block | Table], sizes: Sequence[PageSize], directions: Sequence[int] = ()
    ) -> None:
        self._blocks = blocks
        self._sizes = sizes
        self._directions = directions or [0] * len(sizes)
        paragraphs = [block for block in blocks if isinstance(block, Block)]
        self._body = body_size([line for block in paragraphs for line in block.lines])
        self._vocabulary = Vocabulary(block.lines for block in paragraphs)
        self._plain = self._mostly_plain(paragraphs)
        large = {block.size for block in paragraphs if self._is_large(block)}
        self._levels = _levels(sorted(large, reverse=True))
        self._bold_level = min(max(self._levels.values(), default=0) + 1, _DEEPEST)

    def make(self) -> Iterator[Element]:
        """The elements, paragraphs that run on over columns and pages joined."""
        for block in self._joined():
            element = self._table(block) if isinstance(block, Table) else self._paragraph(block)
            if element is not None:
                yield element

    def _joined(self) -> Iterator[Block | Table]:
        waiting: Block | None = None
        for block in self._blocks:
            if waiting is not None and isinstance(block, Block) and self._goes_on(waiting, block):
                waiting = Block(waiting.lines + block.lines, waiting.size, waiting.bold)
                continue
            if waiting is not None:
                yield waiting
            waiting = block if isinstance(block, Block) else None
            if waiting is None:
                yield block
        if waiting is not None:
            yield waiting

    def _goes_on(self, above: Block, below: Block) -> bool:
        """Whether a paragraph's sentence goes on in the next column or on the next page."""
        last, first = above.lines[-1], below.lines[0]
        if last.page == first.page and first.bottom > last.bottom:
            return False
        if first.page - last.page > 1 or abs(above.size - below.size) >= 1 or above.bold != below.bold:
            return False
        if self._kind(above)[0] is ElementKind.TITLE or BULLET.match(below.text):
            return False
        start = first.words[0].text.lstrip("\"'“‘(")
        return not SENTENCE_END.search(last.text) and (start[:1].islower() or last.text[-1] in ",(")

    def _kind(self, block: Block) -> tuple[ElementKind, int | None]:
        if self._is_large(block):
            return ElementKind.TITLE, self._levels.get(block.size, _DEEPEST - 1)
        if self._plain and self._is_bold_heading(block):
            return ElementKind.TITLE, self._bold_level
        return (ElementKind.LIST_ITEM if BULLET.match(block.text) else ElementKind.TEXT), None

    def _mostly_plain(self, blocks: Sequence[Block]) -> bool:
        bold = sum(len(block.text) for block in blocks if block.bold and block.size == self._body)
        return bold * 4 < sum(len(block.text) for block in blocks if block.size == self._body)

    def _is_large(self, block: Block) -> bool:
        return block.size >= self._body * _LARGER and _reads_as_heading(block)

    def _is_bold_heading(self, block: Block) -> bool:
        return block.bold and block.size >= self._body and _reads_as_heading(block) and block.text[-1] not in ".,;:"

    def _paragraph(self, block: Block) -> Element | None:
        kind, level = self._kind(block)
        text = ""
        lines: list[Line] = []
        for number, line in enumerate(block.lines):
            words = _without_mark(line.words) if kind is ElementKind.LIST_ITEM and not number else line.words
            if not words:
                continue
            if text:
                joined, between = self._vocabulary.join(text, words[0].text)
                if len(joined) < len(text) and lines:
                    lines[-1] = _shortened(lines[-1], len(joined))
                text = joined + between
            start = len(text)
            text += " ".join(word.text for word in words)
            lines.append(self._place(line, words, start))
        if not text:
            return None
        return Element(kind=kind, text=text, page=lines[0].page, level=level, lines=tuple(lines))

    def _place(self, line: TextLine, words: Sequence[Word], start: int) -> Line:
        """Where words of a line stand; ``start``: where they begin in their element's text."""
        size = self._sizes[line.page - 1]
        turn = TURNS_BACK.get(line.direction or self._directions[line.page - 1])
        placed = [_rounded(turn(*_corners(word), size) if turn else _corners(word)) for word in words]
        left, top = min(box[0] for box in placed), min(box[1] for box in placed)
        right, bottom = max(box[2] for box in placed), max(box[3] for box in placed)
        # A word's edges are those that it has along its line.
        upright = line.direction == DIAGONAL or turn is None or turn is TURNS_BACK[180]
        edges: list[float] = []
        place = 0
        for word, box in zip(words, placed, strict=True):
            edges += (place, *(box[::2] if upright else box[1::2]))
            place += len(word.text) + 1
        known = () if line.direction == DIAGONAL else tuple(edges)
        return Line(start, start + place - 1, line.page, left, top, right, bottom, known, upright)

    def _table(self, table: Table) -> Element | None:
        grid = table.grid()
        rows = [[cell.text if cell else "" for cell in row] for row in grid]
        text = table_text(rows)
        if not text:
            return None
        return Element(
            kind=ElementKind.TABLE,
            text=text,
            page=table.page,
            lines=tuple(self._cell_lines(text, grid, rows)),
            cells=tuple(map(tuple, rows)),
        )

    def _cell_lines(
        self, text: str, grid: Sequence[Sequence[Cell | None]], rows: Sequence[Sequence[str]]
    ) -> Iterator[Line]:
        """Where everything in a table's text stands: a row's line names its columns, which stand in the header."""
        header: Sequence[Cell | None] = grid[0] if has_header(rows) else [None] * len(grid[0])
        shown = text.split("\n")
        body = grid[len(grid) - len(shown) :] if len(shown) <= len(grid) else grid
        position = 0
        for line, row in zip(shown, body, strict=False):
            end = position + len(line)
            place = position
            for name, cell in zip(header, row, strict=True):
                if cell is None:
                    continue
                for part in (name, cell) if name is not None and row is not header else (cell,):
                    for piece in part.lines:
                        found = text.find(piece.text, place, end)
                        if found >= 0:
                            yield self._place(piece, piece.words, found)
                            place = found + len(piece.text)
            position = end + 1


def _levels(sizes: Sequence[float]) -> dict[float, int]:
    return {size: min(level, _DEEPEST - 1) for level, size in enumerate(sizes, start=1)}


def _reads_as_heading(block: Block) -> bool:
    text = block.text
    short = len(text) <= _LONGEST_HEADING and len(block.lines) <= _MOST_HEADING_LINES and not block.lines[0].direction
    return short and sum(letter.isalpha() for letter in text) > 1


def _corners(word: Word) -> Corners:
    return word.left, word.top, word.right, word.bottom


def _rounded(box: Corners) -> Corners:
    left, top, right, bottom = (round(edge, 1) for edge in box)
    return left, top, right, bottom


def _shortened(line: Line, end: int) -> Line:
    return replace(line, end=end)


def _without_mark(words: Sequence[Word]) -> Sequence[Word]:
    """An item's words without its bullet; a number stays, it may be referred to."""
    first = words[0]
    bare = first.text.lstrip(BULLETS)
    if bare == first.text:
        return words
    rest = [replace(first, text=bare)] if bare else []
    return [*rest, *words[1:]]
