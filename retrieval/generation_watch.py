"""Knowing which build of the index answers, and that its vectors are the embedder's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from core.errors import IndexUnavailable, ModelUnavailable
from retrieval.embedding.port import Embedder
from retrieval.index.port import Generation, SearchIndex

LIFETIME_S = 30.0


class GenerationWatch:
    """Remembers the live generation for half a minute, so that searches don't ask for it each time."""

    def __init__(self, index: SearchIndex, embedder: Embedder, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._index = index
        self._embedder = embedder
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._live: Generation | None = None
        self._until = float("-inf")

    def name(self) -> str:
        """The live generation's name; the last known one while the index doesn't answer, empty if there is none."""
        live = self._current()
        return live.name if live else ""

    def check(self) -> None:
        """Make sure that the embedder's vectors and the index's come from one model.

        Raises:
            ModelUnavailable: the index was rebuilt with another embedder while this process ran.
        """
        live = self._current()
        if live is not None and (live.embedder, live.dimensions) != (self._embedder.name, self._embedder.dimensions):
            raise ModelUnavailable(
                f"The index holds vectors of {live.embedder}, but this process embeds with {self._embedder.name}: "
                "restart it with the embedder that the index was built with."
            )

    def _current(self) -> Generation | None:
        with self._lock:
            if self._monotonic() >= self._until:
                with suppress(IndexUnavailable):  # the search itself reports it
                    self._live = next((g for g in reversed(self._index.generations()) if g.live), None)
                self._until = self._monotonic() + LIFETIME_S
            return self._live
