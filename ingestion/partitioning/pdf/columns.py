"""Reading order: which lines of a page stand in columns, and which run over all of them.

A vertical gutter is looked for that parts the most text. Lines that cross it, as titles do, part the page into bands;
a band whose two sides read like text is read column by column, each side again looked at for gutters; everything else
is read row by row. (The recursive X-Y cut of Nagy and Seth, 1984, with lines that cross a cut allowed.)
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.partitioning.pdf.lines import TextLine
from ingestion.partitioning.pdf.tables import Table

Item = TextLine | Table

_STEP = 2.0
_MOST_STEPS = 400
_LEAST_SHARE = 0.1
"""Share of the text that must stand on either side of a gutter."""
_LEAST_LINES = 3
_LEAST_WORDS = 3.0
"""Words a line that a column of text has, on average; a table's column has fewer."""
_LEAST_FILL = 0.5
"""Share of its column's width that a line of text has, in the middle."""
_MOST_ALIGNED = 0.5
_SAME_BASELINE = 1.0
_FEWEST = 6
_DEEPEST = 4


@dataclass(slots=True)
class Flow:
    """Items that are read one after another, rows from top to bottom and from left to right, between two edges."""

    items: list[Item]

    @property
    def left(self) -> float:
        """Its left edge."""
        return min(item.left for item in self.items)

    @property
    def right(self) -> float:
        """Its right edge."""
        return max(item.right for item in self.items)


def arrange(items: Sequence[Item], depth: int = 0) -> list[Flow]:
    """The items of a page as flows in reading order."""
    if not items:
        return []
    gutter = _gutter(items) if len(items) >= _FEWEST and depth < _DEEPEST else None
    if gutter is None:
        return [Flow(in_rows(items))]
    flows: list[Flow] = []
    whole: list[Item] = []
    for band, crosses in _bands(items, gutter):
        left, right = _sides(band, gutter)
        if crosses or not _are_columns(left, right, depth):
            whole += band
            continue
        if whole:
            flows += arrange(whole, depth + 1)
            whole = []
        flows += arrange(left, depth + 1) + arrange(right, depth + 1)
    if not flows:
        return [Flow(in_rows(items))]
    return flows + (arrange(whole, depth + 1) if whole else [])


def _words(item: Item) -> int:
    return len(item.words) if isinstance(item, TextLine) else sum(len(cell.lines) for cell in item.cells) * 4


def _gutter(items: Sequence[Item]) -> float | None:
    """Where a vertical cut parts the text best; None if no cut leaves enough on both its sides."""
    left, right = min(item.left for item in items), max(item.right for item in items)
    total = sum(map(_words, items))
    weighted = [(item.left, item.right, _words(item)) for item in items]
    best, places = (0, 0), [0.0]
    step = max(_STEP, (right - left) / _MOST_STEPS)
    x = left + step
    while x < right:
        before = sum(words for _, end, words in weighted if end <= x)
        behind = sum(words for start, _, words in weighted if start >= x)
        score = (min(before, behind), before + behind)
        if score > best:
            best, places = score, [x]
        elif score == best:
            places.append(x)
        x += step
    if best[0] < max(_LEAST_SHARE * total, 1):
        return None
    # The first run of equally good cuts, in its middle.
    run = [place for number, place in enumerate(places) if place - places[0] < step * (number + 0.5)]
    return run[len(run) // 2]


def _bands(items: Sequence[Item], gutter: float) -> list[tuple[list[Item], bool]]:
    """The items from top to bottom, in groups that cross the gutter (True) or don't."""
    bands: list[tuple[list[Item], bool]] = []
    for item in sorted(items, key=lambda item: item.top):
        crosses = item.left < gutter < item.right
        if not bands or bands[-1][1] != crosses:
            bands.append(([], crosses))
        bands[-1][0].append(item)
    return bands


def _sides(band: Sequence[Item], gutter: float) -> tuple[list[Item], list[Item]]:
    left = [item for item in band if item.right <= gutter]
    return left, [item for item in band if item.right > gutter]


def _are_columns(left: Sequence[Item], right: Sequence[Item], depth: int) -> bool:
    """Whether these are columns of text, and not those of a table, or a line that happens to end early."""
    if len(left) < _LEAST_LINES or len(right) < _LEAST_LINES:
        return False
    text = [_is_text(side) or _has_columns(side, depth + 1) for side in (left, right)]
    return all(text) or (any(text) and _aligned_share(left, right) < _MOST_ALIGNED)


def _aligned_share(left: Sequence[Item], right: Sequence[Item]) -> float:
    """Share of the items on the side with fewer whose baseline one on the other side has too: a table's all do."""
    fewer, more = sorted((left, right), key=len)
    baselines = [item.bottom for item in more]
    return sum(any(abs(item.bottom - other) <= _SAME_BASELINE for other in baselines) for item in fewer) / len(fewer)


def _has_columns(items: Sequence[Item], depth: int) -> bool:
    gutter = _gutter(items) if len(items) >= _FEWEST and depth < _DEEPEST else None
    if gutter is None:
        return False
    return any(not crosses and _are_columns(*_sides(band, gutter), depth) for band, crosses in _bands(items, gutter))


def _is_text(items: Sequence[Item]) -> bool:
    lines = [item for item in items if isinstance(item, TextLine)]
    if len(lines) < _LEAST_LINES:
        return bool(items)
    width = max(line.right for line in lines) - min(line.left for line in lines)
    rows = _joined_rows(lines)
    fill = statistics.median(sum(line.right - line.left for line in row) for row in rows) / (width or 1)
    words = statistics.mean(sum(len(line.words) for line in row) for row in rows)
    return words >= _LEAST_WORDS and fill >= _LEAST_FILL


def _joined_rows(lines: Sequence[TextLine]) -> list[list[TextLine]]:
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: line.top):
        if rows and line.same_row(rows[-1][0]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def in_rows(items: Sequence[Item]) -> list[Item]:
    """Rows from top to bottom, each from left to right."""
    rows: list[list[Item]] = []
    for item in sorted(items, key=lambda item: item.top):
        last = rows[-1][0] if rows else None
        if isinstance(item, TextLine) and isinstance(last, TextLine) and item.same_row(last):
            rows[-1].append(item)
        else:
            rows.append([item])
    return [item for row in rows for item in sorted(row, key=lambda item: item.left)]
