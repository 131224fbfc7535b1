"""The limits of the service: counted in Valkey, or in this process while Valkey doesn't answer."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from api.limits.local import MOST_SUBJECTS, LocalCounter
from api.limits.port import LEASE_S, Counter, NotCounted, Refusal, Standing
from api.limits.subjects import Subject, with_quota
from core.errors import LimitReached
from core.logs import get_logger
from core.telemetry import LIMITED

if TYPE_CHECKING:
    from api.limits.shared import SharedCounter

log = get_logger(__name__)

T = TypeVar("T")

_DOWN_S = 1.0
"""For so long a Valkey that didn't answer isn't asked again."""
_STREAM_RETRY_S = 2.0
_WHOSE = {"principal": "You have", "key": "This API key has", "address": "Your address has"}


class RequestsRefused(LimitReached):
    """Too many requests. ``standing``: of whom."""

    def __init__(self, message: str, standing: Standing) -> None:
        super().__init__(message, standing.wait_s)
        self.standing = standing


class Limits:
    """Lets requests and streams through, up to what each subject may have. For one event loop.

    Args:
        shared: counts for all processes; None: each process counts by itself.
    """

    def __init__(self, shared: SharedCounter | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._local = LocalCounter()
        self._monotonic = monotonic
        self._down_until = float("-inf")
        self._alone = False
        self._leases: dict[str, tuple[Subject, ...]] = {}
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def admit(self, subjects: Sequence[Subject]) -> list[Standing]:
        """Count a request to those whose requests are limited; how each stands then.

        Raises:
            LimitReached: it is too many for one of them; it wasn't counted.
        """
        counted = with_quota(subjects, "requests_per_minute")
        if not counted:
            return []
        self.check(counted)
        standings = await self._asked(lambda counter: counter.request(counted))
        worst = max(standings, key=lambda one: one.wait_s)
        if worst.wait_s > 0:
            self._note_refused(worst)
            raise self._too_many(worst.subject, worst.wait_s)
        return standings

    def check(self, subjects: Sequence[Subject]) -> None:
        """Refuse whom this process has refused already, until the moment that it was told; asks nobody.

        Raises:
            LimitReached: one of them was.
        """
        for one in subjects:
            wait_s = self._refused.get(one.name, 0) - self._monotonic()
            if wait_s > 0:
                raise self._too_many(one, wait_s)

    @asynccontextmanager
    async def stream(self, subjects: Sequence[Subject]) -> AsyncIterator[None]:
        """Count a stream to those whose streams or tokens are limited, while the block runs.

        Raises:
            LimitReached: one of them has its streams under way, or has spent its tokens of today.
        """
        counted, lease = with_quota(subjects, "streams", "tokens_per_day"), uuid.uuid4().hex
        if not counted:
            yield
            return
        refusal = await self._asked(lambda counter: counter.enter(counted, lease))
        if refusal is not None:
            raise _no_stream(refusal)
        self._leases[lease] = holders = with_quota(counted, "streams")
        try:
            yield
        finally:
            del self._leases[lease]
            # Beside the request, which may have been cancelled.
            self._beside(self._everywhere(lambda counter: counter.leave(holders, lease)))

    def spend(self, subjects: Sequence[Subject], tokens: int) -> None:
        """Count a model's tokens."""
        counted = with_quota(subjects, "tokens_per_day")
        if counted and tokens > 0:
            self._beside(self._asked(lambda counter: counter.spend(counted, tokens)))

    async def keep_leases(self) -> None:
        """Renew the leases of this process's streams; never returns."""
        while True:
            await asyncio.sleep(LEASE_S / 3)
            await self.renew()

    async def renew(self) -> None:
        """Renew them once."""
        leases = [(lease, one) for lease, subjects in self._leases.items() for one in subjects]
        if leases:
            await self._asked(lambda counter: counter.renew(leases))

    async def close(self) -> None:
        """Finish what is under way, and close connections."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._shared is not None:
            await self._shared.close()

    async def _asked(self, ask: Callable[[Counter], Awaitable[T]]) -> T:
        if self._shared is not None and self._monotonic() >= self._down_until:
            try:
                told = await ask(self._shared)
            except NotCounted as error:
                self._down_until = self._monotonic() + _DOWN_S
                if not self._alone:
                    log.warning("limits.held_per_process", reason=str(error), advice="Check limits.url, or broker.url.")
                self._alone = True
            else:
                if self._alone:
                    log.info("limits.shared_again")
                self._alone = False
                return told
        return await ask(self._local)

    async def _everywhere(self, ask: Callable[[Counter], Awaitable[None]]) -> None:
        """Also in the process: the stream may have begun while Valkey was down."""
        await ask(self._local)
        await self._asked(ask)

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note_refused(self, standing: Standing) -> None:
        """A flood of requests that are refused costs neither the catalog nor Valkey anything."""
        self._refused[standing.subject.name] = self._monotonic() + standing.wait_s
        self._refused.move_to_end(standing.subject.name)
        while len(self._refused) > MOST_SUBJECTS:
            self._refused.popitem(last=False)

    @staticmethod
    def _too_many(subject: Subject, wait_s: float) -> RequestsRefused:
        LIMITED.labels(subject.kind, "requests").inc()
        most = subject.quota.requests_per_minute
        return RequestsRefused(
            f"{_WHOSE[subject.kind]} made more than {most} requests a minute (limits.{subject.kind}). "
            f"Try again in {math.ceil(wait_s)} s.",
            Standing(subject, 0, wait_s, wait_s),
        )


def _no_stream(refusal: Refusal) -> LimitReached:
    kind, quota = refusal.subject.kind, refusal.subject.quota
    LIMITED.labels(kind, refusal.what).inc()
    if refusal.what == "streams":
        return LimitReached(
            f"{_WHOSE[kind]} {quota.streams} answers under way (limits.{kind}). Wait for one to end.", _STREAM_RETRY_S
        )
    return LimitReached(
        f"{_WHOSE[kind]} spent {quota.tokens_per_day} tokens of the language model today (limits.{kind}). "
        "There are more from midnight UTC.",
        refusal.wait_s,
    )
