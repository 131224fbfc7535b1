"""Words cut at the end of a line: whether the hyphen is their own, by what the document itself writes elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ingestion.partitioning.pdf.lines import TextLine

_HYPHENS = "-\u2010\u00ad"
_SOFT = "\u00ad"
_EDGES = "\"'“”‘’„«»()[]{}.,;:!?…"
_LETTERS = re.compile(r"[^\W\d_]+")
_OWN = frozenset({"self", "non", "well", "ex", "half", "cross", "all", "post", "quasi"})
"""First parts of words that keep their hyphen."""
_SUSPENDED = frozenset({"and", "or", "to", "und", "oder", "bis", "et", "ou", "y", "o", "e"})
"""What follows a hyphen that stands for a word's missing second part, as in "pre- and postwar"."""
_SHORTEST = 4


class Vocabulary:
    """The words of a document, but for those that line ends may have cut."""

    def __init__(self, lines: Iterable[Sequence[TextLine]]) -> None:
        self._words: Counter[str] = Counter()
        self._firsts: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._cut: list[tuple[str, str]] = []
        for block in lines:
            for number, line in enumerate(block):
                self._read(line, block[number - 1] if number else None, last=number == len(block) - 1)
        soft = sum(self._is_soft(first, second) for first, second in self._cut)
        own = sum(self._is_own(first, second) for first, second in self._cut)
        self._keeps = own > soft
        """Whether line ends cut only words that have a hyphen anyway, as they do where text isn't justified."""

    def _read(self, line: TextLine, above: TextLine | None, *, last: bool) -> None:
        words = [word.text.strip(_EDGES).lower() for word in line.words]
        cut_above = above is not None and above.words[-1].text[-1:] in _HYPHENS
        if above is not None and cut_above and words:
            self._cut.append((above.words[-1].text.strip(_EDGES)[:-1].lower(), words[0]))
        begin, end = int(cut_above), len(words) - int(not last and line.words[-1].text[-1:] in _HYPHENS)
        for word in words[begin:end]:
            self._words[word] += 1
            first, hyphen, second = word.partition("-")
            if hyphen and first and second:
                self._firsts[first] += 1
                self._seconds[second] += 1

    def _is_soft(self, first: str, second: str) -> bool:
        return bool(self._words[first + second]) or not (self._words[first] and self._words[second])

    def _is_own(self, first: str, second: str) -> bool:
        return bool(self._words[f"{first}-{second}"]) and not self._words[first + second]

    def join(self, text: str, following: str) -> tuple[str, str]:
        """A line's end, and what goes between it and the next line, which begins with the word ``following``.

        Returns:
            The text, without its last hyphen if that only cut a word; and a space, or nothing.
        """
        if text[-1:] not in _HYPHENS or len(text) < 2 or not text[-2].isalnum():  # noqa: PLR2004
            return text, " "
        if text[-1] == _SOFT:
            return text[:-1], ""
        word = following.strip(_EDGES).lower()
        if word in _SUSPENDED:
            return text, " "
        if not following[:1].isalnum():
            return text, " "
        first = text[:-1].rsplit(" ", maxsplit=1)[-1].strip(_EDGES).lower()
        if not following[:1].islower() or not first[-1:].isalpha() or self._keeps_hyphen(first, word):
            return text, ""
        return text[:-1], ""

    def _keeps_hyphen(self, first: str, second: str) -> bool:
        if self._words[first + second]:
            return False
        if self._words[f"{first}-{second}"] or "-" in first or first in _OWN:
            return True
        begins, ends = self._firsts[first], self._seconds[second]
        known = (self._words[first] or begins) and (self._words[second] or ends)
        if not known or min(len(first), len(second)) < _SHORTEST:
            return False
        # "high-" before "dimensional", where "low-dimensional" or "high-quality" stands elsewhere.
        return self._keeps or bool(begins or ends)
