"""What Textract found on one page, as elements in reading order.

Layout blocks come in reading order and point to lines, a list's to its items, each of which is a block of its own. A
table is a block beside them: it takes the place of the first layout block that most of whose words are the table's.

https://docs.aws.amazon.com/textract/latest/dg/layoutresponse.html,
https://docs.aws.amazon.com/textract/latest/dg/how-it-works-tables.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.place import PageSize
from ingestion.partitioning.cloud.elements import lines_of, paragraph, table, text_line
from ingestion.partitioning.pdf.lines import TextLine, Word
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import clean

Block = Mapping[str, Any]

_FURNITURE = ("LAYOUT_HEADER", "LAYOUT_FOOTER", "LAYOUT_PAGE_NUMBER")
_MARKS = {"SELECTED": "[x]", "NOT_SELECTED": "[ ]"}
_MOSTLY = 0.5


class PageBlocks:
    """The blocks of one page.

    Attributes:
        has_title: whether it holds the document's title.
        furniture: how many headers, footers and page numbers are left out.

    Args:
        blocks: of an AnalyzeDocument answer.
        number: the page's, from 1.
        sizes: of all pages, in points.

    Raises:
        KeyError, TypeError: the answer isn't of the form that is documented.
    """

    def __init__(self, blocks: Sequence[Block], number: int, sizes: Sequence[PageSize]) -> None:
        self._number, self._sizes = number, sizes
        self._by_id = {block["Id"]: block for block in blocks}
        self._blocks = blocks
        self._tables = [block for block in blocks if block["BlockType"] == "TABLE"]
        self._table_words = [self._words_below(block) for block in self._tables]
        self.has_title = any(block["BlockType"] == "LAYOUT_TITLE" for block in blocks)
        self.furniture = sum(block["BlockType"] in _FURNITURE for block in blocks)
        self._seen: set[str] = set()
        self._told: set[int] = set()

    def elements(self, *, titled: bool) -> Iterator[Element]:
        """In reading order; what no layout block covers comes last.

        Args:
            titled: the document has a title, below which its section headings are.
        """
        layout = [block for block in self._blocks if block["BlockType"].startswith("LAYOUT_")]
        items = {child["Id"] for block in layout if block["BlockType"] == "LAYOUT_LIST" for child in self._below(block)}
        for block in layout:
            kind = block["BlockType"]
            if kind in _FURNITURE:
                self._seen.update(line["Id"] for line in self._lines_below(block))
            elif kind == "LAYOUT_LIST":
                yield from self._list(block)
            elif block["Id"] not in items:
                yield from self._block(block, *_kind_of(kind, titled=titled))
        for at in range(len(self._tables)):
            yield from self._table(at)
        rest = [block for block in self._blocks if block["BlockType"] == "LINE"]
        for line in rest:
            yield from self._paragraph([line], ElementKind.TEXT, None)

    def _list(self, block: Block) -> Iterator[Element]:
        for child in self._below(block):
            lines = [child] if child["BlockType"] == "LINE" else self._lines_below(child)
            yield from self._block_of(lines, ElementKind.LIST_ITEM, None)

    def _block(self, block: Block, kind: ElementKind, level: int | None) -> Iterator[Element]:
        yield from self._block_of(self._lines_below(block), kind, level)

    def _block_of(self, lines: Sequence[Block], kind: ElementKind, level: int | None) -> Iterator[Element]:
        words = {word for line in lines for word in self._children(line)}
        for at, held in enumerate(self._table_words):
            if words and len(words & held) > _MOSTLY * len(words):
                lines = [line for line in lines if not held.intersection(self._children(line))]
                yield from self._table(at)
        yield from self._paragraph(lines, kind, level)

    def _paragraph(self, lines: Sequence[Block], kind: ElementKind, level: int | None) -> Iterator[Element]:
        new = [line for line in lines if line["Id"] not in self._seen]
        self._seen.update(line["Id"] for line in new)
        made = paragraph([line for block in new if (line := self._line(block))], self._sizes, kind, level)
        if made is not None:
            yield made

    def _table(self, at: int) -> Iterator[Element]:
        if at in self._told:
            return
        self._told.add(at)
        held = self._table_words[at]
        self._seen.update(
            block["Id"]
            for block in self._blocks
            if block["BlockType"] == "LINE" and held.intersection(self._children(block))
        )
        cells = [block for block in self._below(self._tables[at]) if block["BlockType"] == "CELL"]
        made = table(
            ((cell["RowIndex"] - 1, cell["ColumnIndex"] - 1, self._cell_lines(cell)) for cell in cells), self._sizes
        )
        if made is not None:
            yield made

    def _cell_lines(self, cell: Block) -> list[TextLine]:
        return lines_of(filter(None, map(self._word, self._below(cell))), self._number)

    def _line(self, block: Block) -> TextLine | None:
        words = [word for child in self._below(block) if (word := self._word(child))]
        if not words and (whole := self._word(block)):
            words = [whole]
        return text_line(words, self._number) if words else None

    def _word(self, block: Block) -> Word | None:
        text = _MARKS.get(block.get("SelectionStatus", ""), "") or " ".join(clean(block.get("Text", "")).split())
        if not text or block["BlockType"] not in ("WORD", "LINE", "SELECTION_ELEMENT"):
            return None
        size, box = self._sizes[self._number - 1], block["Geometry"]["BoundingBox"]
        left, top = box["Left"] * size.width, box["Top"] * size.height
        return Word(text, left, top, left + box["Width"] * size.width, top + box["Height"] * size.height)

    def _lines_below(self, block: Block) -> list[Block]:
        return [child for child in self._below(block) if child["BlockType"] == "LINE"]

    def _words_below(self, table_block: Block) -> frozenset[str]:
        cells = (block for block in self._below(table_block) if block["BlockType"] == "CELL")
        return frozenset(word for cell in cells for word in self._children(cell))

    def _below(self, block: Block) -> list[Block]:
        return [self._by_id[child] for child in self._children(block) if child in self._by_id]

    @staticmethod
    def _children(block: Block) -> list[str]:
        related = block.get("Relationships") or ()
        return [child for relation in related if relation["Type"] == "CHILD" for child in relation["Ids"]]


def _kind_of(layout: str, *, titled: bool) -> tuple[ElementKind, int | None]:
    if layout == "LAYOUT_TITLE":
        return ElementKind.TITLE, 1
    if layout == "LAYOUT_SECTION_HEADER":
        return ElementKind.TITLE, 2 if titled else 1
    return ElementKind.TEXT, None
