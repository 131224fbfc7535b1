"""Cuts a passage into sentences with exact offsets: what is quoted must be found again to the letter.

Line structure (paragraphs, list items, rows) comes first, and a rule of our own inside of it. Wikimedia's sentencex
1.0.32 was tried in that rule's place, with its exact offsets, on 250 documents of a company handbook (12,748 blocks):
both set 4,013 boundaries alike; 54 only ours did (46 read: 43 right), 171 only sentencex did (43 read: 11 right; it
splits after "2." and "Q.", and inside of file and method names). That is a precision of .999 against .970 at the same
recall, .99: ours stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

_END = re.compile(r"[.!?…]+[\"'”’)\]*_»]*(?=\s)|[。！？]+[”’」』）]*")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:e\.?g|i\.e|ex|mr|mrs|ms|dr|prof|vs|approx|inc|ltd|corp|co|st|cf|fig|sec|al|jr|sr|dept|est"
    r"|[A-Za-z]|(?:[A-Za-z]\.)+[A-Za-z])$",
    re.IGNORECASE,
)
_NUMBER_FOLLOWS = re.compile(r"(?:^|[\s(])nos?$", re.IGNORECASE)
_NUMBERED = re.compile(r"^\s*\(?(?:\d{1,3}|[ivx]{1,4})$", re.IGNORECASE)
_BREAK = re.compile(r"\n\s*\n|\n")
_WRAPPED = 45
"""A line at least this long that ends in mid-sentence was wrapped, not ended."""
_HEADING_WORDS = 10
_QUESTION_WORDS = 20
_LIST_RUN = 3
_ANNOUNCES = re.compile(r"\b(?:following|these|below)\b", re.IGNORECASE)
_TITLE_WORDS = 5


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text`` is the passage's ``[start:end]``.

    Attributes:
        block: number of the paragraph, list item or table row that it is in.
        complete: it ends as a sentence does; otherwise it is a list item, a table's row or a heading.
        heading: it looks like a heading: a short line of its own that isn't a sentence.
    """

    text: str
    start: int
    end: int
    block: int
    complete: bool
    heading: bool

    @property
    def introduces(self) -> bool:
        """Whether it announces a list."""
        return self.text.rstrip("*_ ").endswith(":")


def split_sentences(text: str) -> list[Sentence]:
    """The sentences of a passage, in order. List items, table rows and headings count as sentences."""
    sentences = []
    for number, (start, end) in enumerate(_blocks(text)):
        spans = list(_spans(text, start, end))
        for begin, stop in spans:
            piece = text[begin:stop]
            complete = _END.search(piece + " ") is not None and piece.rstrip("\"'”’)]*_»")[-1:] in ".!?…。！？"
            heading = len(spans) == 1 and _looks_like_heading(piece, complete)
            sentences.append(Sentence(piece, begin, stop, number, complete, heading))
    return _listed(_titled(sentences))


def _titled(sentences: list[Sentence]) -> list[Sentence]:
    """A few words and a colon before a whole sentence are a heading; before an item they announce a list."""
    for at, (one, following) in enumerate(pairwise(sentences)):
        if one.introduces and following.complete and one.block != following.block and not one.heading:
            few = len(one.text.split()) <= _TITLE_WORDS
            sentences[at] = replace(one, heading=few)
    return sentences


def _listed(sentences: list[Sentence]) -> list[Sentence]:
    """Three and more short lines in a row are a list, and so are fewer after a line that announces them.

    Its first is a heading, unless a line announces the list.

    So is its last if text follows: the next section's heading looks like one more item.
    """
    for begin, stop in _runs(sentences):
        if stop - begin >= _LIST_RUN or (begin and sentences[begin - 1].introduces):
            announced = any(
                one.introduces or _ANNOUNCES.search(one.text) for one in sentences[max(0, begin - 2) : begin]
            )
            last = stop if stop == len(sentences) else stop - 1
            for at in range(begin if announced else begin + 1, last):
                sentences[at] = replace(sentences[at], heading=False)
    return sentences


def _runs(sentences: Sequence[Sentence]) -> Iterator[tuple[int, int]]:
    """Where lines that look like headings, and aren't questions, follow each other."""
    begin = None
    for at, one in enumerate(sentences):
        line = one.heading and not one.complete
        if line and begin is None:
            begin = at
        elif not line and begin is not None:
            yield begin, at
            begin = None
    if begin is not None:
        yield begin, len(sentences)


def _looks_like_heading(piece: str, complete: bool) -> bool:
    """A short line that is no sentence, or a question on a line of its own, as lists of questions have them."""
    if complete:
        return piece.endswith(("?", "？")) and len(piece.split()) <= _QUESTION_WORDS
    plain = not any(mark in piece for mark in ":;|,") and not piece[-1].isdigit()
    return plain and len(piece.split()) <= _HEADING_WORDS


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs, list items, rows: what line breaks set apart, wrapped lines kept together."""
    start = 0
    for match in _BREAK.finditer(text):
        if match.group() == "\n" and _continues(text, start, match.start(), match.end()):
            continue
        if text[start : match.start()].strip():
            yield start, match.start()
        start = match.end()
    if text[start:].strip():
        yield start, len(text)


def _continues(text: str, start: int, end: int, following: int) -> bool:
    line = text[max(start, text.rfind("\n", start, end) + 1) : end].rstrip()
    return len(line) >= _WRAPPED and line[-1] not in ".!?:|" and text[following : following + 1].islower()


def _spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    for match in _END.finditer(text, start, end):
        stop = match.end()
        if stop < end and _ends_here(text, begin, match, end):
            yield from _trimmed(text, begin, stop)
            begin = stop
    yield from _trimmed(text, begin, end)


def _ends_here(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    mark = match.group()
    following = text[match.end() : min(end, match.end() + 8)].lstrip().lstrip("\"'“‘([*_«")[:1]
    if mark[0] in "。！？":
        return True
    if following.islower():
        return False
    before = text[max(begin, match.start() - 16) : match.start()]
    if mark[0] != ".":
        return True
    if _NUMBER_FOLLOWS.search(before) and following.isdigit():  # "No. 5", but "No. Only you can."
        return False
    return not (_ABBREVIATION.search(before) or _NUMBERED.match(text[begin : match.start()][:8]))


def _trimmed(text: str, begin: int, stop: int) -> Iterator[tuple[int, int]]:
    while begin < stop and text[begin].isspace():
        begin += 1
    while stop > begin and text[stop - 1].isspace():
        stop -= 1
    if begin < stop:
        yield begin, stop
