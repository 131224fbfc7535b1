"""How often a source may be asked: its rate, and "come back later", obeyed by every process that works for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Protocol

from core.clock import Clock, SystemClock

_LONGEST_PAUSE_S = 86_400.0
"""No source is left alone for longer, whatever it says."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Time, as a seam for tests: ``clock`` reads dates in answers; ``sleep`` and ``monotonic`` wait, in seconds."""

    clock: Clock = field(default_factory=SystemClock)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def retry_after_s(said: str, clock: Clock) -> float | None:
    """How many seconds a ``Retry-After`` header means, which says a number or a date; None if it says neither."""
    if said.strip().isdecimal():
        return min(float(said), _LONGEST_PAUSE_S)
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max(0.0, (until - clock.now()).total_seconds()), _LONGEST_PAUSE_S)


class SourceBudget(Protocol):
    """The requests that one source takes."""

    def take(self, rate: float | None, most_wait_s: float) -> float:
        """Take the right to send one request: how many seconds from now it may be sent, 0 for at once.

        Args:
            rate: requests a second, as a long run's average; as many as fit into one second may go together.
                None: no limit but what the source said itself.
            most_wait_s: if it is longer than this, nothing is taken.
        """
        ...

    def come_back_in(self, wait_s: float) -> None:
        """Note that the source wants no request for so many seconds."""
        ...


class LocalBudget:
    """The budget of one process, or of one client.

    The generic cell rate algorithm (ITU-T I.371): all state is the time at which the next request would be due if they
    came evenly.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._due = 0.0

    def take(self, rate: float | None, most_wait_s: float) -> float:
        """See :class:`SourceBudget`."""
        between_s, slack_s = pace(rate)
        with self._lock:
            now = self._monotonic()
            due = max(self._due, now)
            wait_s = max(0.0, due - slack_s - now)
            if wait_s <= most_wait_s:
                self._due = due + between_s
            return wait_s

    def come_back_in(self, wait_s: float) -> None:
        """See :class:`SourceBudget`."""
        with self._lock:
            # A second more, which is the slack: behind a pause requests come evenly.
            self._due = max(self._due, self._monotonic() + wait_s + 1)


def pace(rate: float | None) -> tuple[float, float]:
    """Seconds between two requests, and by how many a request may be early. One second's worth goes together."""
    return (0.0, 1.0) if rate is None else (1 / rate, max(0.0, 1 - 1 / rate))
