"""Lists, steps and tables in a passage: where they begin and end, and what they can't be read without.

The text of a document doesn't say what is a list: items are lines of their own, as paragraphs are. A list is what a
line announces (``... the following:``), or three and more lines in a row that aren't whole sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from generation.text.sentences import Sentence

_ITEM_WORDS = 45
"""A longer paragraph isn't an item."""
_PROSE_WORDS = 12
"""A whole sentence with more words ends a list of lines that aren't."""
_LEAST = 3
"""So many lines without an announcement are a list."""
_ROW = re.compile(r"\|.*\|$")
_NAMED = re.compile(r"[^|:]{1,80}: [^|]*(?: \| [^|]*)+$")
_RULE = re.compile(r"\|(?:\s*:?-{2,}:?\s*\|)+$")


@dataclass(frozen=True, slots=True)
class Listing:
    """A list or a table, by the numbers of its sentences.

    Attributes:
        above: what announces the list, or the table's header.
        first, last: of its items or rows.
    """

    above: tuple[int, ...]
    first: int
    last: int

    @property
    def numbers(self) -> tuple[int, ...]:
        """All of it, in order."""
        return (*self.above, *range(self.first, self.last + 1))

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last


def listing_at(number: int, sentences: Sequence[Sentence], section: tuple[int, int]) -> Listing | None:
    """The list or table that a sentence is in or announces, within ``section``; None where there is none."""
    if _ROW.match(sentences[number].text):
        return _table(number, sentences, section)
    blocks = _blocks(sentences, section)
    at = next(place for place, (first, last) in enumerate(blocks) if first <= number <= last)
    announcing = _announcing(at, blocks, sentences)
    if announcing is not None:
        first, last = announcing + 1, _end(announcing + 1, blocks, sentences)
        least = first if first < len(blocks) and _is_line(blocks[first], sentences) else first + 1
        if last < max(least, at):
            return None
        line = blocks[announcing][1]
        return Listing((line,), line + 1, blocks[last][1])
    return _unannounced(at, blocks, sentences)


def _announcing(at: int, blocks: Sequence[tuple[int, int]], sentences: Sequence[Sentence]) -> int | None:
    """Which block announces the list that a block is in; itself if it announces one."""
    for place in range(at, -1, -1):
        if sentences[blocks[place][1]].introduces:
            return place
        if not _is_item(blocks[place], sentences):
            return None
    return None


def _unannounced(at: int, blocks: Sequence[tuple[int, int]], sentences: Sequence[Sentence]) -> Listing | None:
    if not _is_line(blocks[at], sentences):
        return None
    first = at
    while first and _is_line(blocks[first - 1], sentences):
        first -= 1
    last = _end(first, blocks, sentences)
    return Listing((), blocks[first][0], blocks[last][1]) if last - first + 1 >= _LEAST else None


def _end(first: int, blocks: Sequence[tuple[int, int]], sentences: Sequence[Sentence]) -> int:
    """The last block of the list whose first block this is; the one before if it is no item."""
    last = first - 1
    while last + 1 < len(blocks) and _is_item(blocks[last + 1], sentences):
        following = blocks[last + 1]
        prose = not _is_line(following, sentences) and _words(following, sentences) > _PROSE_WORDS
        if last >= first and is_named_row(sentences[blocks[last][0]]) > is_named_row(sentences[following[0]]):
            break
        if prose and last >= first and all(_is_line(block, sentences) for block in blocks[first : last + 1]):
            break
        last += 1
    return last


def _is_line(block: tuple[int, int], sentences: Sequence[Sentence]) -> bool:
    """Whether it isn't a whole sentence, as an item often isn't."""
    return not sentences[block[1]].complete


def is_named_row(sentence: Sentence) -> bool:
    """Whether it is a row with the names of its columns, ``City: Rome | Rate: 90``."""
    return _NAMED.match(sentence.text) is not None


def _is_item(block: tuple[int, int], sentences: Sequence[Sentence]) -> bool:
    return _words(block, sentences) <= _ITEM_WORDS


def _words(block: tuple[int, int], sentences: Sequence[Sentence]) -> int:
    return sum(len(one.text.split()) for one in sentences[block[0] : block[1] + 1])


def _table(number: int, sentences: Sequence[Sentence], section: tuple[int, int]) -> Listing:
    """A row with its table's header, and the rule under it. The other rows are no part of the answer by themselves."""
    first = number
    while first > section[0] and _ROW.match(sentences[first - 1].text):
        first -= 1
    header = 2 if first + 1 < number and _RULE.match(sentences[first + 1].text) else 1
    if number < first + header:
        return Listing((), first, number)
    return Listing(tuple(range(first, first + header)), number, number)


def _blocks(sentences: Sequence[Sentence], section: tuple[int, int]) -> list[tuple[int, int]]:
    """First and last sentence of each paragraph, item and row of a section."""
    first, last = section
    starts = [
        first,
        *(at + 1 for at, (a, b) in enumerate(pairwise(sentences)) if first <= at < last and a.block != b.block),
    ]
    return [
        (start, (starts[place + 1] if place + 1 < len(starts) else last + 1) - 1) for place, start in enumerate(starts)
    ]
