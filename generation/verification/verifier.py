"""A sentence's verdict: its hard facts against the passages that it cites, then how much of the rest they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.chunk import Chunk
from core.errors import ModelUnavailable
from generation.answering.quotes import QUOTE_CHARS, Quote
from generation.events import VerdictName
from generation.verification.claims import Written, is_claim
from generation.verification.differences import Replaced, differences
from generation.verification.evidence import Evidence, Line, Match
from generation.verification.facts import contradicts, facts_of, missing, without_list_mark
from generation.verification.overlap import OverlapSupport
from generation.verification.port import SupportModel

SUPPORTED_FROM, PARTLY_FROM = 0.35, 0.2
"""Probabilities of the support model."""
_CLOSE = 0.6
"""The share of a claim's words that a sentence must hold for a "not" in one of them to make them contradict."""
_OTHERS = 2
"""How many further passages are looked at for a claim that those it cites don't support."""
_MOST_REASONS, _MOST_CHARS = 4, 60
UNCITED = "no source is cited"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found of a sentence.

    Attributes:
        numbers: the passages that it was held against, from 1; those that support it where it names others wrongly.
        reasons: why it isn't supported, for people.
        support: from 0 to 1, for an order among judgements.
        quote: the words that support it, and the passage that they are in, from 1.
        contradicted: a sentence of the source says otherwise.
        corrected: it cites other passages than those that support it.
        degraded: why words alone had to judge, if they had.
    """

    verdict: VerdictName
    numbers: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    support: float = 0.0
    quote: tuple[int, Quote] | None = None
    contradicted: bool = False
    corrected: bool = False
    degraded: str = ""


class Verifier:
    """Judges the sentences of one answer.

    Args:
        chunks: the passages that were given, in the order of their numbers.
        model: judges what isn't a hard fact; None, or one that fails: shared words do.
    """

    def __init__(self, chunks: Sequence[Chunk], model: SupportModel | None = None) -> None:
        self._chunks = chunks
        self._words = OverlapSupport(None)
        self._model = model or self._words
        self._degraded = ""
        self._evidence: dict[tuple[int, ...], Evidence] = {}

    def by_string(self, written: Written, numbers: Sequence[int], quotes: Sequence[str] = ()) -> Judgement | None:
        """The judgement where a look at the words is enough: a quotation, or nothing that claims anything.

        Args:
            quotes: what the passages that are cited say word for word where the sentence stands.
        """
        cited = tuple(sorted(set(numbers)))
        if any(written.text in quote for quote in quotes):
            return Judgement("supported", cited, support=1.0)
        text = without_list_mark(written.text)
        for number in cited:
            if self._of((number,)).says(text):
                return Judgement("supported", (number,), support=1.0)
        if not is_claim(written):
            return Judgement("not_a_claim", cited)
        return None if cited else Judgement("unsupported", reasons=(UNCITED,))

    def judge(self, written: Written, numbers: Sequence[int], *, words_only: bool = False) -> Judgement:
        """Judge a sentence that cites these passages. Blocks for some milliseconds."""
        if (found := self.by_string(written, numbers)) is not None:
            return found
        cited = tuple(sorted(set(numbers)))
        text = without_list_mark(written.text)
        best = self._against(text, cited, words_only=words_only)
        if best.verdict == "unsupported" and not best.contradicted:
            for number in self._others(text, cited):
                other = self._against(text, (number,), words_only=words_only)
                if other.verdict == "supported":
                    return replace(other, corrected=True, degraded=self._degraded)
        return replace(best, degraded=self._degraded)

    def _of(self, numbers: tuple[int, ...]) -> Evidence:
        if numbers not in self._evidence:
            self._evidence[numbers] = Evidence.of([self._chunks[number - 1] for number in numbers])
        return self._evidence[numbers]

    def _others(self, text: str, cited: tuple[int, ...]) -> list[int]:
        """The further passages that hold most of the claim's words, and more of them than those that it cites."""
        held = {
            number: self._of((number,)).match(text).together
            for number in range(1, len(self._chunks) + 1)
            if number not in cited
        }
        least = self._of(cited).match(text).together
        return sorted((number for number in held if held[number] > least), key=lambda number: -held[number])[:_OTHERS]

    def _against(self, text: str, numbers: tuple[int, ...], *, words_only: bool) -> Judgement:
        evidence = self._of(numbers)
        match = evidence.match(text)
        if not match.lines:
            return Judgement("unsupported", numbers, ("nothing in the source is about it",))
        claim = facts_of(text)
        copied = differences(text, match.lines[0].sentence.text) is not None
        elsewhere = missing(claim, match.closest if copied else match.facts)
        nowhere = missing(claim, evidence.facts) if elsewhere else []
        reasons = [f"{_short(fact)} isn't in the source" for fact in nowhere]
        contradictions = _contradictions(text, match)
        if reasons or contradictions:
            reasons = reasons or contradictions
            refused = _judged("unsupported", numbers, reasons, 0.1 / (1 + len(reasons)))
            return replace(refused, contradicted=bool(contradictions))
        found = self._probability(text, match, words_only=words_only)
        quote = _quote(match.lines[0], self._chunks, numbers)
        if elsewhere:
            told = [f"the source says {_short(fact)} of something else" for fact in elsewhere]
            return _judged("partial", numbers, told, min(found, SUPPORTED_FROM) / 2, quote)
        if found >= SUPPORTED_FROM:
            return _judged("supported", numbers, (), found, quote)
        told = [*_replacements(text, match), "the source says it only in part"][:1]
        if found >= PARTLY_FROM:
            return _judged("partial", numbers, told, found, quote)
        return _judged("unsupported", numbers, ["the source doesn't say it"], found)

    def _probability(self, text: str, match: Match, *, words_only: bool) -> float:
        said = dict.fromkeys(part for line in match.lines for part in (*line.above, line.sentence.text))
        model = self._words if words_only or self._degraded else self._model
        try:
            return model.probabilities(text, ["\n\n".join(said)])[0]
        except ModelUnavailable as error:
            self._degraded = error.message
            return self._words.probabilities(text, ["\n\n".join(said)])[0]


