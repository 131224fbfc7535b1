"""From lines in reading order to paragraphs, headings' lines and the items of lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from ingestion.partitioning.pdf.aligned_tables import with_aligned_tables
from ingestion.partitioning.pdf.columns import Flow, Item
from ingestion.partitioning.pdf.lines import TextLine
from ingestion.partitioning.pdf.tables import Table

BULLET = re.compile(
    r"^(?:[\u2022\u25cf\u25aa\u25e6\u2023\u00b7\u25a0\u25a1\u27a2\u2794\u2713\uf0b7\uf0a7\uf076\uf0d8\uf0fc](?=.)"
    r"|[-\u2013\u2014*](?=\s)|\(?(?:\d{1,2}|[a-zA-Z])[.)](?=\s))\s*"
)
SENTENCE_END = re.compile(r"[.!?:;\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*$")
_WIDER = 1.3
"""How much further apart than usual lines stand where a paragraph ends."""
_USUAL_PITCH = 1.3
_LONGEST_PITCH = 2.6
_INDENT = 0.8
_LONGEST_INDENT = 5.0


@dataclass(slots=True, eq=False)
class Block:
    """Lines that belong together: one place, one size of type.

    Attributes:
        size: height of its type in points, to half a point.
        bold: whether most of it is set in bold.
    """

    lines: list[TextLine]
    size: float
    bold: bool

    @property
    def text(self) -> str:
        """Its lines, a space between them."""
        return " ".join(line.text for line in self.lines)

    @property
    def page(self) -> int:
        """The page that it begins on."""
        return self.lines[0].page


def make_blocks(flows: Sequence[Flow]) -> Iterator[Block | Table]:
    """The paragraphs and tables of flows, in their order."""
    for flow in flows:
        for is_line, items in groupby(flow.items, key=lambda item: isinstance(item, TextLine)):
            group: list[Item] = list(items)
            if not is_line:
                yield from (item for item in group if isinstance(item, Table))
                continue
            parts = with_aligned_tables([item for item in group if isinstance(item, TextLine)])
            for lines, run in groupby(parts, key=lambda part: isinstance(part, TextLine)):
                if lines:
                    yield from _paragraphs([part for part in run if isinstance(part, TextLine)], flow.right)
                else:
                    yield from (part for part in run if isinstance(part, Table))


def _paragraphs(lines: Sequence[TextLine], right: float) -> Iterator[Block]:
    pitches = _pitches(lines)
    group: list[TextLine] = []
    for line in lines:
        if group and _begins(group, line, pitches, right):
            yield _block(group)
            group = []
        group.append(line)
    if group:
        yield _block(group)


def _block(lines: list[TextLine]) -> Block:
    bold = sum(len(line.text) for line in lines if line.bold) * 2 > sum(len(line.text) for line in lines)
    return Block(lines, lines[0].size, bold)


def _pitches(lines: Sequence[TextLine]) -> dict[float, float]:
    """The usual distance of baselines for each size of type."""
    found: dict[float, list[float]] = {}
    for above, below in pairwise(lines):
        pitch = below.bottom - above.bottom
        if above.size == below.size and 0.5 * above.size < pitch < _LONGEST_PITCH * above.size:
            found.setdefault(above.size, []).append(pitch)
    # The lower quartile: where paragraphs are short, most of the distances are those between paragraphs.
    return {size: sorted(values)[len(values) // 4] for size, values in found.items()}


def _begins(group: Sequence[TextLine], line: TextLine, pitches: dict[float, float], right: float) -> bool:
    """Whether a line begins a new block."""
    last = group[-1]
    size = line.size or 1.0
    if last.same_row(line) and line.left >= last.right - 0.5 * size:
        return False
    pitch = line.bottom - last.bottom
    usual = min(pitches.get(size, _USUAL_PITCH * size), 2 * size)
    if abs(line.size - last.size) >= 1 or line.bold != last.bold or BULLET.match(line.text):
        return True
    if pitch <= 0 or pitch > max(_WIDER * usual, _USUAL_PITCH * size + 0.5):
        return True
    ended = bool(SENTENCE_END.search(last.text))
    first = line.words[0]
    room = right - last.right - (first.right - first.left) - 0.5 * size
    if ended and room > 0:
        return True
    indent = line.left - last.left
    hanging = BULLET.match(group[0].text) and len(group) == 1
    indented = _INDENT * size < indent < _LONGEST_INDENT * size and not hanging
    return indented and (ended or room > 0)
