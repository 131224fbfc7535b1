"""Puts chosen sentences into an order that reads, with the sentences that they can't be read without."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.chunk import Chunk
from generation.candidates import Candidate
from generation.sentences import Sentence, split_sentences

_MAX_LIST_ITEMS = 9
_MAX_SECTION_CHARS = 480
_MAX_PARAGRAPH_CHARS = 320
_LEAD_IN_REACH = 8
"""How many list items back an introduction (``... the following:``) is looked for."""
_VERDICT = re.compile(r"(?:A: ?)?(?:Yes|Yep|No|Not)\b\W*(?:\w+\W*){0,3}$")
_DEPENDENT = ("it ", "they ", "this ", "these ", "those ", "that ", "he ", "she ", "however", "also", "then ", "such ")


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


def arrange(chosen: Sequence[Candidate], chunks: Sequence[Chunk], *, section: Candidate | None = None) -> list[Extract]:
    """The sentences by source, the best sentence's source first, in the order in which each source has them.

    ``section`` is a sentence whose heading asks the question: those that follow it under that heading come too.
    """
    extracts: list[Extract] = []
    for source in dict.fromkeys(one.source for one in chosen):
        chunk = chunks[source]
        sentences = split_sentences(chunk.text)
        wanted: set[int] = set()
        for one in chosen:
            if one.source == source:
                wanted.update(_with_company(one.number, sentences))
            if one is section:
                wanted.update(_section(one.number, sentences))
        extracts.extend(_extracts(source, chunk, sentences, sorted(wanted)))
    return extracts


def _extracts(source: int, chunk: Chunk, sentences: Sequence[Sentence], numbers: Sequence[int]) -> Iterator[Extract]:
    previous = None
    for number in numbers:
        sentence = sentences[number]
        joins = previous == number - 1 and sentences[previous].block == sentence.block
        start = chunk.start + sentence.start
        item = not sentence.complete and not sentence.introduces
        yield Extract(source, sentence.text, start, chunk.start + sentence.end, joins, item)
        previous = number


def _with_company(number: int, sentences: Sequence[Sentence]) -> Iterator[int]:
    yield from _paragraph(number, sentences)
    sentence = sentences[number]
    if sentence.introduces:
        yield from _items(number, sentences)
    elif not sentence.complete:
        yield from _lead_in(number, sentences)
    if sentence.text.casefold().startswith(_DEPENDENT) and number and sentences[number - 1].block == sentence.block:
        yield number - 1


def _paragraph(number: int, sentences: Sequence[Sentence]) -> Iterator[int]:
    """The sentence, and where its paragraph is short, all of it: what follows is often what makes it an answer."""
    block = [at for at, one in enumerate(sentences) if one.block == sentences[number].block]
    short = sentences[block[-1]].end - sentences[block[0]].start <= _MAX_PARAGRAPH_CHARS
    yield from block if short else (number,)
    if _VERDICT.match(sentences[block[0]].text):
        yield block[0]


def _section(number: int, sentences: Sequence[Sentence]) -> Iterator[int]:
    """What stands under the same heading, from this sentence on, as far as an answer may be long."""
    length = 0
    for following in range(number, len(sentences)):
        sentence = sentences[following]
        length += len(sentence.text)
        if following > number and (sentence.heading or length > _MAX_SECTION_CHARS):
            return
        yield following


def _items(number: int, sentences: Sequence[Sentence]) -> Iterator[int]:
    """The list that an introduction announces: pieces in blocks of their own, alike in being sentences or not."""
    following = range(number + 1, min(len(sentences), number + 1 + _MAX_LIST_ITEMS))
    for item in following:
        alike = sentences[item].complete == sentences[number + 1].complete
        if (
            not alike
            or sentences[item].block == sentences[item - 1].block
            or sentences[item].introduces
            or sentences[item].text.endswith("?")
        ):
            return
        yield item


def _lead_in(number: int, sentences: Sequence[Sentence]) -> Iterator[int]:
    for before in range(number - 1, max(-1, number - 1 - _LEAD_IN_REACH), -1):
        if sentences[before].introduces:
            yield before
        if sentences[before].complete or sentences[before].introduces:
            return
