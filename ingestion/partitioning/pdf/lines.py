"""From letters to words and lines.

A line here is what stands on one baseline without a wide gap in it: a row of a two-column page is two lines.
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from core.place import PageSize
from ingestion.partitioning.pdf.glyphs import DIAGONAL, Glyph
from ingestion.partitioning.pdf.rotation import turned_glyphs

_SPACE = 0.17
"""Gap, in heights of type, above which letters belong to different words."""
_RUN_GAP = 1.0
"""Gap above which words belong to different lines, unless one space is drawn in it."""
_ONE_SPACE_GAP = 2.5
_MERGE_GAP = 0.8
_BACK = 0.5
_SAME_BASELINE = 0.25
_MARKER_GAP = 4.0
_ALIGNED = 2.5
"""Points within which lines end, or begin, at the same place."""
_BUCKET = 6.0
_SPREAD_LETTERS = 4
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_REPLACED = {**_LIGATURES, 0x00: None, 0xA0: " ", 0xFFFE: None, 0xFFFF: None}
BULLETS = "•●▪◦‣·■□➢➔✓\uf0b7\uf0a7\uf076\uf0d8\uf0fc*-–—"
"""Marks of a list's items."""
_CID = re.compile(r"\(cid:\d+\)")
_LONGEST_MARKER = 5