def _judged(
    verdict: VerdictName,
    numbers: tuple[int, ...],
    reasons: Sequence[str],
    support: float,
    quote: tuple[int, Quote] | None = None,
) -> Judgement:
    return Judgement(verdict, numbers, tuple(reasons[:_MOST_REASONS]), support, quote)


def _contradictions(text: str, match: Match) -> list[str]:
    """Why the claim and the sentence that it is about contradict each other."""
    line = match.lines[0].sentence.text
    found = differences(text, line)
    if found is not None:
        if found.facts:
            return _instead(found.facts)
        changed = found.denial_changed
    else:
        changed = match.coverage >= _CLOSE and contradicts(facts_of(text), facts_of(line))
    if not changed:
        return []
    denies = facts_of(text).denies
    return ["the source doesn't deny it" if denies else "the source denies it"]


def _replacements(text: str, match: Match) -> list[str]:
    found = differences(text, match.lines[0].sentence.text)
    return _instead(found.words) if found else []


def _instead(replaced: Sequence[Replaced]) -> list[str]:
    return [f"the source says “{_short(one.source)}” where this says “{_short(one.claim)}”" for one in replaced]


def _quote(line: Line, chunks: Sequence[Chunk], numbers: tuple[int, ...]) -> tuple[int, Quote]:
    number = numbers[line.source]
    begin = chunks[number - 1].start + line.sentence.start
    text = line.sentence.text[:QUOTE_CHARS]
    return number, Quote(text, begin, begin + len(text))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _MOST_CHARS else f"{flat[:_MOST_CHARS]}…"
