"""Passages as claims are held against them: their lines, and which of those a claim is about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.chunk import Chunk
from generation.text.sentences import Sentence, split_sentences
from generation.text.word_stems import terms
from generation.verification.facts import Facts, facts_of, texts_of

_MOST_LINES = 4
_ADDS = 0.1
"""The share of a claim's words that a further line must add."""
_BREAKS = ".!?:;…\n|"
_OPENS_LINE = "\n\t -*•#>|\"“'(["


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence, item, row or heading of a passage.

    Attributes:
        source: the passage's number among those that the claim is held against, from 0.
        above: what it stands under in its passage: the nearest heading, and the line that introduces its list.
    """

    source: int
    sentence: Sentence
    terms: frozenset[str]
    above: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The lines of the passages that a claim is about, the closest first.

    Attributes:
        coverage: the share of the claim's words that the closest line holds, rare ones weighing more; ``together``:
            that all lines hold with what they stand under.
        facts: those of all lines, with what they stand under; ``closest``: of the first one alone.
    """

    lines: tuple[Line, ...]
    coverage: float
    together: float
    facts: Facts
    closest: Facts


class Evidence:
    """What one or more passages say.

    Args:
        passages: their texts, and what stands over each: title and headings.
    """

    def __init__(self, passages: Sequence[tuple[str, str]]) -> None:
        self._texts = [text for text, _ in passages]
        self._contexts = [context for _, context in passages]
        self.lines = [Line(source, *read) for source, (text, _) in enumerate(passages) for read in _lines(text)]
        self._context_terms = frozenset().union(*(terms(context) for context in self._contexts))
        self._weights = _weights(self.lines)
        self._rarest = math.log1p(2 * max(1, len(self.lines)))

    @classmethod
    def of(cls, chunks: Sequence[Chunk]) -> Evidence:
        """What these passages say."""
        return cls([(chunk.text, _context(chunk)) for chunk in chunks])

    @property
    def facts(self) -> Facts:
        """Everything that the passages say anywhere."""
        return Facts.merged([*(facts_of(line.sentence.text) for line in self.lines), *map(facts_of, self._contexts)])

    def says(self, text: str) -> bool:
        """Whether a passage has this word for word, as whole sentences, items or rows."""
        return any(_holds(passage, text) for passage in self._texts)

    def match(self, claim: str) -> Match:
        """The lines that hold most of the claim's words: the closest one, and further ones that add to it."""
        wanted = terms(claim)
        total = sum(map(self._weight, wanted)) or 1.0
        left = wanted - self._context_terms
        chosen: list[Line] = []
        coverage = 0.0
        while len(chosen) < _MOST_LINES and self.lines:
            best = max(self.lines, key=lambda line: self._worth(line, left if chosen else wanted))
            gain = sum(self._weight(term) for term in best.terms & (left if chosen else wanted)) / total
            if best in chosen or gain < (_ADDS if chosen else 1e-9):
                break
            coverage = coverage or gain
            chosen.append(best)
            left -= best.terms | terms(" ".join(best.above))
        context = [self._contexts[source] for source in dict.fromkeys(line.source for line in chosen)]
        said = [text for line in chosen for text in (line.sentence.text, *line.above)]
        together = 1 - sum(map(self._weight, left)) / total
        first = texts_of([chosen[0].sentence.text, *chosen[0].above, *context]) if chosen else Facts()
        return Match(tuple(chosen), coverage, together, texts_of([*said, *context]), first)

    def _weight(self, term: str) -> float:
        return self._weights.get(term, self._rarest)

    def _worth(self, line: Line, wanted: frozenset[str]) -> float:
        """Among lines that hold as much the shorter one wins: what it says besides is less."""
        return sum(map(self._weight, line.terms & wanted)) / math.sqrt(4 + len(line.terms))


def _context(chunk: Chunk) -> str:
    name = chunk.uri.rstrip("/").rpartition("/")[2]
    return "\n".join(dict.fromkeys(filter(None, (chunk.metadata.title or name, *chunk.heading_path))))


@lru_cache(maxsize=256)
def _lines(text: str) -> tuple[tuple[Sentence, frozenset[str], tuple[str, ...]], ...]:
    found = []
    heading = introduction = ""
    for sentence in split_sentences(text):
        found.append((sentence, terms(sentence.text), tuple(filter(None, (heading, introduction)))))
        if sentence.heading:
            heading, introduction = sentence.text, ""
        elif sentence.introduces:
            introduction = sentence.text
        elif sentence.complete and not sentence.text.lstrip().startswith(("-", "*", "•")):
            introduction = ""
    return tuple(found)


def _weights(lines: Sequence[Line]) -> Mapping[str, float]:
    spread = Counter(term for line in lines for term in line.terms)
    return {term: math.log1p(len(lines) / count) for term, count in spread.items()}


def _holds(passage: str, text: str) -> bool:
    at = passage.find(text)
    while at >= 0:
        before, after = passage[:at].rstrip(" "), passage[at + len(text) :].lstrip(" ")
        opens = not before or before.rstrip("\"”'’)*_")[-1:] in _BREAKS or before[-1] in _OPENS_LINE
        closes = not after or text.rstrip("\"”'’)*_ ")[-1:] in _BREAKS or after[0] in "\n|"
        if opens and closes:
            return True
        at = passage.find(text, at + 1)
    return False
