"""Where a text's tokens are, so that the length of any span of it is two look-ups."""

from __future__ import annotations

from array import array
from bisect import bisect_left

from retrieval.embedding.port import Tokenizer

_PIECE = 50_000
"""Characters tokenized at a time: bounds the memory that the tokenizer's answer takes."""
_LONGEST_TOKEN = 64
"""Characters of a token above which it counts as several: to many models an endless word is a single unknown token,
and a passage must end somewhere."""


class TokenIndex:
    """The tokens of one text, each known by where it starts.

    The text is tokenized once, in pieces that end at white space, which tokenizers don't build tokens across.
    """

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        self._starts = array("Q")
        position = 0
        while position < len(text):
            end = _piece_end(text, position)
            self._add([position + start for start, _ in tokenizer.offsets(text[position:end])])
            position = end
        self._fill(len(text))

    def _add(self, starts: list[int]) -> None:
        """Note tokens by their places, of which some tokenizers give several tokens of one character the same."""
        last = self._starts[-1] if self._starts else 0
        for start in starts:
            if start - last > _LONGEST_TOKEN:
                self._fill(start)
            self._starts.append(start)
            last = start

    def _fill(self, until: int) -> None:
        last = self._starts[-1] if self._starts else 0
        while until - last > _LONGEST_TOKEN:
            last += _LONGEST_TOKEN
            self._starts.append(last)

    def count(self, start: int, end: int) -> int:
        """Tokens that start in ``text[start:end]``."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def advance(self, start: int, tokens: int, end: int) -> int:
        """The furthest place up to ``end`` such that the span from ``start`` holds at most so many tokens."""
        place = bisect_left(self._starts, start) + tokens
        return min(self._starts[place], end) if place < len(self._starts) else end

    def retreat(self, end: int, tokens: int, start: int) -> int:
        """The furthest place back to ``start`` such that the span up to ``end`` holds at most so many tokens."""
        place = bisect_left(self._starts, end) - tokens
        return max(self._starts[place], start) if place > 0 else start


def _piece_end(text: str, position: int) -> int:
    end = position + _PIECE
    if end >= len(text):
        return len(text)
    for separator in ("\n", " "):
        found = text.rfind(separator, position + 1, end)
        if found > 0:
            return found
    return end
