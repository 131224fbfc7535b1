"""Where requests, streams and tokens are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from api.limits.subjects import Subject

LEASE_S = 30.0
"""A stream whose process hasn't been heard of for so long has ended."""


class NotCounted(Exception):
    """What counts doesn't answer, or not in time."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subject stands with its requests.

    Attributes:
        remaining: requests that it could make at once.
        wait_s: how long until it may make the next one; 0: at once.
        full_s: how long until it could make its whole burst.
    """

    subject: Subject
    remaining: int
    wait_s: float
    full_s: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a stream may not begin: whose share of what is used up, and for how long."""

    subject: Subject
    what: Literal["streams", "tokens"]
    wait_s: float


class Counter(Protocol):
    """Counts. Each method is one step for all its subjects: either it counts for each of them, or for none."""

    async def request(self, subjects: Sequence[Subject]) -> list[Standing]:
        """Count a request, unless it is too many for one of them: then one of those returned has to wait."""
        ...

    async def enter(self, subjects: Sequence[Subject], lease: str) -> Refusal | None:
        """Begin a stream, for as long as it is renewed; None if it may begin."""
        ...

    async def renew(self, leases: Sequence[tuple[str, Subject]]) -> None:
        """Say of streams that they go on."""
        ...

    async def leave(self, subjects: Sequence[Subject], lease: str) -> None:
        """End a stream."""
        ...

    async def spend(self, subjects: Sequence[Subject], tokens: int) -> None:
        """Count a model's tokens to today's."""
        ...
