"""What an extractive answer chooses from: the sentences of the passages that could matter to the question."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.chunk import Chunk
from generation.sentences import Sentence, split_sentences
from generation.words import stem, terms, words

MAX_CANDIDATES = 60
"""Each is embedded: this bounds the time of an answer."""
_FIRST_PASSAGE, _SECOND_PASSAGE = 15, 8
"""How many of the candidates the two best passages get whatever words they hold: an answer can use other words."""
_HEADING_SHARE = 0.6
_MAX_SENTENCE = 800
_NAME = re.compile(r"(?<=[^.!?:\"'“(\s] )(?:[A-Z][\w&-]*\w|\w*\d[\w-]*)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the question asks for.

    Attributes:
        weights: its terms; one that few of the passages' sentences hold weighs more. They add up to 1.
        found: the weight of the terms that the passages hold somewhere.
        missing_names: its names and numbers that no passage holds.
    """

    question: str
    weights: Mapping[str, float]
    found: float
    missing_names: frozenset[str]

    @classmethod
    def of(cls, question: str, chunks: Sequence[Chunk]) -> Wanted:
        """Weigh the question's terms by where the passages hold them."""
        held = [terms(chunk.search_text) for chunk in chunks]
        everywhere = frozenset(term for one in held for term in one)
        sentences = [terms(sentence.text) for chunk in chunks for sentence in split_sentences(chunk.text)]
        spread = Counter(term for one in sentences for term in one)
        asked = terms(question)
        raw = {term: math.log1p(len(sentences) / (1 + spread[term])) for term in asked}
        total = sum(raw.values()) or 1.0
        weights = {term: weight / total for term, weight in raw.items()}
        names = _names(question) & asked
        return cls(
            question=question,
            weights=weights,
            found=sum(weight for term, weight in weights.items() if _in(term, everywhere)),
            missing_names=frozenset(name for name in names if not _in(name, everywhere)),
        )

    def share(self, held: frozenset[str]) -> float:
        """The weight of the terms that are in ``held``, 0 to 1."""
        return sum(weight for term, weight in self.weights.items() if term in held)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that could be part of the answer.

    Attributes:
        source: which passage it is from, from 0, best ranked first.
        number: its place among the passage's sentences.
        heading: the heading that it stands under, empty where there is none.
        lexical: the share of the question's terms that it and, at a discount, its heading hold, 0 to 1.
        is_heading: it is one of its document's headings.
    """

    source: int
    number: int
    sentence: Sentence
    heading: str
    lexical: float
    is_heading: bool

    @property
    def in_context(self) -> str:
        """The sentence as the embedder reads it: under its heading."""
        return f"{self.heading}: {self.sentence.text}" if self.heading else self.sentence.text


def find_candidates(wanted: Wanted, chunks: Sequence[Chunk]) -> list[Candidate]:
    """The sentences that share most with the question, and those of the best passages that share nothing."""
    every = [one for source, chunk in enumerate(chunks) for one in _of_passage(wanted, source, chunk)]
    every = [one for one in every if not one.is_heading and len(one.sentence.text) <= _MAX_SENTENCE]
    every.sort(key=lambda one: (-one.lexical, one.source, one.number))
    quotas = {0: _FIRST_PASSAGE, 1: _SECOND_PASSAGE}
    kept = [one for one in every if one.lexical > 0][: MAX_CANDIDATES - sum(quotas.values())]
    chosen = {(one.source, one.number) for one in kept}
    for source, quota in quotas.items():
        rest = [one for one in every if one.source == source and (source, one.number) not in chosen]
        kept.extend(rest[:quota])
    return kept


def _of_passage(wanted: Wanted, source: int, chunk: Chunk) -> list[Candidate]:
    headings = {heading.casefold() for heading in (*chunk.heading_path, chunk.metadata.title)}
    heading = chunk.heading_path[-1] if chunk.heading_path else chunk.metadata.title
    title = terms(" ".join((chunk.metadata.title, *chunk.heading_path[:-1])))
    found = []
    for number, sentence in enumerate(split_sentences(chunk.text)):
        is_heading = sentence.heading or sentence.text.casefold() in headings
        if is_heading:
            heading = sentence.text
        own = terms(sentence.text)
        above = (terms(heading) | title) - own
        lexical = wanted.share(own) + _HEADING_SHARE * wanted.share(above)
        found.append(Candidate(source, number, sentence, heading, lexical, is_heading))
    return found


def _names(question: str) -> frozenset[str]:
    """Stems of the words written as names are; none where capitals mean nothing because most words have them."""
    found = _NAME.findall(question)
    if len(found) > len(question.split()) / 2:
        return frozenset()
    return frozenset(stem(word) for name in found for word in words(name))


def _in(term: str, held: frozenset[str]) -> bool:
    """Whether the term is held, or one that begins like it: an inflection that the stemmer left."""
    return term in held or (len(term) >= 5 and any(other.startswith(term) for other in held))  # noqa: PLR2004
