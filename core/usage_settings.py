"""Settings of usage: whose it is, and what it costs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.section import Section

Amount = Annotated[float, Field(ge=0)]


class Price(Section):
    """What a million tokens of a model cost."""

    model: str
    """As answers name it."""
    input: Amount
    output: Amount


class UsageSettings(Section):
    """Who uses how much of the language model."""

    departments: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it
    """The department of each group; who is in several belongs to the first."""
    prices: tuple[Price, ...] = ()
    currency: str = "EUR"

    def department_of(self, groups: frozenset[str]) -> str:
        """The department of who is in these groups; empty if none is known."""
        return next((name for group, name in self.departments.items() if group in groups), "")

    def cost(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        """In ``currency``, at today's prices; None for a model without a price."""
        price = next((one for one in self.prices if one.model == model), None)
        return None if price is None else (input_tokens * price.input + output_tokens * price.output) / 1e6
