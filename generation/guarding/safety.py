"""Content that isn't wanted: the port of those who judge it, and rules of one's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from core.guard_settings import SafetyRule

Side = Literal["question", "answer"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """``categories`` are those for which the text isn't wanted; none: it may pass."""

    categories: tuple[str, ...] = ()


class SafetyJudge(Protocol):
    """Judges a text. ``name`` is what operators are told of it."""

    name: str

    async def judge(self, text: str, side: Side) -> Judgement:
        """Whether it is wanted.

        Raises:
            ModelUnavailable: it can't be asked, or its answer can't be read.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class LocalRules:
    """Words and patterns; see :class:`SafetyJudge`."""

    name = "rules"

    def __init__(self, rules: Sequence[SafetyRule]) -> None:
        self._rules = [(rule.category, _patterns(rule)) for rule in rules]

    async def judge(self, text: str, side: Side) -> Judgement:  # noqa: ARG002 - the port's
        """See :meth:`SafetyJudge.judge`; it never fails."""
        return Judgement(tuple(name for name, patterns in self._rules if any(one.search(text) for one in patterns)))

    async def close(self) -> None:
        """There is nothing to let go of."""


def _patterns(rule: SafetyRule) -> list[re.Pattern[str]]:
    words = [rf"(?<!\w){re.escape(word)}(?!\w)".replace(r"\ ", r"\s+") for word in rule.words]
    return [re.compile(pattern, re.IGNORECASE) for pattern in (*words, *rule.patterns)]
