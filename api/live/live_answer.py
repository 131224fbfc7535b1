"""One answer that this process writes, and those who read it meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from api.live.port import TERMINAL, Shared
from api.sse import ServerEvent


@dataclass(slots=True)
class LiveAnswer:
    """An answer's events so far. For one event loop.

    Attributes:
        owner: whom it belongs to, as :func:`api.conversations.owner.owner_of` names them.
        grace_s: for so long it goes on when nobody reads it.
        documents: the ids of those that it tells anything of.
        readers: how many streams read it now, in this process.
        unread_since: when the last of them left (monotonic seconds).
        stopped: it is being ended before its end.
    """

    id: str
    owner: str
    grace_s: float
    documents: set[str] = field(default_factory=set)
    events: list[ServerEvent] = field(default_factory=list)
    readers: int = 0
    unread_since: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    stopped: bool = False
    producing: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def shared(self) -> Shared:
        """What all processes may know of it."""
        return Shared(self.owner, frozenset(self.documents))

    def publish(self, event: ServerEvent) -> None:
        """Add an event; nothing follows one that ends the stream."""
        if self.ended_at is not None:
            return
        self.events.append(event)
        if event.name in TERMINAL:
            self.ended_at = time.monotonic()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def stop(self) -> bool:
        """End it now; whether it was still being written."""
        if self.ended_at is not None or self.producing is None:
            return False
        self.stopped = True
        self.producing.cancel()
        return True

    async def batches(self) -> AsyncGenerator[list[ServerEvent]]:
        """The events as they come, those that came meanwhile together."""
        at = 0
        while True:
            batch = self.events[at:]
            at += len(batch)
            if batch:
                yield batch
            elif self.ended_at is not None:
                return
            else:
                await self._changed.wait()

    async def follow(self, after: int) -> AsyncGenerator[tuple[int, ServerEvent]]:
        """The events behind the first ``after`` with their numbers, until the last; a reader for so long."""
        self.readers += 1
        try:
            number = 0
            async for batch in self.batches():
                for event in batch:
                    number += 1
                    if number > after:
                        yield number, event
        finally:
            self.readers -= 1
            self.unread_since = time.monotonic()
