"""Kept answers in Valkey. Whatever goes wrong there, the cache has nothing, and nobody waits long to learn it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

import numpy as np
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from core.cache_settings import CacheSettings
from core.chunk import Vector
from core.logs import get_logger
from core.telemetry import CACHE_FAILURES
from generation.caching import scripts
from generation.caching.keys import Key

log = get_logger(__name__)

T = TypeVar("T")

PREFIX = "{footnote:answers}:"
"""Of all keys. In braces, so that a cluster keeps them together."""
QUESTIONS = 1000
"""Of one scope that a question is compared with: the last ones."""
CANDIDATES = 5
LEASE_S = 3.0
"""A leader that doesn't say for so long that it is still at work has died."""
_DOWN_S = 1.0
"""For so long a server that didn't answer isn't asked again."""
_ALONE = b"alone"
_ALONE_MS = 2000
_NAME_BYTES = 16


class Lead(Enum):
    """How one stands to others who ask the same: works it out for all, waits for it, or works it out for itself."""

    OWN = "own"
    WAITS = "waits"
    NONE = "none"


class AnswerStore:
    """Kept answers, the questions that they answer, and who is working one out. For one event loop.

    Args:
        url: of the Valkey; a password in it is never logged.
    """

    def __init__(self, url: str, settings: CacheSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._valkey = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=settings.timeout_s,
            socket_connect_timeout=settings.timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._keep = self._valkey.register_script(scripts.KEEP)
        self._renew = self._valkey.register_script(scripts.RENEW)
        self._end = self._valkey.register_script(scripts.END)
        self._down_until = float("-inf")

    async def get(self, name: str) -> bytes | None:
        """The answer of this name; None if there is none."""
        found: bytes | None = await self._asked("get", self._valkey.get, _answer(name), otherwise=None)
        return found

    async def nearest(self, scope: str, vector: Vector) -> list[bytes]:
        """Answers to questions of this scope whose vectors are near to this one, the nearest first."""
        records: bytes | None = await self._asked("near", self._valkey.get, _questions(scope), otherwise=None)
        names = _near(records, vector, self._settings.similarity) if records else []
        if not names:
            return []
        keys = [_answer(name) for name in names]
        found: Sequence[bytes | None] = await self._asked("get", self._valkey.mget, keys, otherwise=())
        return [one for one in found if one is not None]

    async def keep(self, key: Key, answer: bytes, vector: Vector | None) -> None:
        """Keep an answer, and the vector of its question to be found by."""
        settings = self._settings
        record = b"" if vector is None else bytes.fromhex(key.name) + vector.astype("<f2").tobytes()
        keys = [_answer(key.name), _questions(key.scope), *(PREFIX + name for name in ("expiries", "sizes", "bytes"))]
        arguments = [answer, record, settings.ttl_s * 1000, settings.max_bytes, QUESTIONS]
        await self._asked("keep", self._keep, keys, arguments, otherwise=None)

    async def lead(self, name: str, token: str) -> Lead:
        """Try to be the one who works an answer out."""
        taken = await self._asked("lead", self._take_lead, name, token, otherwise=_ALONE)
        if taken is None:
            return Lead.OWN
        return Lead.NONE if taken == _ALONE else Lead.WAITS

    async def _take_lead(self, name: str, token: str) -> bytes | None:
        """The present holder's token; None where that is now the caller."""
        taken = await self._valkey.set(_lead(name), token, nx=True, get=True, px=int(LEASE_S * 1000))
        assert taken is None or isinstance(taken, bytes)
        return taken

    async def hold(self, name: str, token: str) -> None:
        """Say that one is still at work."""
        await self._asked("lead", self._renew, [_lead(name)], [token, int(LEASE_S * 1000)], otherwise=None)

    async def end(self, name: str, token: str, *, alone: bool) -> None:
        """Give the lead back.

        Args:
            alone: there is no answer to be kept: those who wait go on by themselves, all at once.
        """
        arguments = [token, _ALONE if alone else b"", _ALONE_MS]
        await self._asked("lead", self._end, [_lead(name)], arguments, otherwise=None)

    async def close(self) -> None:
        """Close connections."""
        await self._valkey.aclose()

    async def _asked(self, what: str, ask: Callable[..., Awaitable[Any]], *arguments: Any, otherwise: T) -> Any | T:
        if self._monotonic() < self._down_until:
            return otherwise
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                return await ask(*arguments)
        except (redis.RedisError, OSError, TimeoutError) as error:
            self._down_until = self._monotonic() + _DOWN_S
            CACHE_FAILURES.labels(what).inc()
            log.warning("answer_cache.unavailable", operation=what, error=type(error).__name__)
            return otherwise


async def clear(url: str) -> int:
    """Forget all answers at this address; how many keys went.

    Raises:
        redis.RedisError: the server doesn't answer.
    """
    count = 0
    async with redis.asyncio.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as valkey:
        async for key in valkey.scan_iter(match=PREFIX + "*", count=1000):
            count += await valkey.unlink(key)
    return count


def _near(records: bytes, vector: Vector, similarity: float) -> list[str]:
    """The names of the questions whose cosine to this one is high enough, the highest first."""
    size = _NAME_BYTES + 2 * len(vector)
    table = np.frombuffer(records, dtype=np.uint8)[: len(records) // size * size].reshape(-1, size)
    vectors = np.ascontiguousarray(table[:, _NAME_BYTES:]).view("<f2").astype(np.float32)
    cosines = vectors @ vector.astype(np.float32)
    best = np.argsort(-cosines)[:CANDIDATES]
    return [table[at, :_NAME_BYTES].tobytes().hex() for at in best if cosines[at] >= similarity]


def _answer(name: str) -> str:
    return f"{PREFIX}answer:{name}"


def _questions(scope: str) -> str:
    return f"{PREFIX}questions:{scope}"


def _lead(name: str) -> str:
    return f"{PREFIX}lead:{name}"
