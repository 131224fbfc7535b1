"""Takes out of an answer what it repeats of our own instructions, word for word."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from generation.answering.link_guard import REMOVED, Piece

RUN = 8
"""Words: whoever writes so many of the instructions in a row quotes them."""
_UNIT = re.compile(r"(?:\W{0,100}?\w[\w'’]{0,99}|\W{100})")
"""A word with what stands before it; bounded, so that what is held back is."""
_BETWEEN = re.compile(r"\W*")


class PromptLeaks:
    """A text filter.

    Args:
        instructions: what isn't to be repeated.
        sources: what they say may be repeated, even where the instructions say it too.

    Attributes:
        removed: how many runs of words were taken out.
    """

    def __init__(self, instructions: str, sources: Iterable[str] = ()) -> None:
        self.removed = 0
        self._runs = set(_runs(instructions))
        for source in sources:
            self._runs.difference_update(_runs(source))
        self._beginnings = {run[:length] for run in self._runs for length in range(1, RUN)}
        self._rest = ""
        self._before: deque[str] = deque(maxlen=RUN - 1)
        self._units: deque[tuple[str, str]] = deque()
        self._cut = False

    async def feed(self, text: str) -> list[Piece]:
        """See :class:`generation.guarding.stream.TextFilter`."""
        return self._read(text, last=False)

    async def finish(self) -> list[Piece]:
        """See :class:`generation.guarding.stream.TextFilter`."""
        return self._read("", last=True)

    def _read(self, text: str, *, last: bool) -> list[Piece]:
        text = self._rest + text
        pieces: list[Piece] = []
        at = 0
        while (unit := _UNIT.match(text, at)) and (last or unit.end() < len(text)):
            at = unit.end()
            pieces.extend(self._take(unit.group()))
        self._rest = text[at:]
        if last:
            pieces.extend(self._release() for _ in range(len(self._units)))
            pieces.append(Piece(len(self._rest), self._rest))
        return _joined(pieces)

    def _take(self, unit: str) -> Iterator[Piece]:
        self._units.append((_word(unit), unit))
        words = (*self._before, *(word for word, _ in self._units))
        if words[-RUN:] in self._runs:
            while len(self._units) > RUN:
                yield self._release()
            yield from self._removal()
            return
        while self._units and not self._may_begin(words, len(words) - len(self._units)):
            yield self._release()

    def _may_begin(self, words: tuple[str, ...], first: int) -> bool:
        """Whether words from ``first`` or before it on can still become a run."""
        return any(words[start:] in self._beginnings for start in range(max(0, len(words) - RUN + 1), first + 1))

    def _release(self) -> Piece:
        word, unit = self._units.popleft()
        self._before.append(word)
        self._cut = False
        return Piece(len(unit), unit)

    def _removal(self) -> Iterator[Piece]:
        """What stands before the first word is not the instructions': it stays, and citations that end with it too."""
        taken = sum(len(text) for _, text in self._units)
        self._before.extend(word for word, _ in self._units)
        between = _BETWEEN.match(self._units[0][1])
        self._units.clear()
        if self._cut or between is None:
            yield Piece(taken, "")
            return
        self._cut, self.removed = True, self.removed + 1
        yield Piece(between.end(), between.group())
        yield Piece(taken - between.end(), REMOVED)


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """As few pieces as can be: neighbours that are as they were are one."""
    out: list[Piece] = []
    for piece in pieces:
        same = piece.taken == len(piece.text)
        if out and same and out[-1].taken == len(out[-1].text):
            out[-1] = Piece(out[-1].taken + piece.taken, out[-1].text + piece.text)
        elif piece.taken:
            out.append(piece)
    return out


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = [_word(unit.group()) for unit in _UNIT.finditer(text)]
    return zip(*(islice(words, start, None) for start in range(RUN)), strict=False)


def _word(unit: str) -> str:
    return re.sub(r"[\W_]+", "", unit).casefold()
