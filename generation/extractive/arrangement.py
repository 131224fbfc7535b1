"""Makes a readable passage of a chosen sentence: what stands around it in its section, within a number of words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.chunk import Chunk
from generation.extractive.candidates import heading_numbers
from generation.text.sentences import Sentence, split_sentences

_LEAD_IN_REACH = 8
"""How many list items back an introduction (``... the following:``) is looked for."""
_VERDICT = re.compile(r"(?:A: ?)?(?:Yes|Yep|No|Not)\b\W*(?:\w+\W*){0,3}$")
_DEPENDENT = ("it ", "they ", "this ", "these ", "those ", "that ", "he ", "she ", "however", "also", "then ", "such ")
_OVER = 1.25
"""A paragraph that is as much longer than the budget is still taken whole."""


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence of a source: ``text`` is the document's ``[start:end]``.

    Attributes:
        source: which of the given passages it is from, from 0.
        joins: it goes on where the one before ended, in the same paragraph.
        item: it is a list item, a row or another piece that isn't a whole sentence.
    """

    source: int
    text: str
    start: int
    end: int
    joins: bool
    item: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk's sentences, and which of them are headings."""

    sentences: Sequence[Sentence]
    headings: frozenset[int]

    @classmethod
    def of(cls, chunk: Chunk) -> Passage:
        """Cut a chunk into its sentences."""
        sentences = split_sentences(chunk.text)
        return cls(sentences, heading_numbers(chunk, sentences))


def around(number: int, passage: Passage, scores: Mapping[int, float], budget: int) -> list[int]:
    """The sentences to show for the one at ``number``, in order: a contiguous run, and what announces its list.

    Its paragraph comes first, then the paragraphs and items beside it under the same heading, the better scored side
    before the other and what follows before what precedes, as long as ``budget`` words hold them.
    """
    sentences = passage.sentences
    first, last = _section(number, passage)
    if _length(sentences[first : last + 1]) <= budget:
        return list(range(first, last + 1))
    begin, end = _paragraph(number, sentences, budget)
    begin = min(begin, _leans_on(begin, sentences))
    announced = _announcement(begin, sentences)
    left = budget - _length(sentences[begin : end + 1])
    if announced is not None:
        left -= _length([sentences[announced]])
    begin, end = _widen((begin, end), (first, last), sentences, scores, left)
    before = [announced] if announced is not None and announced < begin else []
    return [*before, *range(begin, end + 1)]


def extracts(source: int, start: int, passage: Passage, numbers: Sequence[int]) -> Iterator[Extract]:
    """The sentences with these numbers, with their places in the document, where the passage begins at ``start``."""
    previous = None
    for number in numbers:
        sentence = passage.sentences[number]
        joins = previous == number - 1 and passage.sentences[previous].block == sentence.block
        item = not sentence.complete and not sentence.introduces
        yield Extract(source, sentence.text, start + sentence.start, start + sentence.end, joins, item)
        previous = number


def _length(sentences: Sequence[Sentence]) -> int:
    return sum(len(one.text.split()) for one in sentences)


def _section(number: int, passage: Passage) -> tuple[int, int]:
    """First and last of what stands under the same heading."""
    first = last = number
    while first and first - 1 not in passage.headings:
        first -= 1
    while last + 1 < len(passage.sentences) and last + 1 not in passage.headings:
        last += 1
    while first < number and passage.sentences[first].text.endswith(","):  # "Dear all,"
        first += 1
    return first, last


def _paragraph(number: int, sentences: Sequence[Sentence], budget: int) -> tuple[int, int]:
    """First and last of its paragraph; of a long one the sentence, what it leans on, and what follows as it fits."""
    block = [at for at, one in enumerate(sentences) if one.block == sentences[number].block]
    if _length(sentences[block[0] : block[-1] + 1]) <= budget * _OVER:
        return block[0], block[-1]
    begin = end = number
    if _VERDICT.match(sentences[block[0]].text) or (
        sentences[number].text.casefold().startswith(_DEPENDENT) and number > block[0]
    ):
        begin = number - 1 if number > block[0] else number
    while end < block[-1] and _length(sentences[begin : end + 2]) <= budget:
        end += 1
    return begin, end


def _leans_on(begin: int, sentences: Sequence[Sentence]) -> int:
    """One further back where the passage would begin with ``It`` or ``This`` in the middle of a paragraph."""
    leans = sentences[begin].text.casefold().startswith(_DEPENDENT)
    return begin - 1 if leans and begin and sentences[begin - 1].block == sentences[begin].block else begin


def _announcement(begin: int, sentences: Sequence[Sentence]) -> int | None:
    """What announces the list that the passage begins in."""
    if sentences[begin].complete or sentences[begin].introduces:
        return None
    for before in range(begin - 1, max(-1, begin - 1 - _LEAD_IN_REACH), -1):
        if sentences[before].introduces:
            return before
        if sentences[before].complete or sentences[before].heading:
            return None
    return None


def _widen(
    inner: tuple[int, int],
    outer: tuple[int, int],
    sentences: Sequence[Sentence],
    scores: Mapping[int, float],
    words: int,
) -> tuple[int, int]:
    (begin, end), (first, last) = inner, outer
    while True:
        after = _block(end + 1, sentences) if end < last else None
        before = _block(begin - 1, sentences) if begin > first else None
        sides = [side for side in (after, before) if side and _length(sentences[side[0] : side[1] + 1]) <= words]
        if not sides:
            return begin, end
        # An announced list goes first; else the side that has more to say, of equals what follows.
        listed = after in sides and sentences[end].introduces
        side = sides[0] if listed else max(sides, key=lambda one: _best(one, scores))
        words -= _length(sentences[side[0] : side[1] + 1])
        begin, end = min(begin, side[0]), max(end, side[1])


def _best(span: tuple[int, int], scores: Mapping[int, float]) -> float:
    return max(scores.get(at, 0.0) for at in range(span[0], span[1] + 1))


def _block(number: int, sentences: Sequence[Sentence]) -> tuple[int, int]:
    first = last = number
    while first and sentences[first - 1].block == sentences[number].block:
        first -= 1
    while last + 1 < len(sentences) and sentences[last + 1].block == sentences[number].block:
        last += 1
    return first, last
