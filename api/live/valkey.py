"""The mirror in Valkey: a list of events for each answer, kept for minutes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import orjson
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from api.live.port import Shared, Wanted
from api.sse import ServerEvent
from core.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")

PREFIX = "{footnote:live}:"
"""Of all keys. In braces, so that a cluster keeps them together."""
_TIMEOUT_S = 1.0
_DOWN_S = 1.0
"""For so long a server that didn't answer isn't asked again."""
_READ_MS = 3000
_ALIVE_MS = 5000


class ValkeyMirror:
    """Mirrors answers in Valkey. For one event loop.

    Args:
        url: of the Valkey; a password in it is never logged.
        keep_s: for so long after its last event an answer is kept.
    """

    def __init__(self, url: str, keep_s: int) -> None:
        self._keep_s = keep_s
        self._valkey = redis.asyncio.Redis.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )
        self._down_until = float("-inf")

    async def append(self, answer_id: str, shared: Shared, events: Sequence[ServerEvent]) -> None:
        """See :class:`api.live.port.Mirror`."""
        about = orjson.dumps({"owner": shared.owner, "documents": sorted(shared.documents)})
        pipeline = self._valkey.pipeline(transaction=True)
        pipeline.set(_about(answer_id), about, ex=self._keep_s)
        pipeline.set(_alive(answer_id), 1, px=_ALIVE_MS)
        if events:
            pipeline.rpush(_events(answer_id), *(event.name.encode() + b"\n" + event.data for event in events))
            pipeline.expire(_events(answer_id), self._keep_s)
        await self._asked(pipeline.execute(), None)

    async def shared(self, answer_id: str) -> Shared | None:
        """See :class:`api.live.port.Mirror`."""
        about: bytes | None = await self._asked(self._valkey.get(_about(answer_id)), None)
        if about is None:
            return None
        found = orjson.loads(about)
        return Shared(found["owner"], frozenset(found["documents"]))

    async def read(self, answer_id: str, after: int) -> tuple[list[ServerEvent], bool]:
        """See :class:`api.live.port.Mirror`."""
        pipeline = self._valkey.pipeline(transaction=True)
        pipeline.lrange(_events(answer_id), after, -1)
        pipeline.exists(_alive(answer_id))
        pipeline.set(_read(answer_id), 1, px=_READ_MS)
        answered: list[Any] = await self._asked(pipeline.execute(), [[], 0, None])
        return [_event(one) for one in answered[0]], bool(answered[1])

    async def stop(self, answer_id: str) -> None:
        """See :class:`api.live.port.Mirror`."""
        await self._asked(self._valkey.set(_stop(answer_id), 1, ex=self._keep_s), None)

    async def at_work(self, answer_ids: Collection[str]) -> Mapping[str, Wanted]:
        """See :class:`api.live.port.Mirror`."""
        pipeline = self._valkey.pipeline(transaction=False)
        for answer_id in answer_ids:
            pipeline.set(_alive(answer_id), 1, px=_ALIVE_MS)
            pipeline.exists(_read(answer_id))
            pipeline.exists(_stop(answer_id))
        answered: list[Any] = await self._asked(pipeline.execute(), [])
        wanted = zip(answered[1::3], answered[2::3], strict=True)
        return {name: Wanted(bool(read), bool(stop)) for name, (read, stop) in zip(answer_ids, wanted, strict=False)}

    async def forget(self, answer_ids: Collection[str]) -> None:
        """See :class:`api.live.port.Mirror`."""
        keys = [key(answer_id) for answer_id in answer_ids for key in (_about, _events)]
        if keys:
            await self._asked(self._valkey.unlink(*keys), None)

    async def close(self) -> None:
        """Close connections."""
        await self._valkey.aclose()

    async def _asked(self, asking: Awaitable[Any], otherwise: T) -> Any | T:
        if time.monotonic() < self._down_until:
            if asyncio.iscoroutine(asking):
                asking.close()
            return otherwise
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await asking
        except (redis.RedisError, OSError, TimeoutError) as error:
            self._down_until = time.monotonic() + _DOWN_S
            log.warning("live_answers.unavailable", error=type(error).__name__)
            return otherwise


def _event(kept: bytes) -> ServerEvent:
    name, _, data = kept.partition(b"\n")
    return ServerEvent(name.decode(), data)


def _about(answer_id: str) -> str:
    return f"{PREFIX}about:{answer_id}"


def _events(answer_id: str) -> str:
    return f"{PREFIX}events:{answer_id}"


def _alive(answer_id: str) -> str:
    return f"{PREFIX}alive:{answer_id}"


def _read(answer_id: str) -> str:
    return f"{PREFIX}read:{answer_id}"


def _stop(answer_id: str) -> str:
    return f"{PREFIX}stop:{answer_id}"
