"""Leaving a model alone that has failed several times in a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

Permit = Literal["request", "trial"]
"""Those that began before the circuit opened may end while it is open, and aren't the one that tries."""


class Circuit:
    """Closed, requests go through. Open, none does. After a while one may try, and what becomes of it decides.

    Not for several threads: the tasks of one event loop share it.

    Args:
        failures: so many in a row open it.
        open_s: for so long.
        monotonic: seconds.
    """

    def __init__(self, failures: int, open_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._open_s = open_s
        self._monotonic = monotonic
        self._failures = 0
        self._opened: float | None = None
        self._trying = False

    def enter(self) -> Permit | None:
        """Leave for a request, which gives it back with :meth:`leave`; None: it may not go through."""
        if self._opened is None:
            return "request"
        if self._trying or self._monotonic() - self._opened < self._open_s:
            return None
        self._trying = True
        return "trial"

    def leave(self, permit: Permit, failed: bool | None) -> None:
        """A request ended. ``failed`` is None where it was given up, and says nothing of the model."""
        if permit == "trial":
            self._trying = False
        if failed is None:
            return
        self._failures = self._failures + 1 if failed else 0
        if not failed:
            self._opened = None
        elif self._failures >= self._most or self._opened is not None:
            self._opened = self._monotonic()
