"""Bounded lanes for the service's work: each kind has places and a queue of its own, so that none starves another.

The pattern is known as the bulkhead: when one compartment is full, the ship still floats.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import anyio
import anyio.to_thread

from core.errors import Overloaded
from core.settings import Settings
from core.telemetry import OVERLOADED

T = TypeVar("T")

MOST_WAITING = 64
"""Requests in a lane's queue; further ones are refused at once, for they would wait in vain."""


class Lane:
    """So many pieces of work of one kind at a time; the next ones wait, but not many and not long.

    Used by one event loop.

    Args:
        name: what its metric is labelled with.
        places: how many at a time.
        queue_s: how long one waits for a place.
        most_waiting: how many wait; None: as many as come.
        hint: what an operator may raise to let more in.
    """

    def __init__(self, name: str, places: int, queue_s: float, most_waiting: int | None, hint: str) -> None:
        self.name = name
        self.places = places
        self._queue_s = queue_s
        self._most_waiting = most_waiting
        self._hint = hint
        self._waiting = 0
        self._taken = anyio.CapacityLimiter(places)
        self._threads = anyio.CapacityLimiter(places)

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return self._waiting

    @asynccontextmanager
    async def place(self, *, begun: bool = False) -> AsyncIterator[None]:
        """Hold a place for the block.

        Args:
            begun: the work belongs to a request that was let in before; it waits for as long as it takes, because
                refusing it would throw away what was done.

        Raises:
            Overloaded: the queue is full, or no place became free in time.
        """
        holder = object()
        await self._enter(holder, begun)
        try:
            yield
        finally:
            self._taken.release_on_behalf_of(holder)

    async def run(self, work: Callable[[], T], *, begun: bool = False) -> T:
        """Run blocking work in a thread of this lane; what it raises comes through. See :meth:`place`."""
        async with self.place(begun=begun):
            return await self.run_in_place(work)

    async def run_in_place(self, work: Callable[[], T]) -> T:
        """Run blocking work in a thread of this lane, for one who holds a place of it."""
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    async def _enter(self, holder: object, begun: bool) -> None:
        try:
            self._taken.acquire_on_behalf_of_nowait(holder)
        except anyio.WouldBlock:
            if begun:
                await self._taken.acquire_on_behalf_of(holder)
            else:
                await self._queue(holder)

    async def _queue(self, holder: object) -> None:
        if self._most_waiting is not None and self._waiting >= self._most_waiting:
            raise self._refusal()
        self._waiting += 1
        try:
            with anyio.fail_after(self._queue_s):
                await self._taken.acquire_on_behalf_of(holder)
        except TimeoutError:
            raise self._refusal() from None
        finally:
            self._waiting -= 1

    def _refusal(self) -> Overloaded:
        OVERLOADED.labels(self.name).inc()
        return Overloaded(
            f"Footnote is busy: {self.places} requests of this kind are at work, and others wait ({self._hint}). "
            "Try again in a few seconds."
        )


def streams_of(settings: Settings) -> int:
    """Answers under way at a time. A model's are mostly waited for; extracts keep the processor at work."""
    return settings.api.streams or (16 if settings.llm.provider == "none" else 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """The lanes of one process of the service.

    Attributes:
        keys: checks of API keys. Every request with a key needs one, so its queue has no limit but time.
        sign_ins: checks of tokens and sessions, which may wait for an identity provider.
        answers: answers under way, from their search to their last word.
        searches: what runs the models and asks the index, in searches and for answers.
        files: originals, texts and passages of documents.
        images: pages of PDFs as images.
        admin: what administrators do.
        uploads: documents that are pushed, from the first byte on.
        conversations: what is kept of questions and answers, and what readers say of them.
    """

    keys: Lane
    sign_ins: Lane
    answers: Lane
    searches: Lane
    files: Lane
    images: Lane
    admin: Lane
    uploads: Lane
    conversations: Lane

    @classmethod
    def of(cls, settings: Settings) -> Lanes:
        """The lanes that the settings ask for."""
        api = settings.api

        def lane(name: str, places: int, most_waiting: int | None = MOST_WAITING, hint: str = "api.queue_s") -> Lane:
            return Lane(name, places, api.queue_s, most_waiting, hint)

        return cls(
            keys=lane("keys", 4, most_waiting=None),
            sign_ins=lane("sign-ins", 4, most_waiting=None),
            answers=lane("answers", streams_of(settings), hint="api.streams"),
            searches=lane("searches", api.searches or max(2, os.cpu_count() or 1), hint="api.searches"),
            files=lane("files", 8),
            images=lane("images", 2),
            admin=lane("admin", 4),
            uploads=lane("uploads", 4),
            conversations=lane("conversations", 6),
        )
