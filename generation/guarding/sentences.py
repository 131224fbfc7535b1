"""Looks at an answer sentence by sentence before each is shown."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from generation.answering.link_guard import Piece

_LONGEST = 1000
_END = re.compile(r"\n|(?<=[.!?。！？…])(?:[\"'”’)\]*_»]{0,3})\s|(?<=[。！？])")
_ABBREVIATION = re.compile(r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|No|Tel|e\.g|i\.e|vs|ca|approx)\.\s\Z", re.ASCII)

Look = Callable[[str], Awaitable[str]]
"""What becomes of a sentence."""


class Sentences:
    """A text filter: where sentences end hangs on the text alone, and none is longer than a thousand characters.

    Where one is, it is cut at its last blank that doesn't stand among numbers, so that no number is cut in two.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._held = ""

    async def feed(self, text: str) -> list[Piece]:
        """See :class:`generation.guarding.stream.TextFilter`."""
        pieces = []
        for at in range(0, len(text), _LONGEST):
            self._held += text[at : at + _LONGEST]
            while end := _end(self._held):
                pieces.append(await self._looked(end))
        return pieces

    async def finish(self) -> list[Piece]:
        """See :class:`generation.guarding.stream.TextFilter`."""
        return [await self._looked(len(self._held))] if self._held else []

    async def _looked(self, end: int) -> Piece:
        sentence, self._held = self._held[:end], self._held[end:]
        return Piece(len(sentence), await self._look(sentence))


def _end(text: str) -> int:
    """Where the first sentence ends; 0 while that isn't known."""
    for found in _END.finditer(text[:_LONGEST]):
        # What follows is waited for: a zero-width end must not hang on it being there.
        if found.end() and not _ABBREVIATION.search(text[max(0, found.end() - 8) : found.end()]):
            return found.end()
    if len(text) < _LONGEST:
        return 0
    for found in reversed(list(re.finditer(r"(?<=[^\d\s+().-])\s(?=\S)", text[: _LONGEST - 1]))):
        if found.end() > _LONGEST // 2 and not text[found.end()].isdigit():
            return found.end()
    return _LONGEST
