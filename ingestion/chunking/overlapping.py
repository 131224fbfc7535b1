"""Where passages begin once their ends are set: in the passage before, at the start of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ingestion.chunking.layout import Layout
from ingestion.chunking.sentences import sentence_starts
from ingestion.chunking.units import BY_LINE, Unit, line_starts, word_start


def overlapping_starts(layout: Layout, groups: Sequence[Sequence[Unit]], overlap: int, max_tokens: int) -> list[int]:
    """Where each group's passage starts: in the group before it, if there is room and a place.

    Args:
        overlap: tokens that a passage shares with the one before it, at most.
        max_tokens: tokens of a passage, at most.
    """
    starts = [group[0].start for group in groups[:1]]
    for before, group in pairwise(groups):
        start, end = group[0].start, group[-1].end
        room = min(overlap, max_tokens - layout.tokens.count(start, end))
        if room <= 0:
            starts.append(start)
            continue
        # At least one behind the start of the group before: repeating all of a short one gains nothing.
        furthest = max(layout.tokens.retreat(start, room, before[0].start), before[0].start + 1)
        rows = layout.elements[before[-1].element].kind in BY_LINE
        starts.append(_overlap_start(layout, before, furthest, start, rows=rows))
    return starts


def _overlap_start(layout: Layout, before: Sequence[Unit], furthest: int, start: int, *, rows: bool) -> int:
    """The first place from ``furthest`` on where a unit or a sentence begins, else a word, else no overlap.

    ``rows``: the overlap is in a table or code, of which a piece of a line is worth nothing.
    """
    text = layout.text
    units = (unit.start for unit in before if furthest <= unit.start < start)
    inner = line_starts(text, furthest, start) if rows else sentence_starts(text, furthest, start, layout.language)
    candidates = [place for place in (next(units, None), next(inner, None)) if place is not None]
    if candidates:
        return min(candidates)
    return start if rows else word_start(text, furthest, start) or start
