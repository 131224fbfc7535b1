"""Links of an answer as its reader gets it.

Markers of citations are out by then: a link that a marker cut in two, so that the first look didn't see it, is whole.
"""

from __future__ import annotations

from collections.abc import Iterable

from generation.answering.link_guard import LinkGuard, Piece


class Links:
    """A text filter over :class:`generation.answering.link_guard.LinkGuard`."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._guard = LinkGuard(sources)

    @property
    def removed(self) -> int:
        """How many links were taken out."""
        return self._guard.removed

    async def feed(self, text: str) -> list[Piece]:
        """See :class:`generation.guarding.stream.TextFilter`."""
        return self._guard.pieces(text)

    async def finish(self) -> list[Piece]:
        """See :class:`generation.guarding.stream.TextFilter`."""
        return self._guard.pieces("", last=True)