@dataclass(slots=True, eq=False)
class Word:
    """A word and its box."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(slots=True, eq=False)
class TextLine:
    """Words on one baseline, left to right.

    Attributes:
        size: height of its type in points, to half a point.
        bold: whether most of it is set in bold.
        page: from 1.
        direction: in which its letters are read; its box and its words' are turned so that they read to the right.
    """

    words: list[Word]
    size: float
    bold: bool
    page: int = 0
    direction: int = 0
    left: float = field(init=False)
    top: float = field(init=False)
    right: float = field(init=False)
    bottom: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = min(word.left for word in self.words)
        self.top = min(word.top for word in self.words)
        self.right = max(word.right for word in self.words)
        self.bottom = max(word.bottom for word in self.words)

    @property
    def text(self) -> str:
        """Its words with a space between them."""
        return " ".join(word.text for word in self.words)

    def same_row(self, other: TextLine) -> bool:
        """Whether it stands beside the other one, rather than above or below."""
        overlap = min(self.bottom, other.bottom) - max(self.top, other.top)
        return overlap > 0.6 * min(self.bottom - self.top, other.bottom - other.top)


@dataclass(slots=True, eq=False)
class _Run:
    """Letters that were drawn one after another; ``spaced[i]``: a space is drawn before letter ``i``."""

    glyphs: list[Glyph]
    spaced: list[bool]
    ends_in_space: bool = False

    @property
    def last(self) -> Glyph:
        return self.glyphs[-1]


def make_lines(glyphs: Sequence[Glyph], page: int, direction: int, size: PageSize) -> list[TextLine]:
    """The lines of the letters of one direction, in no order."""
    if direction == DIAGONAL:
        return _diagonal_lines(glyphs, page)
    turned = turned_glyphs(glyphs, direction, size)
    runs = _merged(_runs(_without_shadows(turned)))
    lines = [line for run in runs for line in _line(run, page, direction)]
    return with_markers(lines)


def _diagonal_lines(glyphs: Sequence[Glyph], page: int) -> list[TextLine]:
    """Text that runs neither along nor across, as a watermark does: as it was drawn, a line for each size of type."""
    lines = []
    for size, group in groupby(glyphs, key=lambda glyph: round(glyph.size * 2) / 2):
        words: list[Word] = []
        for is_space, letters in groupby(group, key=lambda glyph: glyph.text.isspace()):
            words += [] if is_space else _words(list(letters))
        if words:
            lines.append(TextLine(words, size, False, page, DIAGONAL))
    return lines


def _without_shadows(glyphs: Iterable[Glyph]) -> list[Glyph]:
    """Without letters drawn twice at almost the same place, which is how some programs make type bold."""
    seen: dict[tuple[str, int, int], Glyph] = {}
    kept = []
    for glyph in glyphs:
        step = max(0.12 * glyph.size, 0.2)
        x, y = round(glyph.left / step), round(glyph.top / step)
        places = [(glyph.text, x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        twin = next((seen[place] for place in places if place in seen), None) if not glyph.text.isspace() else None
        if twin is not None and abs(twin.left - glyph.left) <= step and abs(twin.top - glyph.top) <= step:
            twin.bold = True
            continue
        seen[(glyph.text, x, y)] = glyph
        kept.append(glyph)
    return kept


def _runs(glyphs: Iterable[Glyph]) -> list[_Run]:
    runs: list[_Run] = []
    spaces = 0
    for glyph in glyphs:
        if not glyph.text.strip("\u00a0\u200b ") or glyph.text.isspace():
            spaces += 1
            continue
        if runs and _follows(runs[-1].last, glyph, spaces):
            runs[-1].glyphs.append(glyph)
            runs[-1].spaced.append(spaces > 0)
        else:
            if runs and spaces:
                runs[-1].ends_in_space = True
            runs.append(_Run([glyph], [False]))
        spaces = 0
    return runs


def _follows(last: Glyph, glyph: Glyph, spaces: int) -> bool:
    size = max(last.size, glyph.size)
    if abs(last.bottom - glyph.bottom) > _SAME_BASELINE * size or min(last.size, glyph.size) < 0.6 * size:
        return False
    gap = glyph.left - last.right
    return -_BACK * size < gap < (_ONE_SPACE_GAP if spaces == 1 else _RUN_GAP) * size


def _merged(runs: list[_Run]) -> list[_Run]:
    """Runs that continue one another, whatever the order that they were drawn in."""
    lines: list[_Run] = []
    buckets: dict[int, list[_Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.glyphs[0].left):
        first = run.glyphs[0]
        near = range(int((first.bottom - first.size) // _BUCKET), int((first.bottom + first.size) // _BUCKET) + 1)
        candidates = [line for bucket in near for line in buckets[bucket] if _continues(line.last, first)]
        if candidates:
            line = min(candidates, key=lambda line: abs(first.left - line.last.right))
            line.glyphs += run.glyphs
            line.spaced += [line.ends_in_space, *run.spaced[1:]]
            line.ends_in_space = run.ends_in_space
        else:
            lines.append(run)
            line = run
        bucket = int(line.last.bottom // _BUCKET)
        if line not in buckets[bucket]:
            buckets[bucket].append(line)
    return lines


def _continues(last: Glyph, first: Glyph) -> bool:
    size, smaller = max(last.size, first.size), min(last.size, first.size)
    gap = first.left - last.right
    if abs(last.bottom - first.bottom) <= _SAME_BASELINE * smaller:
        return -0.3 * size < gap < _MERGE_GAP * size
    # A raised or lowered mark beside its word.
    overlap = min(last.bottom, first.bottom) - max(last.top, first.top)
    return smaller < 0.85 * size and overlap > 0.4 * smaller and -0.2 * size < gap < 0.3 * size


def _line(run: _Run, page: int, direction: int) -> list[TextLine]:
    size = _common(glyph.size for glyph in run.glyphs)
    gaps = [
        glyph.left - before.right
        for before, glyph, spaced in zip(run.glyphs, run.glyphs[1:], run.spaced[1:], strict=False)
        if not spaced
    ]
    spread = statistics.median(gaps) if len(gaps) >= _SPREAD_LETTERS else 0.0
    limit = max(_SPACE * size, spread + 0.15 * size)
    words: list[list[Glyph]] = []
    for before, glyph, spaced in zip([None, *run.glyphs], run.glyphs, run.spaced, strict=False):
        if before is None or spaced or glyph.left - before.right > limit:
            words.append([])
        words[-1].append(glyph)
    made = [word for letters in words for word in _words(letters)]
    if not made:
        return []
    bold = sum(len(glyph.text) for glyph in run.glyphs if glyph.bold) * 2 > sum(len(g.text) for g in run.glyphs)
    return [TextLine(made, size, bold, page, direction)]


def _words(letters: Sequence[Glyph]) -> list[Word]:
    text = clean_word("".join(glyph.text for glyph in letters))
    if not text:
        return []
    box = (
        min(glyph.left for glyph in letters),
        min(glyph.top for glyph in letters),
        max(glyph.right for glyph in letters),
        max(glyph.bottom for glyph in letters),
    )
    return [Word("".join(text.split()), *box)]


def clean_word(text: str) -> str:
    """Ligatures as letters, letters with their marks, and nothing that no index or screen can hold."""
    if "(cid:" in text:
        # A glyph that stands for no known letter; alone it is most often a bullet.
        text = _CID.sub("", text) or "•"
    if text.isascii():
        return text.replace("\x00", "")
    text = text.translate(_REPLACED).encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", text)


def _common(sizes: Iterable[float]) -> float:
    return Counter(round(size * 2) / 2 for size in sizes).most_common(1)[0][0]


def with_markers(lines: list[TextLine]) -> list[TextLine]:
    """Join the mark of a list's item with the line beside it."""
    ends = sorted(line.right for line in lines if not _is_marker(line.text))
    begins = sorted(line.left for line in lines)
    marks = [
        line
        for line in lines
        # Where more lines end than begin is a column's right edge, at which equations have their numbers.
        if _is_marker(line.text) and _near(ends, line.right) < _near(begins, line.left)
    ]
    gone: set[int] = set()
    for mark in marks:
        beside = [
            line
            for line in lines
            if line is not mark
            and id(line) not in gone
            and line.same_row(mark)
            and -1 < line.left - mark.right < _MARKER_GAP * max(line.size, mark.size)
        ]
        if beside:
            line = min(beside, key=lambda line: line.left)
            line.words.insert(0, mark.words[0])
            line.__post_init__()
            gone.add(id(mark))
    return [line for line in lines if id(line) not in gone]


def _near(places: Sequence[float], place: float) -> int:
    """How many of some places, in their order, are close to one."""
    return bisect_right(places, place + _ALIGNED) - bisect_left(places, place - _ALIGNED)


def _is_marker(text: str) -> bool:
    if text in BULLETS:
        return True
    core = text.strip("().")
    return text != core and len(text) <= _LONGEST_MARKER and (core.isdigit() or (len(core) == 1 and core.isalpha()))
