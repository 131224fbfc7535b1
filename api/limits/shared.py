"""Counting in Valkey, for all processes together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api.limits import scripts
from api.limits.port import LEASE_S, NotCounted, Refusal, Standing
from api.limits.subjects import Subject

T = TypeVar("T")

PREFIX = "{footnote:limits}:"
"""Of all keys. In braces, so that a cluster keeps them together."""
_MINUTE_US = 60_000_000
_LEASE_US = int(LEASE_S * 1_000_000)


class SharedCounter:
    """See :class:`api.limits.port.Counter`; methods raise :class:`api.limits.port.NotCounted`. For one event loop.

    Args:
        url: of the Valkey; a password in it is never logged.
        timeout_s: how long one step may take.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._valkey = redis.asyncio.Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
        )
        self._request = self._valkey.register_script(scripts.REQUEST)
        self._enter = self._valkey.register_script(scripts.ENTER)
        self._renew = self._valkey.register_script(scripts.RENEW)
        self._spend = self._valkey.register_script(scripts.SPEND)

    async def request(self, subjects: Sequence[Subject]) -> list[Standing]:
        """See :class:`api.limits.port.Counter`."""
        keys = [_key("requests", one) for one in subjects]
        paces = [(_MINUTE_US / one.quota.requests_per_minute, one.quota.at_once) for one in subjects]
        told: list[int] = await self._asked(self._request(keys, [value for pace in paces for value in pace]))
        rows = zip(subjects, told[::3], told[1::3], told[2::3], strict=True)
        return [Standing(one, remaining, wait / 1000, full / 1000) for one, remaining, wait, full in rows]

    async def enter(self, subjects: Sequence[Subject], lease: str) -> Refusal | None:
        """See :class:`api.limits.port.Counter`."""
        keys = [_key(what, one) for one in subjects for what in ("streams", "tokens")]
        most = [value for one in subjects for value in (one.quota.streams, one.quota.tokens_per_day)]
        at, what, wait = await self._asked(self._enter(keys, [lease, _LEASE_US, *most]))
        return None if at == 0 else Refusal(subjects[at - 1], "streams" if what == 1 else "tokens", wait / 1000)

    async def renew(self, leases: Sequence[tuple[str, Subject]]) -> None:
        """See :class:`api.limits.port.Counter`."""
        keys = [_key("streams", subject) for _, subject in leases]
        await self._asked(self._renew(keys, [_LEASE_US, *(lease for lease, _ in leases)]))

    async def leave(self, subjects: Sequence[Subject], lease: str) -> None:
        """See :class:`api.limits.port.Counter`."""
        async with self._valkey.pipeline(transaction=False) as pipe:
            for one in subjects:
                pipe.zrem(_key("streams", one), lease)
            await self._asked(pipe.execute())

    async def spend(self, subjects: Sequence[Subject], tokens: int) -> None:
        """See :class:`api.limits.port.Counter`."""
        await self._asked(self._spend([_key("tokens", one) for one in subjects], [tokens]))

    async def close(self) -> None:
        """Close connections."""
        await self._valkey.aclose()

    async def _asked(self, step: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await step
        except (redis.RedisError, OSError, TimeoutError) as error:
            raise NotCounted(type(error).__name__) from error


def _key(what: str, subject: Subject) -> str:
    return f"{PREFIX}{what}:{subject.name}"
