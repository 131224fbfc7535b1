"""What processes of the service tell each other of answers that one of them writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from api.sse import ServerEvent

TERMINAL = ("done", "error")
"""Events that end a stream."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all processes may know of an answer: whose it is, and the documents that it tells anything of."""

    owner: str
    documents: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What other processes want of an answer: it has readers there, or it is to be stopped."""

    read: bool = False
    stop: bool = False


class Mirror(Protocol):
    """Where answers are mirrored for other processes. It never raises: what can't be told isn't known."""

    async def append(self, answer_id: str, shared: Shared, events: Sequence[ServerEvent]) -> None:
        """Add the next events, and what is known of the answer by now."""
        ...

    async def shared(self, answer_id: str) -> Shared | None:
        """What is known of an answer; None: nothing."""
        ...

    async def read(self, answer_id: str, after: int) -> tuple[list[ServerEvent], bool]:
        """The events behind the first ``after``, and whether its writer is at work.

        Whoever reads counts as a reader for a while.
        """
        ...

    async def stop(self, answer_id: str) -> None:
        """Ask its writer to stop."""
        ...

    async def at_work(self, answer_ids: Collection[str]) -> Mapping[str, Wanted]:
        """Say that these are being written, and learn what others want of them."""
        ...

    async def forget(self, answer_ids: Collection[str]) -> None:
        """Forget answers."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
