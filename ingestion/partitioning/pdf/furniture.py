"""Running headers, footers and page numbers: what stands at the edge of several pages and belongs to none of them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from core.place import PageSize
from ingestion.partitioning.pdf.lines import TextLine

_MARGIN = 0.12
"""Share of a page's height at its top and bottom where running headers and footers stand."""
_NEAR = 6.0
"""Points by which their height may differ from page to page."""
_LARGE = 1.35
"""Type that much larger than the body's is a title's, even if it repeats."""
_DIGITS = re.compile(r"\d+")
_NUMBER = r"(?:\d{1,4}|[ivxlc]{1,6})"
_PAGE_NUMBER = re.compile(
    rf"[-\u2013\u2014|\s]*(?:(?:page|p\.|seite|pagina|p[aá]gina)\s*)?{_NUMBER}(?:\s*(?:of|/|von|de|sur|di)\s*{_NUMBER})?"
    r"[-\u2013\u2014|.\s]*",
    re.IGNORECASE,
)
_EXAMPLES = 3
_LONGEST_EXAMPLE = 60
_FEWEST_PAGES = 2
_FEW_PAGES = 6
"""Pages of a document up to which two with the same line are enough to call it running: in a longer one, two pages
with the same word at their top are as likely two tables with the same column."""
_MOST_BESIDE = 2


@dataclass(slots=True)
class Dropped:
    """What was left out.

    Attributes:
        running: running headers and footers, numbers in them masked, with how often each was seen.
        numbers: how many page numbers.
        lines: the text of every line of both.
    """

    running: Counter[str] = field(default_factory=Counter)
    numbers: int = 0
    lines: list[str] = field(default_factory=list)

    def warnings(self) -> list[str]:
        """A sentence for each kind of thing left out."""
        said = []
        if self.running:
            texts = ", ".join(repr(text[:_LONGEST_EXAMPLE]) for text, _ in self.running.most_common(_EXAMPLES))
            more = f" and {len(self.running) - _EXAMPLES} others" if len(self.running) > _EXAMPLES else ""
            said.append(f"dropped: {self.running.total()} running headers and footers ({texts}{more}).")
        if self.numbers:
            said.append(f"dropped: {self.numbers} page numbers.")
        return said


def drop_furniture(pages: Sequence[list[TextLine]], sizes: Sequence[PageSize], body: float) -> Dropped:
    """Take running headers, footers and page numbers out of the lines of each page, in place.

    A running line stands in the margin of at least two pages, of a longer document three, at the same height, with the
    same words; numbers in it may differ. A page number stands alone in a margin, whether it is seen once or often.
    """
    found: dict[tuple[str, str], list[TextLine]] = defaultdict(list)
    dropped, gone = Dropped(), set()
    for lines, size in zip(pages, sizes, strict=True):
        for line in lines:
            zone = _zone(line, size)
            if zone is None or line.size >= _LARGE * body:
                continue
            if any(letter.isalpha() for letter in _DIGITS.sub("", line.text)):
                found[(zone, _DIGITS.sub("#", line.text))].append(line)
            if _PAGE_NUMBER.fullmatch(line.text) and _is_outermost(line, lines):
                gone.add(id(line))
                dropped.numbers += 1
    looks = {lines[0].page: _DIGITS.sub("#", " ".join(line.text for line in lines)) for lines in pages if lines}
    fewest = _FEWEST_PAGES + (len(pages) > _FEW_PAGES)
    for (_, mask), lines in found.items():
        running = [line for line in _at_one_height(lines) if id(line) not in gone]
        # A page that is there twice says nothing about what is furniture on it.
        if len({looks[line.page] for line in running}) >= fewest:
            gone.update(map(id, running))
            dropped.running[mask] += len(running)
    for lines in pages:
        dropped.lines += [line.text for line in lines if id(line) in gone]
        lines[:] = [line for line in lines if id(line) not in gone]
    return dropped


def _is_outermost(line: TextLine, lines: Sequence[TextLine]) -> bool:
    """Whether nothing stands beyond it on its page, and nothing close to it in its row."""
    others = [other for other in lines if other is not line and other.direction == 0]
    above = any(other.bottom <= line.top for other in others)
    below = any(other.top >= line.bottom for other in others)
    beside = [other for other in others if other.same_row(line)]
    return not (above and below) and len(beside) <= _MOST_BESIDE


def _zone(line: TextLine, size: PageSize) -> str | None:
    if line.direction == 0:
        middle = (line.top + line.bottom) / 2 / (size.height or 1)
        return "top" if middle < _MARGIN else "bottom" if middle > 1 - _MARGIN else None
    # Turned text, as a stamp along the edge of every page, is judged by its repetition alone.
    return f"turned {line.direction}"


def _at_one_height(lines: Sequence[TextLine]) -> list[TextLine]:
    """Those that stand at the same height as one on another page."""
    return [
        line for line in lines if any(line.page != other.page and abs(line.top - other.top) <= _NEAR for other in lines)
    ]
