"""Text that doesn't run across the page: into a frame in which it does, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.place import PageSize
from ingestion.partitioning.pdf.glyphs import Glyph

Corners = tuple[float, float, float, float]
TURNS: dict[int, Callable[[float, float, float, float, PageSize], Corners]] = {
    90: lambda left, top, right, bottom, size: (size.height - bottom, left, size.height - top, right),
    180: lambda left, top, right, bottom, size: (
        size.width - right,
        size.height - bottom,
        size.width - left,
        size.height - top,
    ),
    270: lambda left, top, right, bottom, size: (top, size.width - right, bottom, size.width - left),
}
"""From the page's frame to one in which text of a direction reads to the right, and its lines follow downwards."""
TURNS_BACK: dict[int, Callable[[float, float, float, float, PageSize], Corners]] = {
    90: lambda left, top, right, bottom, size: (top, size.height - right, bottom, size.height - left),
    180: TURNS[180],
    270: lambda left, top, right, bottom, size: (size.width - bottom, left, size.width - top, right),
}


def turned_glyphs(glyphs: Sequence[Glyph], direction: int, size: PageSize) -> list[Glyph]:
    """Letters in a frame in which they are read to the right."""
    turn = TURNS.get(direction)
    if turn is None:
        return list(glyphs)
    made = []
    for g in glyphs:
        box = turn(g.left, g.top, g.right, g.bottom, size)
        made.append(Glyph(g.text, *box, g.size, g.bold))
    return made
