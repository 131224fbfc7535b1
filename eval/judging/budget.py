"""What asking models may cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import FootnoteError
from generation.models.port import Message, Usage

_CHARS_A_TOKEN = 3
"""Rather too many tokens than too few, where a server doesn't tell."""


class BudgetSpent(FootnoteError):
    """What may be spent is spent: what is done so far is kept, and a further call goes on."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens, in whatever currency."""

    input: float = 0.0
    output: float = 0.0

    def cost(self, usage: Usage) -> float:
        """What so many tokens cost."""
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / 1e6


class Budget:
    """Counts tokens and money over all models that share it. None: as much as it takes.

    A request is begun while there is something left, so that what is on its way goes over by those requests at most.
    """

    def __init__(self, tokens: int | None = None, money: float | None = None) -> None:
        self._most_tokens, self._most_money = tokens, money
        self.tokens, self.money = 0, 0.0

    def check(self) -> None:
        """Raises BudgetSpent: nothing is left."""
        if self._most_tokens is not None and self.tokens >= self._most_tokens:
            raise BudgetSpent(
                f"The budget of {self._most_tokens} tokens is spent ({self.tokens}). What was judged is kept: the same "
                "command with a larger --budget-tokens goes on."
            )
        if self._most_money is not None and self.money >= self._most_money:
            raise BudgetSpent(
                f"The budget of {self._most_money:g} is spent ({self.money:.4f}). What was judged is kept: the same "
                "command with a larger --budget goes on."
            )

    def spend(self, usage: Usage, prices: Prices) -> None:
        """Note what a request took."""
        self.tokens += usage.input_tokens + usage.output_tokens
        self.money += prices.cost(usage)


def estimated(messages: Sequence[Message], text: str) -> Usage:
    """About what a request took of whose tokens the server says nothing."""
    return Usage(sum(len(one.content) for one in messages) // _CHARS_A_TOKEN + 1, len(text) // _CHARS_A_TOKEN + 1)
