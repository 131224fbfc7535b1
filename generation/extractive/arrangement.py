"""Makes a readable passage of a chosen sentence: what stands around it in its section, within a number of words.

The sentence leads, and what stood before it in its section comes after it. Lists, steps and tables keep their order and
are shown whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from core.chunk import Chunk
from generation.extractive.candidates import heading_numbers
from generation.extractive.lists import Listing, is_named_row, listing_at
from generation.text.sentences import Sentence, split_sentences

_LIST_WORDS = 200
"""A list with more is cut."""
_VERDICT = re.compile(r"(?:A: ?)?(?:Yes|Yep|No|Not)\b\W*(?:\w+\W*){0,3}$")
_DEPENDENT = (
    "it ",
    "they ",
    "this ",
    "these ",
    "those ",
    "that ",
    "he ",
    "she ",
    "however",
    "also",
    "then ",
    "such ",
    "therefore",
    "thus",
)
_OVER = 1.25
"""A paragraph that is as much longer than the budget is still taken whole."""


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence of a source: ``text`` is the document's ``[start:end]``.

    Attributes:
        source: which of the given passages it is from, from 0.
        joins: it goes on where the one before ended, in the same paragraph.
        item: a list's item begins with it, or it is a row or another piece that isn't a whole sentence.
        key: the words of it that answer the question, as a span of the document.
    """

    source: int
    text: str
    start: int
    end: int
    joins: bool
    item: bool
    key: tuple[int, int] | None = None


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


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a passage.

    Attributes:
        numbers: of its sentences, in the order in which they are shown.
        items: those of them that are in a list.
        cut: a list is too long to be shown whole.
    """

    numbers: tuple[int, ...]
    items: frozenset[int] = frozenset()
    cut: bool = False


def around(number: int, passage: Passage, scores: Mapping[int, float], budget: int) -> Shown:
    """The sentences to show for the one at ``number``, which leads them where it can stand by itself.

    A list that it is in, or announces, is shown whole. Else its paragraph comes first, then the paragraphs beside it
    under the same heading, the better scored side before the other and what follows before what precedes, as long as
    ``budget`` words hold them.
    """
    sentences = passage.sentences
    section = _section(number, passage)
    listing = _listing(number, section, passage)
    if listing is None:
        if _length(sentences[section[0] : section[1] + 1]) <= budget:
            return Shown(_led(number, range(section[0], section[1] + 1), sentences))
        return Shown(_led(number, _grown(number, section, sentences, scores, budget), sentences))
    if _is_row(sentences[number]):
        return Shown(listing.numbers, frozenset(listing.numbers))
    return _listed(number, listing, (section, sentences), scores, budget)


def _listed(
    number: int,
    listing: Listing,
    within: tuple[tuple[int, int], Sequence[Sentence]],
    scores: Mapping[int, float],
    budget: int,
) -> Shown:
    """A list and what there is room for beside it; of one that is too long what stands around the sentence."""
    section, sentences = within
    items = frozenset(range(listing.first, listing.last + 1))
    words = _length([sentences[at] for at in listing.numbers])
    first = listing.numbers[0]
    if words <= _LIST_WORDS:
        inner = (first, listing.last)
        begin, end = _widen(inner, (min(section[0], first), section[1]), sentences, scores, budget - words)
        others = (at for at in range(begin, end + 1) if not first <= at <= listing.last)
        return Shown((*listing.numbers, *others), items)
    begin, end = _paragraph(number, sentences, budget)
    above = [at for at in listing.above if at < begin]
    left = budget - _length([sentences[at] for at in (*above, *range(begin, end + 1))])
    begin, end = _widen((begin, end), section, sentences, scores, left)
    return Shown((*(at for at in above if at < begin), *range(begin, end + 1)), items, cut=True)


def _listing(number: int, section: tuple[int, int], passage: Passage) -> Listing | None:
    """The list that a sentence is in; its heading announces one of lines that nothing else does."""
    heading = section[0] - 1
    titled = heading in passage.headings
    announced = titled and passage.sentences[heading].introduces
    listing = listing_at(number, passage.sentences, (heading, section[1]) if announced else section)
    bare = listing and not listing.above and not is_named_row(passage.sentences[listing.first])
    if listing and titled and bare and listing.first == section[0]:
        return replace(listing, above=(heading,))
    return listing


def extracts(source: int, start: int, passage: Passage, shown: Shown) -> Iterator[Extract]:
    """The sentences that are shown, with their places in the document, where the passage begins at ``start``."""
    previous = None
    for number in shown.numbers:
        sentence = passage.sentences[number]
        joins = previous == number - 1 and passage.sentences[previous].block == sentence.block
        piece = not (sentence.complete or sentence.introduces or number in passage.headings)
        item = piece or (number in shown.items and not joins)
        yield Extract(source, sentence.text, start + sentence.start, start + sentence.end, joins, item)
        previous = number


def _led(number: int, numbers: Sequence[int], sentences: Sequence[Sentence]) -> tuple[int, ...]:
    """The numbers with that of the sentence that answers first, and with it the one that it leans on."""
    if not sentences[number].complete:
        return tuple(numbers)
    begin = number
    while begin - 1 in numbers and sentences[begin - 1].block == sentences[number].block:
        opening = begin - 1 == 0 or sentences[begin - 2].block != sentences[begin - 1].block
        if not (_depends(sentences[begin]) or (opening and _VERDICT.match(sentences[begin - 1].text))):
            break
        begin -= 1
    lead = range(begin, number + 1)
    return (*lead, *(at for at in numbers if at not in lead))


def _depends(sentence: Sentence) -> bool:
    return sentence.text.casefold().startswith(_DEPENDENT)


def _is_row(sentence: Sentence) -> bool:
    return sentence.text.startswith("|")


def _grown(
    number: int, section: tuple[int, int], sentences: Sequence[Sentence], scores: Mapping[int, float], budget: int
) -> Sequence[int]:
    """A contiguous run around a sentence, as far as ``budget`` words reach, and the list that its end announces."""
    begin, end = _paragraph(number, sentences, budget)
    begin = min(begin, _leans_on(begin, sentences))
    left = budget - _length(sentences[begin : end + 1])
    begin, end = _widen((begin, end), section, sentences, scores, left)
    if sentences[end].introduces and end < section[1]:
        announced = listing_at(end, sentences, section)
        if announced and _length([sentences[at] for at in announced.numbers]) <= _LIST_WORDS:
            end = announced.last
    if sentences[end].introduces and end > number:
        end -= 1
    return range(begin, end + 1)


def _length(sentences: Sequence[Sentence]) -> int:
    return sum(len(one.text.split()) for one in sentences)


def _section(number: int, passage: Passage) -> tuple[int, int]:
    """First and last of what stands under the same heading; ``To fix this:`` is none that ends a section."""
    first = last = number
    while first and first - 1 not in passage.headings:
        first -= 1
    while last + 1 < len(passage.sentences) and (last + 1 not in passage.headings or _labels(last + 1, passage)):
        last += 1
    while first < number and passage.sentences[first].text.endswith(","):  # "Dear all,"
        first += 1
    return first, last


def _labels(number: int, passage: Passage) -> bool:
    return passage.sentences[number].introduces and number + 1 < len(passage.sentences)


def _paragraph(number: int, sentences: Sequence[Sentence], budget: int) -> tuple[int, int]:
    """First and last of its paragraph; of a long one the sentence, what it leans on, and what follows as it fits."""
    block = [at for at, one in enumerate(sentences) if one.block == sentences[number].block]
    if _length(sentences[block[0] : block[-1] + 1]) <= budget * _OVER:
        return block[0], block[-1]
    begin = end = number
    if _VERDICT.match(sentences[block[0]].text) or (_depends(sentences[number]) and number > block[0]):
        begin = number - 1 if number > block[0] else number
    while end < block[-1] and _length(sentences[begin : end + 2]) <= budget:
        end += 1
    return begin, end


def _leans_on(begin: int, sentences: Sequence[Sentence]) -> int:
    """One further back where the passage would begin with ``It`` or ``This`` in the middle of a paragraph."""
    return (
        begin - 1
        if _depends(sentences[begin]) and begin and sentences[begin - 1].block == sentences[begin].block
        else begin
    )


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
