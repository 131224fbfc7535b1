"""What was changed in a sentence that is otherwise a source's own: another subject, a "not" put in or left out."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from generation.text.word_stems import is_small, stem, words
from generation.verification.dates import calendar_word
from generation.verification.facts import facts_of
from generation.verification.quantities import in_digits, number_word, unit_word

_NEAR = 0.6
"""The share of a claim's words that stand in the same order in a sentence from which it is taken for a copy of it."""
_COPY = 0.75
"""The share of either's words from which each word that was put in counts."""
_EVERY = frozenset({"every", "each", "all", "any"})
_FEWEST = 4
_LONGEST = 80
_DENYING = frozenset("not no never none nobody nothing cannot without neither nor non".split())  # noqa: SIM905
_TALK = frozenset("unfortunately fortunately luckily sadly obviously naturally certainly please".split())  # noqa: SIM905
"""Words of whoever writes, not of what is written about."""
_OPPOSITES = {
    frozenset(pair.split("/"))
    for pair in """
        before/after minimum/maximum more/less more/fewer most/least above/below first/last always/never
        all/none allowed/forbidden required/optional paid/unpaid include/exclude increase/decrease
        earlier/later with/without mandatory/optional must/may must/can internal/external public/private
        start/end begins/ends over/under
    """.split()  # noqa: SIM905
}


@dataclass(frozen=True, slots=True)
class Replaced:
    """Words of a claim that stand where a source has others."""

    claim: str
    source: str

    @property
    def opposite(self) -> bool:
        """Whether one is the other's opposite."""
        pairs = ((one, other) for one in self.claim.split() for other in self.source.split())
        return any(frozenset(pair) in _OPPOSITES for pair in pairs)


@dataclass(frozen=True, slots=True)
class Differences:
    """How a claim differs from the sentence that it is nearly a copy of.

    Attributes:
        denial_changed: a "not" was put in, or left out.
        facts: where a number, a unit or a day stands for another one.
        words: where other words stand for others.
    """

    denial_changed: bool
    facts: tuple[Replaced, ...]
    words: tuple[Replaced, ...]


def differences(claim: str, sentence: str) -> Differences | None:
    """The differences; None where the claim is no near copy of the sentence. Bounded by :data:`_LONGEST` words."""
    mine, theirs = _expanded(claim), _expanded(sentence)
    if not _FEWEST <= len(mine) <= _LONGEST or len(theirs) > _LONGEST:
        return None
    codes = SequenceMatcher(a=theirs, b=mine, autojunk=False).get_opcodes()
    same = sum(stop - start for tag, _, _, start, stop in codes if tag == "equal")
    if same < _NEAR * len(mine):
        return None
    changed = [Replaced(" ".join(mine[c:d]), " ".join(theirs[a:b])) for tag, a, b, c, d in codes if tag == "replace"]
    denial_changed = same >= _NEAR * len(theirs) and _denials(mine) != _denials(theirs)
    # However dates are written, they have been compared as dates.
    dated = any(facts.days or facts.times for facts in (facts_of(claim), facts_of(sentence)))
    facts = () if dated else tuple(one for one in changed if _other_facts(one))
    copy = same >= _COPY * max(len(mine), len(theirs))
    said, claimed = {stem(word) for word in theirs}, set() if copy else {stem(word) for word in mine}
    near = same >= _NEAR * len(theirs)
    telling = (_telling(one, said, claimed, copy=copy) for one in changed if near and one not in facts)
    return Differences(denial_changed, facts, tuple(one for one in telling if one is not None))


def _other_facts(one: Replaced) -> bool:
    """Whether numbers, weekdays or months differ, or, with equal numbers, units."""
    mine, theirs = one.claim.split(), one.source.split()
    for read in (number_word, calendar_word):
        new, old = ({read(word) for word in said} - {""} for said in (mine, theirs))
        if new and old and new != old:
            return True
    numbers = [{number_word(word) for word in said} for said in (mine, theirs)]
    units = [{unit_word(word) for word in said} - {""} for said in (mine, theirs)]
    return numbers[0] == numbers[1] and bool(units[0] and units[1]) and units[0] != units[1]


def _telling(one: Replaced, said: set[str], claimed: set[str], *, copy: bool) -> Replaced | None:
    """What of it carries meaning: words that the source hasn't, for words that the claim doesn't have elsewhere."""
    new = [word for word in one.claim.split() if stem(word) not in said and not _empty(word)]
    old = [word for word in one.source.split() if stem(word) not in claimed and not _empty(word)]
    if copy and new and not old:
        old = one.source.split()
    return Replaced(" ".join(new), " ".join(old)) if new and old else None


def _empty(word: str) -> bool:
    return is_small(word) or word in _EVERY or word in _TALK or bool(number_word(word))


def _denials(said: list[str]) -> int:
    return sum(word in _DENYING for word in said)


def _expanded(text: str) -> list[str]:
    """The words, with ``n't`` as a word of its own."""
    found: list[str] = []
    for word in words(in_digits(text)):
        if word.endswith("n't"):
            found += [{"ca": "can", "wo": "will"}.get(word[:-3], word[:-3]), "not"]
        elif word == "cannot":
            found += ["can", "not"]
        else:
            found.append(word)
    return found
