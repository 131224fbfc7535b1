"""A model as a judge of answers: scores by a rubric, and preferences asked in both orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.judging_settings import JudgeSettings, JudgingSettings
from eval.judging.asking import Asker, Reply
from eval.judging.budget import Budget
from eval.judging.rubric import Preference, Scores
from generation.build import chat_model
from generation.models.port import Message
from generation.prompts.inert import inert
from generation.prompts.prompt import Prompt

_PACKAGE = "eval.judging.prompts"
_SCORING = ("sources", "question", "answer")
_COMPARING = ("sources", "question", "first", "second")
_MOST_CHARS = 60_000
"""Of all sources together: what doesn't fit is cut from each in equal parts, and said."""
Winner = Literal["a", "b", "tie"]


@dataclass(frozen=True, slots=True)
class Case:
    """An answer to be judged. ``passages`` are what its writer had; ``id`` is its question's."""

    id: str
    question: str
    answer: str
    passages: tuple[str, ...] = ()
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which judge it is: two of one identity are asked the same things of the same model.

    Attributes:
        prompt: name and digest of what it is told.
    """

    name: str
    model: str
    prompt: str
    temperature: float
    seed: int | None

    def __str__(self) -> str:
        return f"{self.name} ({self.model}, {self.prompt}, temperature {self.temperature:g}, seed {self.seed})"


@dataclass(frozen=True, slots=True)
class Compared:
    """Two answers, asked in both orders (Zheng et al., Judging LLM-as-a-Judge, NeurIPS 2023, section 3.4).

    Attributes:
        winner: who was preferred in both orders; everything else is a tie. None where an order failed.
        orders: who was preferred with ``a`` first, and with ``b`` first; None where that failed.
    """

    winner: Winner | None
    orders: tuple[Winner | None, Winner | None]
    replies: tuple[Reply[Preference], Reply[Preference]]

    @property
    def firsts(self) -> list[bool]:
        """Of the orders with a preference, whether it was for the answer that stood first."""
        return [order == first for order, first in zip(self.orders, ("a", "b"), strict=True) if order in ("a", "b")]


class Judge:
    """One judge.

    Args:
        asker: how its model is asked.
        settings: with the prompts' files.
    """

    def __init__(self, asker: Asker, settings: JudgingSettings) -> None:
        self.asker = asker
        self._scoring = Prompt.read("scoring", settings.scoring, package=_PACKAGE, placeholders=_SCORING)
        self._comparing = Prompt.read("comparing", settings.comparing, package=_PACKAGE, placeholders=_COMPARING)

    def identity(self, *, pairs: bool = False) -> Identity:
        """Which judge this is when it scores, or compares pairs."""
        own = self.asker.settings
        prompt = self._comparing if pairs else self._scoring
        return Identity(own.called, own.model, prompt.version, own.temperature, own.seed)

    async def score(self, case: Case) -> Reply[Scores]:
        """Score an answer by every criterion. Raises as :meth:`eval.judging.asking.Asker.ask`."""
        system, asked = self._scoring.filled(
            sources=sources(case.passages), question=_data(case.question), answer=_data(case.answer)
        )
        return await self.asker.ask([Message("system", system), Message("user", asked)], Scores)

    async def compare(self, case: Case, other: Case) -> Compared:
        """Which of two answers to one question is better: ``a`` the first one. Raises as :meth:`score`."""
        shown = tuple(dict.fromkeys((*case.passages, *other.passages)))
        forth = await self._prefer(shown, case.question, case.answer, other.answer)
        back = await self._prefer(shown, case.question, other.answer, case.answer)
        orders = _winner(forth, "a", "b"), _winner(back, "b", "a")
        winner: Winner | None = None
        if None not in orders:
            winner = orders[0] if orders[0] == orders[1] else "tie"
        return Compared(winner, orders, (forth, back))

    async def _prefer(self, passages: Sequence[str], question: str, first: str, second: str) -> Reply[Preference]:
        system, asked = self._comparing.filled(
            sources=sources(passages), question=_data(question), first=_data(first), second=_data(second)
        )
        return await self.asker.ask([Message("system", system), Message("user", asked)], Preference)


def _winner(reply: Reply[Preference], first: Winner, second: Winner) -> Winner | None:
    if reply.value is None:
        return None
    named: dict[str, Winner] = {"1": first, "2": second, "tie": "tie"}
    return named[reply.value.better]


def sources(passages: Sequence[str]) -> str:
    """The passages as a prompt's data, numbered; what they can't be is instructions."""
    if not passages:
        return "<sources>\n(none)\n</sources>"
    most = _MOST_CHARS // len(passages)
    told = [passage if len(passage) <= most else f"{passage[:most]} [cut here]" for passage in passages]
    lines = [f'<source number="{at}">\n{_data(text)}\n</source>' for at, text in enumerate(told, 1)]
    return "<sources>\n{}\n</sources>".format("\n".join(lines))


def _data(text: str) -> str:
    """Text that can neither open a role nor end the part of the prompt that it stands in."""
    return inert(text.replace("<", "&lt;"))


def build_judge(settings: JudgeSettings, judging: JudgingSettings, budget: Budget | None = None) -> Judge:
    """The judge of these settings. Connects to nothing yet.

    Raises:
        ConfigurationError: a prompt's file can't be used.
    """
    return Judge(Asker(chat_model(settings, settings.concurrency), settings, budget), judging)
