"""From a PDF's letters to paragraphs and headings, by place and size of type."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import clean

_MARGIN = 0.08
"""Share of a page's height at its top and bottom where running headers and footers stand."""
_LARGER = 1.15
"""How much larger than the body a line's type must be to make it a heading."""
_LONGEST_HEADING = 200
_DEEPEST = 3
_BULLET = re.compile(
    r"^\s*(?:[\u2022\u25cf\u25aa\u25e6\u2023\u00b7\uf0b7\uf0a7]|[-\u2013*](?=\s)|\(?\d{1,2}[.)](?=\s))\s*"
)
_HYPHEN = re.compile(r"(?<=[a-z])-$")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together: one place, one size of type.

    Attributes:
        size: height of its type in points, to half a point.
        bold: whether most of it is set in bold.
        margin: ``top`` or ``bottom`` if it stands where running headers and footers do.
    """

    text: str
    page: int
    size: float
    bold: bool
    margin: str | None


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: float
    bold: bool

    def like(self, other: _Line) -> bool:
        return abs(self.size - other.size) < 1 and self.bold == other.bold


def read_blocks(content: bytes) -> Iterator[list[Block]]:
    """The blocks of each page in reading order, page by page."""
    from pdfminer.high_level import extract_pages  # noqa: PLC0415
    from pdfminer.layout import LAParams  # noqa: PLC0415

    for number, page in enumerate(extract_pages(io.BytesIO(content), laparams=LAParams(all_texts=True)), start=1):
        blocks: list[Block] = []
        for box in _boxes(page):
            blocks += _split(box, number, _margin(box, page))
        yield blocks


def _boxes(container: Any) -> Iterator[Any]:
    from pdfminer.layout import LTFigure, LTTextBox  # noqa: PLC0415

    for item in container:
        if isinstance(item, LTTextBox):
            yield item
        elif isinstance(item, LTFigure):
            yield from _boxes(item)


def _margin(box: Any, page: Any) -> str | None:
    middle = ((box.y0 + box.y1) / 2 - page.y0) / (page.height or 1)
    return "top" if middle > 1 - _MARGIN else "bottom" if middle < _MARGIN else None


def _split(box: Any, page: int, margin: str | None) -> Iterator[Block]:
    """A box can hold a heading and the paragraph under it, or several points of a list."""
    group: list[_Line] = []
    for line in map(_line, box):
        if group and (not line.like(group[-1]) or _BULLET.match(line.text)):
            yield _block(group, page, margin)
            group = []
        if line.text:
            group.append(line)
    if group:
        yield _block(group, page, margin)


def _line(line: Any) -> _Line:
    from pdfminer.layout import LTChar  # noqa: PLC0415

    letters = [letter for letter in line if isinstance(letter, LTChar) and not letter.get_text().isspace()]
    sizes = Counter(round(letter.size * 2) / 2 for letter in letters)
    bold = sum("bold" in letter.fontname.lower() or "black" in letter.fontname.lower() for letter in letters)
    text = " ".join(clean(line.get_text()).split())
    return _Line(text, sizes.most_common(1)[0][0] if sizes else 0.0, bold * 2 > len(letters))


def _block(lines: Sequence[_Line], page: int, margin: str | None) -> Block:
    text = lines[0].text
    for line in lines[1:]:
        # A word cut at the end of a line is put together again; a hyphen before a capital or a digit is its own.
        cut = _HYPHEN.search(text) and line.text[:1].islower()
        text = text[:-1] + line.text if cut else f"{text} {line.text}"
    return Block(text, page, lines[0].size, lines[0].bold, margin)


def to_elements(blocks: Sequence[Block]) -> list[Element]:
    """Tell headings by their type, list items by their bullet, furniture by its place and repetition."""
    body = _body_size(blocks)
    plain = _mostly_plain(blocks, body)
    repeated = _repeated(blocks)
    sizes = sorted({block.size for block in blocks if _is_large(block, body)}, reverse=True)
    levels = {size: min(level, _DEEPEST) for level, size in enumerate(sizes, start=1)}
    bold_level = min(len(sizes) + 1, _DEEPEST + 1)
    elements = []
    for block in blocks:
        kind, level = ElementKind.TEXT, None
        if block.margin and (_mask(block) in repeated or block.text.isdigit()):
            kind = ElementKind.HEADER if block.margin == "top" else ElementKind.FOOTER
        elif _is_large(block, body):
            kind, level = ElementKind.TITLE, levels[block.size]
        elif plain and _is_bold_heading(block, body):
            kind, level = ElementKind.TITLE, bold_level
        elif _BULLET.match(block.text):
            kind = ElementKind.LIST_ITEM
        elements.append(Element(kind=kind, text=block.text, page=block.page, level=level))
    return elements


def _body_size(blocks: Sequence[Block]) -> float:
    letters: Counter[float] = Counter()
    for block in blocks:
        letters[block.size] += len(block.text)
    return letters.most_common(1)[0][0]


def _mostly_plain(blocks: Sequence[Block], body: float) -> bool:
    bold = sum(len(block.text) for block in blocks if block.bold and block.size == body)
    return bold * 4 < sum(len(block.text) for block in blocks if block.size == body)


def _is_large(block: Block, body: float) -> bool:
    return block.size >= body * _LARGER and _reads_as_heading(block.text)


def _is_bold_heading(block: Block, body: float) -> bool:
    return block.bold and block.size >= body and _reads_as_heading(block.text) and block.text[-1] not in ".,;:"


def _reads_as_heading(text: str) -> bool:
    return len(text) <= _LONGEST_HEADING and sum(character.isalpha() for character in text) > 1


def _mask(block: Block) -> tuple[str | None, str]:
    return block.margin, _DIGITS.sub("#", block.text)


def _repeated(blocks: Sequence[Block]) -> set[tuple[str | None, str]]:
    pages: dict[tuple[str | None, str], set[int]] = {}
    for block in blocks:
        if block.margin:
            pages.setdefault(_mask(block), set()).add(block.page)
    return {mask for mask, on in pages.items() if len(on) > 1}
