"""Which words of one text another one holds, told fairly: a word that is only cut or joined elsewhere isn't lost.

Two readers of a page agree on its letters more than on its words: one joins what a line's end cuts, one splits a
ligature off, one glues a footnote's number to a word. So a word that is missing as it stands is looked for by its
letters, together with those of its neighbours.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

_WORD = re.compile(r"\w+")
_UNKNOWN = re.compile(r"\(cid:\d+\)")
_SOFT_HYPHEN = "\u00ad"
_TELLING = 8
"""Letters in a row that are found only where the same text is."""
_SPELLED = 4
"""One-letter words in a row that are a word read letter by letter."""
SPELLED = "read letter by letter"
UNKNOWN = "letters of no known meaning"


@dataclass(slots=True)
class Share:
    """How much of a text's words another text holds.

    Attributes:
        words: of the reference.
        alike: held as they stand.
        elsewhere: held by their letters, but cut or joined at other places.
        reasons: not held, and why not: words by reason, with how often each is missing.
        missing: not held for no reason that is known.
    """

    words: int
    alike: int
    elsewhere: int = 0
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    missing: Counter[str] = field(default_factory=Counter)

    def excuse(self, reason: str, found: Counter[str]) -> None:
        """Take words off the missing ones, for a reason."""
        taken = self.missing & found
        self.missing -= taken
        if taken:
            self.reasons[reason] = taken

    @property
    def held(self) -> float:
        """Share of the words that are held, or left out for a reason that is listed."""
        return 1 - self.missing.total() / self.words if self.words else 1.0


def normal(text: str) -> str:
    """A text in one spelling: compatibility characters replaced (ligatures, superscripts), in lower case."""
    return unicodedata.normalize("NFKC", text.replace(_SOFT_HYPHEN, "")).casefold()


def words(text: str) -> list[str]:
    """The words of a text in one spelling, in their order."""
    return _WORD.findall(normal(text))


def compare(reference: str, ours: str, left_out: Mapping[str, Sequence[str]] | None = None) -> Share:
    """Look for the words of a reference in our text.

    Args:
        left_out: what our reader says that it left out, by the reason.
    """
    unknown = _UNKNOWN.findall(reference)
    told = words(_UNKNOWN.sub(" ", reference))
    have = words(ours)
    lacking = Counter(told) - Counter(have)
    share = Share(len(told), len(told) - lacking.total())
    if unknown:
        share.reasons[UNKNOWN] = Counter(unknown)
    places = _places(told, lacking, _Letters(have))
    share.elsewhere = lacking.total() - len(places)
    spelled = _spelled(told)
    # Letters that our text has beyond those of the reference's whole words: what was spelled out must be among them.
    loose = Counter("".join(have))
    loose.subtract("".join(word for place, word in enumerate(told) if place not in spelled))
    places = _explained(share, SPELLED, told, places, lambda place: place in spelled and _take(loose, told[place]))
    for reason, texts in (left_out or {}).items():
        places = _explained(share, reason, told, places, _left_out(texts, told, spelled))
    share.missing = Counter(told[place] for place in places)
    share.reasons = {reason: found for reason, found in share.reasons.items() if found}
    return share


def otherwise(reference: Sequence[str], ours: Sequence[str]) -> Counter[str]:
    """Words of a reference in whose place our text has others, once both are aligned word by word."""
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415

    steps = Levenshtein.editops(reference, ours)
    return Counter(reference[step.src_pos] for step in steps if step.tag == "replace")


class _Letters:
    """The letters of a text in a row, each stretch of which answers for as many stretches of another as there are."""

    def __init__(self, have: Sequence[str]) -> None:
        self._letters = "".join(have)
        self._taken: Counter[tuple[str, str]] = Counter()

    def hold(self, told: Sequence[str], place: int) -> bool:
        """Whether a word's letters, with those before it or those behind it, stand in a row here once more."""
        before = behind = told[place]
        first = last = place
        while len(before) < _TELLING and first > 0:
            first -= 1
            before = told[first] + before
        while len(behind) < _TELLING and last + 1 < len(told):
            last += 1
            behind += told[last]
        # A long word is told by itself; it is there if it is part of a longer one.
        runs = [(told[place], run) for run in (before, behind) if len(run) >= _TELLING]
        # Both halves of a word that is cut answer to the same stretch, each for itself.
        held = any(self._letters.count(run) > self._taken[word, run] for word, run in runs)
        self._taken.update(runs if held else ())
        return held


def _places(told: Sequence[str], lacking: Counter[str], letters: _Letters) -> list[int]:
    """Where the lacking words are that the letters don't hold together with their neighbours either."""
    rest = Counter(lacking)
    found = []
    for place, word in enumerate(told):
        if rest[word] > 0 and not letters.hold(told, place):
            rest[word] -= 1
            found.append(place)
    return found


def _left_out(texts: Sequence[str], told: Sequence[str], spelled: Set[int]) -> Callable[[int], bool]:
    """Tells whether the word at a place is in texts that were left out."""
    left = [word for text in texts for word in words(text)]
    stock, letters, loose = Counter(left), _Letters(left), Counter("".join(left))

    def explains(place: int) -> bool:
        if _take(stock, told[place]) or letters.hold(told, place):
            return True
        return place in spelled and _take(loose, told[place])

    return explains


def _explained(
    share: Share, reason: str, told: Sequence[str], places: Sequence[int], explains: Callable[[int], bool]
) -> list[int]:
    """Take off the places that a reason explains, and count their words for it."""
    still = []
    for place in places:
        if explains(place):
            share.reasons.setdefault(reason, Counter())[told[place]] += 1
        else:
            still.append(place)
    return still


def _take(stock: Counter[str], word: str) -> bool:
    """Whether a word is in stock; it is then taken out of it."""
    if stock[word] <= 0:
        return False
    stock[word] -= 1
    return True


def _spelled(told: Sequence[str]) -> set[int]:
    """Places in rows of words of one letter."""
    found: set[int] = set()
    start = 0
    for place in range(len(told) + 1):
        if place == len(told) or len(told[place]) > 1:
            if place - start >= _SPELLED:
                found.update(range(start, place))
            start = place + 1
    return found
