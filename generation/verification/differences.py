"""What was changed in a sentence that is otherwise a source's own: another subject, a "not" put in or left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from generation.text.word_stems import is_small, stem, words

_NEAR = 0.6
"""The share of a claim's words that stand in the same order in a sentence from which it is taken for a copy of it."""
_FEWEST = 4
_LONGEST = 80
_DENYING = frozenset("not no never none nobody nothing cannot without neither nor".split())  # noqa: SIM905
_OPPOSITES = {
    frozenset(pair.split("/"))
    for pair in (
        "before/after minimum/maximum more/less more/fewer most/least above/below first/last always/never all/none "
        "allowed/forbidden required/optional paid/unpaid include/exclude increase/decrease earlier/later with/without "
        "mandatory/optional must/may must/can internal/external public/private start/end begins/ends over/under"
    ).split()
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
    """How a claim differs from the sentence that it is nearly a copy of."""

    denial_changed: bool
    replaced: tuple[Replaced, ...]


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
    said, claimed = {stem(word) for word in theirs}, {stem(word) for word in mine}
    return Differences(denial_changed, tuple(_telling(changed, said, claimed)))


def _telling(changed: list[Replaced], said: set[str], claimed: set[str]) -> Iterator[Replaced]:
    """Those in which words that carry meaning stand for others that the claim doesn't have anywhere else."""
    for one in changed:
        new = [word for word in one.claim.split() if stem(word) not in said and not is_small(word)]
        old = [word for word in one.source.split() if stem(word) not in claimed and not is_small(word)]
        if new and old:
            yield Replaced(" ".join(new), " ".join(old))


def _denials(said: list[str]) -> int:
    return sum(word in _DENYING for word in said)


def _expanded(text: str) -> list[str]:
    """The words, with ``n't`` as a word of its own."""
    found: list[str] = []
    for word in words(text):
        if word.endswith("n't"):
            found += [{"ca": "can", "wo": "will"}.get(word[:-3], word[:-3]), "not"]
        elif word == "cannot":
            found += ["can", "not"]
        else:
            found.append(word)
    return found
