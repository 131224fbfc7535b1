"""Counting in one process, where there is no Valkey."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from api.limits.port import LEASE_S, Refusal, Standing
from api.limits.subjects import Subject

MOST_SUBJECTS = 10_000
"""Those that were counted longest ago are forgotten: a stranger's many addresses must not fill the memory."""
_DAY_S = 86_400


@dataclass(slots=True)
class _Count:
    due: float = 0.0
    streams: dict[str, float] = field(default_factory=dict)
    day: int = -1
    tokens: int = 0


class LocalCounter:
    """See :class:`api.limits.port.Counter`, and :data:`api.limits.scripts.REQUEST` for how requests are counted."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    async def request(self, subjects: Sequence[Subject]) -> list[Standing]:
        """See :class:`api.limits.port.Counter`."""
        now = self._now()
        paces = [(60 / one.quota.requests_per_minute, one.quota.at_once, self._of(one)) for one in subjects]
        waits = [max(0.0, max(of.due, now) + pace * (1 - burst) - now) for pace, burst, of in paces]
        told = []
        for subject, (pace, burst, of), wait in zip(subjects, paces, waits, strict=True):
            due = max(of.due, now)
            if not any(waits):
                due = of.due = due + pace
            remaining = max(0, int((burst * pace - (due - now)) / pace + 1e-6))
            told.append(Standing(subject, remaining, wait, due - now))
        return told

    async def enter(self, subjects: Sequence[Subject], lease: str) -> Refusal | None:
        """See :class:`api.limits.port.Counter`."""
        now = self._now()
        for one in subjects:
            of = self._of(one)
            if one.quota.tokens_per_day and of.day == now // _DAY_S and of.tokens >= one.quota.tokens_per_day:
                return Refusal(one, "tokens", _DAY_S - now % _DAY_S)
            of.streams = {lease: until for lease, until in of.streams.items() if until > now}
            if one.quota.streams and len(of.streams) >= one.quota.streams:
                return Refusal(one, "streams", 0)
        for one in subjects:
            self._of(one).streams[lease] = now + LEASE_S
        return None

    async def renew(self, leases: Sequence[tuple[str, Subject]]) -> None:
        """See :class:`api.limits.port.Counter`."""
        for lease, subject in leases:
            self._of(subject).streams[lease] = self._now() + LEASE_S

    async def leave(self, subjects: Sequence[Subject], lease: str) -> None:
        """See :class:`api.limits.port.Counter`."""
        for one in subjects:
            self._of(one).streams.pop(lease, None)

    async def spend(self, subjects: Sequence[Subject], tokens: int) -> None:
        """See :class:`api.limits.port.Counter`."""
        today = int(self._now() // _DAY_S)
        for one in subjects:
            of = self._of(one)
            if of.day != today:
                of.day, of.tokens = today, 0
            of.tokens += tokens

    def _of(self, subject: Subject) -> _Count:
        count = self._counts.setdefault(subject.name, _Count())
        self._counts.move_to_end(subject.name)
        while len(self._counts) > MOST_SUBJECTS:
            self._counts.popitem(last=False)
        return count
