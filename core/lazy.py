"""A part of a process that is built on first use, and tried again when it couldn't be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

from core.errors import FootnoteError, Unavailable
from core.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T")


class StillStarting(Unavailable):
    """Another thread is building the part."""

    slug = "starting"


class Lazy(Generic[T]):
    """Builds its value once, on first use, and keeps it; a build that fails is tried again on a later use.

    So a process starts while a dependency is down, and recovers without a restart when it is back. Safe to use from
    several threads.

    Args:
        name: what readiness and logs call it.
        build: makes the value; may block. Runs in one thread at a time.
        wait_s: how long a use waits for a build that another thread has under way; None: until it is done.
        retry_after_s: how long a failed build's error stands before a use tries again: a dependency that is down
            must not cost every request its full timeout.
    """

    def __init__(
        self, name: str, build: Callable[[], T], *, wait_s: float | None = 10, retry_after_s: float = 1
    ) -> None:
        self.name = name
        self._build = build
        self._wait_s = wait_s
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()
        self._asking = anyio.CapacityLimiter(1)
        self._value: T | None = None
        self._error: FootnoteError | None = None
        self._failed_at = 0.0

    @property
    def built(self) -> T | None:
        """The value if there is one already; never blocks."""
        return self._value

    @property
    def error(self) -> FootnoteError | None:
        """Why the latest build failed; None if none did, or one has succeeded since."""
        return self._error

    def get(self) -> T:
        """The value, built now if need be.

        Raises:
            StillStarting: another thread has been at it for longer than ``wait_s``.
            FootnoteError: what the build raised.
        """
        if self._value is not None:
            return self._value
        if not self._lock.acquire(timeout=-1 if self._wait_s is None else self._wait_s):
            raise self._still_starting()
        try:
            return self._build_locked()
        finally:
            self._lock.release()

    async def soon(self) -> T:
        """As :meth:`get`, for the event loop: however many ask, one thread waits for the build.

        Raises:
            StillStarting: the build takes longer than ``wait_s``.
            FootnoteError: what the build raised.
        """
        with anyio.move_on_after(self._wait_s):
            return await anyio.to_thread.run_sync(self.get, limiter=self._asking)
        raise self._still_starting()

    def _still_starting(self) -> StillStarting:
        return StillStarting(f"The {self.name} is still starting. Try again in a few seconds.")

    def _build_locked(self) -> T:
        if self._value is not None:
            return self._value
        if self._error is not None and time.monotonic() < self._failed_at + self._retry_after_s:
            raise self._error.with_traceback(None)
        try:
            self._value = self._build()
        except FootnoteError as error:
            self._fail(error)
            raise
        except Exception as error:
            log.exception("part.failed", part=self.name)
            own = Unavailable(f"The {self.name} can't start. Footnote's log says why ({type(error).__name__}).")
            self._fail(own)
            raise own from error
        self._error = None
        return self._value

    def _fail(self, error: FootnoteError) -> None:
        if self._error is None or self._error.message != error.message:
            log.warning("part.unavailable", part=self.name, reason=error.message)
        self._error = error
        self._failed_at = time.monotonic()
