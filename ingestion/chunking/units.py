"""The smallest pieces that passages are packed from: elements, whole lists, and the sentences of what is too long."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingestion.chunking.model import PlacedElement
from ingestion.chunking.tokens import TokenIndex
from ingestion.partitioning.port import ElementKind

ELEMENT, SENTENCE, WORD, LETTER = 10, 20, 30, 40
"""How good a place to cut is before a unit, after the levels of headings (1 to 9): lower is better."""

_DEEPEST = 9
_SENTENCE_END = re.compile(r"\n+|[.!?\u2026][\"'\u201d\u2019)\]]*\s+(?![a-z])|[\u3002\uff01\uff1f]\s*")
_LINE_END = re.compile(r"\n+")
_SPACE = re.compile(r"\s+")
BY_LINE = (ElementKind.TABLE, ElementKind.CODE)
"""Kinds of elements whose lines are their sentences."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A span that passages don't cut.

    Attributes:
        cut: how good a place to cut is before it.
        element: index of the element that it is, or begins with.
        heading: whether it is a heading, which must not be the end of a passage.
    """

    start: int
    end: int
    cut: int
    element: int
    heading: bool = False


def make_units(text: str, elements: Sequence[PlacedElement], index: TokenIndex, max_tokens: int) -> Iterator[Unit]:
    """Cut a document into units of at most ``max_tokens``, in order, that leave out nothing of any element."""
    position = 0
    while position < len(elements):
        after = _list_end(elements, position)
        start, end = elements[position].start, elements[after - 1].end
        if after - position > 1 and index.count(start, end) <= max_tokens:
            yield Unit(start, end, ELEMENT, position)
        else:
            for number in range(position, after):
                yield from _element_units(text, elements[number], number, index, max_tokens)
        position = after


def _list_end(elements: Sequence[PlacedElement], position: int) -> int:
    """The end of the run of list items that begins here; the next element if none does."""
    after = position + 1
    if elements[position].kind is ElementKind.LIST_ITEM:
        while after < len(elements) and elements[after].kind is ElementKind.LIST_ITEM:
            after += 1
    return after


def _element_units(
    text: str, element: PlacedElement, number: int, index: TokenIndex, max_tokens: int
) -> Iterator[Unit]:
    heading = element.kind is ElementKind.TITLE
    cut = min(element.level or 1, _DEEPEST) if heading else ELEMENT
    if index.count(element.start, element.end) <= max_tokens:
        yield Unit(element.start, element.end, cut, number, heading)
        return
    by_line = element.kind in BY_LINE
    for start, end in _spans(text, element.start, element.end, _LINE_END if by_line else _SENTENCE_END):
        for place, until, strength in _fitting(text, start, end, index, max_tokens):
            first = place == element.start
            yield Unit(place, until, cut if first else strength, number)


def _spans(text: str, start: int, end: int, boundary: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """From ``start`` to ``end`` without gaps, cut behind each boundary."""
    for found in boundary.finditer(text, start, end):
        if start < found.end() < end:
            yield start, found.end()
            start = found.end()
    yield start, end


def _fitting(text: str, start: int, end: int, index: TokenIndex, max_tokens: int) -> Iterator[tuple[int, int, int]]:
    """A sentence as pieces of at most ``max_tokens``: whole, or cut between words, or, in an endless word, in it."""
    strength = SENTENCE
    while index.count(start, end) > max_tokens:
        furthest = index.advance(start, max_tokens, end)
        between = _last_space(text, start, furthest)
        until = between or furthest
        yield start, until, strength
        start, strength = until, WORD if between else LETTER
    yield start, end, strength


def _last_space(text: str, start: int, end: int) -> int | None:
    """Where the last word before ``end`` begins."""
    place = end
    while place > start and not text[place - 1].isspace():
        place -= 1
    return place if place > start else None


def sentence_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Where sentences and lines begin inside a span, its own start left out."""
    for found in _SENTENCE_END.finditer(text, start, end):
        if found.end() < end:
            yield found.end()


def line_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Where lines begin inside a span, its own start left out."""
    for found in _LINE_END.finditer(text, start, end):
        if found.end() < end:
            yield found.end()


def word_start(text: str, start: int, end: int) -> int | None:
    """Where the first word behind ``start`` begins inside a span."""
    found = _SPACE.search(text, start, end)
    return found.end() if found is not None and found.end() < end else None
