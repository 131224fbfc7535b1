"""A source's budget in the broker's Valkey, shared by every process that works for the source."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from core.logs import get_logger
from ingestion.connectors.budget import LocalBudget, pace

log = get_logger(__name__)

_DOWN_S = 30.0
"""For so long a Valkey that didn't answer isn't asked again."""
_TAKE = """
local now = redis.call('TIME'); now = now[1] + now[2] / 1000000
local between, slack, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = math.max(0, due - slack - now)
if wait <= most then
  due = due + between
  redis.call('SET', KEYS[1], string.format('%.6f', due), 'PX', math.ceil((due - now) * 1000) + 1000)
end
return string.format('%.6f', wait)
"""
_LATER = """
local now = redis.call('TIME'); now = now[1] + now[2] / 1000000
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now + tonumber(ARGV[1]) + 1)
redis.call('SET', KEYS[1], string.format('%.6f', due), 'PX', math.ceil((due - now) * 1000) + 1000)
return 1
"""


class SharedBudget:
    """The budget that all workers share, in the broker's Valkey; time is its time.

    Where it doesn't answer, each client keeps to the rate by itself.
    """

    def __init__(self, valkey: redis.Redis, source_id: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._key = f"footnote:budget:{source_id}"
        self._take = valkey.register_script(_TAKE)
        self._later = valkey.register_script(_LATER)
        self._monotonic = monotonic
        self._own = LocalBudget(monotonic)
        self._down_until = float("-inf")

    def take(self, rate: float | None, most_wait_s: float) -> float:
        """See :class:`SourceBudget`."""
        own = self._own.take(rate, most_wait_s)
        if self._monotonic() < self._down_until or own > most_wait_s:
            return own
        try:
            return max(own, float(self._take(keys=[self._key], args=[*pace(rate), most_wait_s])))
        except redis.RedisError as error:
            self._note_down(error)
            return own

    def come_back_in(self, wait_s: float) -> None:
        """See :class:`SourceBudget`."""
        self._own.come_back_in(wait_s)
        try:
            self._later(keys=[self._key], args=[wait_s])
        except redis.RedisError as error:
            self._note_down(error)

    def _note_down(self, error: redis.RedisError) -> None:
        log.warning("budget.not_shared", reason=type(error).__name__)
        self._down_until = self._monotonic() + _DOWN_S
