"""Which documents a process works on at the same time: many, or one that is suspected of killing workers.

A worker that dies leaves behind all that it had begun, and which of it was to blame nobody knows. Each of those is a
suspect then: it goes through again with no other document beside it. One that lives through it is cleared; a worker
that dies once more had only one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Trials:
    """Lets the threads of this process work side by side, or one of them alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at_work = 0
        self._suspects = 0
        """That are tried, or wait for it."""
        self._alone = False

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Work on documents that nobody suspects. Waits until no suspect is tried, or waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._suspects == 0)
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Work on one document while no other thread works on any. Waits for those that do; nobody begins meanwhile."""
        with self._changed:
            self._suspects += 1
            self._changed.wait_for(lambda: self._at_work == 0 and not self._alone)
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._suspects -= 1
                self._alone = False
                self._changed.notify_all()
