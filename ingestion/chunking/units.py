"""The smallest pieces that passages are packed from: elements, whole lists, and the sentences of what is too long."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ingestion.chunking.layout import Layout
from ingestion.chunking.model import PlacedElement
from ingestion.chunking.sentences import sentence_starts
from ingestion.chunking.tokens import TokenIndex
from ingestion.partitioning.port import ElementKind

ELEMENT, SENTENCE, WORD, LETTER = 10, 20, 30, 40
"""How good a place to cut is before a unit, after the levels of headings (1 to 9): lower is better."""

_DEEPEST = 9
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


def make_units(layout: Layout, max_tokens: int) -> Iterator[Unit]:
    """Cut a document into units of at most ``max_tokens``, in order, that leave out nothing of any element."""
    elements, position = layout.elements, 0
    while position < len(elements):
        after = _list_end(elements, position)
        start, end = elements[position].start, elements[after - 1].end
        if after - position > 1 and layout.tokens.count(start, end) <= max_tokens:
            yield Unit(start, end, ELEMENT, position)
        else:
            for number in range(position, after):
                yield from _element_units(layout, number, max_tokens)
        position = after


def _list_end(elements: Sequence[PlacedElement], position: int) -> int:
    """The end of the run of list items that begins here; the next element if none does."""
    after = position + 1
    if elements[position].kind is ElementKind.LIST_ITEM:
        while after < len(elements) and elements[after].kind is ElementKind.LIST_ITEM:
            after += 1
    return after


def _element_units(layout: Layout, number: int, max_tokens: int) -> Iterator[Unit]:
    element = layout.elements[number]
    heading = element.kind is ElementKind.TITLE
    cut = min(element.level or 1, _DEEPEST) if heading else ELEMENT
    if layout.tokens.count(element.start, element.end) <= max_tokens:
        yield Unit(element.start, element.end, cut, number, heading)
        return
    for unit in sentence_units(layout, number, max_tokens):
        yield replace(unit, cut=cut) if unit.start == element.start else unit


def sentence_units(layout: Layout, number: int, max_tokens: int) -> Iterator[Unit]:
    """An element's sentences, or the lines of a table or code, in pieces where one has more than ``max_tokens``."""
    text, element = layout.text, layout.elements[number]
    start, end = element.start, element.end
    by_line = element.kind in BY_LINE
    places = line_starts(text, start, end) if by_line else sentence_starts(text, start, end, layout.language)
    for begin, stop in _spans(places, start, end):
        for place, until, strength in _fitting(text, begin, stop, layout.tokens, max_tokens):
            yield Unit(place, until, strength, number)


def _spans(places: Iterable[int], start: int, end: int) -> Iterator[tuple[int, int]]:
    """From ``start`` to ``end`` without gaps, cut at each place."""
    for place in places:
        yield start, place
        start = place
    yield start, end


def _fitting(text: str, start: int, end: int, index: TokenIndex, max_tokens: int) -> Iterator[tuple[int, int, int]]:
    """A sentence as pieces of at most ``max_tokens``: whole, or cut between lines, words, or letters."""
    strength = SENTENCE
    while index.count(start, end) > max_tokens:
        furthest = index.advance(start, max_tokens, end)
        between = _last_line(text, start, furthest) or _last_space(text, start, furthest)
        until = between or _before_marks(text, start, furthest)
        yield start, until, strength
        start, strength = until, WORD if between else LETTER
    yield start, end, strength


def _last_line(text: str, start: int, end: int) -> int | None:
    """Where the last line begins that leaves at least half of the span before it."""
    found = text.rfind("\n", start + (end - start) // 2, end)
    return found + 1 if found >= 0 and start < found + 1 < end else None


def _last_space(text: str, start: int, end: int) -> int | None:
    """Where the last word before ``end`` begins."""
    place = end
    while place > start and not text[place - 1].isspace():
        place -= 1
    return place if place > start else None


def _before_marks(text: str, start: int, end: int) -> int:
    """``end``, moved back so that what follows isn't a mark on the letter before it: a vowel of Thai or Hindi."""
    place = end
    while place > start and place < len(text) and unicodedata.category(text[place]).startswith("M"):
        place -= 1
    return place if place > start else end


def line_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Where lines begin inside a span, its own start left out."""
    for found in _LINE_END.finditer(text, start, end):
        if found.end() < end:
            yield found.end()


def word_start(text: str, start: int, end: int) -> int | None:
    """Where the first word behind ``start`` begins inside a span."""
    found = _SPACE.search(text, start, end)
    return found.end() if found is not None and found.end() < end else None
