"""Knowing which build of the index answers, and that its vectors are the embedder's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from core.errors import FootnoteError, IndexUnavailable, ModelUnavailable
from core.logs import get_logger
from retrieval.embedding.embedders import Embedders, live_of
from retrieval.embedding.port import Embedder
from retrieval.index.port import Generation, SearchIndex

log = get_logger(__name__)

LIFETIME_S = 30.0
SWITCH_S = 2.0
"""Where generations can be swapped: how soon a search notices."""


@dataclass(frozen=True, slots=True)
class View:
    """What one search works on, from its first step to its last: a generation, and the embedder of its vectors.

    ``name`` is empty while there is no generation, or none is known because the index doesn't answer.
    """

    name: str
    index: SearchIndex
    embedder: Embedder


class GenerationWatch:
    """Remembers the live generation for a while, so that searches don't ask for it each time.

    Args:
        embedders: where given, searches follow a swap to a generation of another model: its model is loaded in the
            background, and until then they go on in the generation before.
    """

    def __init__(
        self,
        index: SearchIndex,
        embedder: Embedder,
        monotonic: Callable[[], float] = time.monotonic,
        embedders: Embedders | None = None,
    ) -> None:
        self._index = index
        self._monotonic = monotonic
        self._embedders = embedders
        self._lock = threading.Lock()
        self._live: Generation | None = None
        self._until = float("-inf")
        self._view = View("", index, embedder)
        self._loading = ""

    def view(self) -> View:
        """What to search now."""
        live = self._current()
        if live is None or live.name == self._view.name:
            return self._view
        if self._embedders is None:
            return View(live.name, self._index, self._view.embedder)
        if (live.embedder, live.dimensions) == (self._view.embedder.name, self._view.embedder.dimensions):
            self._turn_to(live, self._view.embedder)
        elif self._view.name == "" or self._is_gone(self._view.name):
            self._load(live)  # there is nothing else to search: this one waits
        else:
            self._begin_loading(live)
        return self._view

    def name(self) -> str:
        """The live generation's name; the last known one while the index doesn't answer, empty if there is none."""
        live = self._current()
        return live.name if live else ""

    def has_moved(self, view: View) -> bool:
        """Look anew, at once: whether a search would now work on something else."""
        if self._embedders is None:
            return False
        with self._lock:
            self._until = float("-inf")
        return self.view().name != view.name

    def check(self, view: View | None = None) -> None:
        """Make sure that the embedder's vectors and the index's come from one model.

        Raises:
            ModelUnavailable: the index was rebuilt with another embedder, which this process doesn't have.
        """
        embedder = (view or self._view).embedder
        live = self._current()
        if view is not None and self._embedders is not None and live is not None and live.name != view.name != "":
            return  # a generation of its own, with its own embedder
        if live is not None and (live.embedder, live.dimensions) != (embedder.name, embedder.dimensions):
            raise ModelUnavailable(
                f"The index holds vectors of {live.embedder}, but this process embeds with {embedder.name}: "
                "restart it with the embedder that the index was built with."
            )

    def _current(self) -> Generation | None:
        lifetime_s = LIFETIME_S if self._embedders is None else SWITCH_S
        with self._lock:
            if self._monotonic() >= self._until:
                with suppress(IndexUnavailable):  # the search itself reports it
                    self._live = live_of(self._index)
                self._until = self._monotonic() + lifetime_s
            return self._live

    def _is_gone(self, name: str) -> bool:
        try:
            return all(generation.name != name for generation in self._index.generations())
        except IndexUnavailable:
            return False

    def _turn_to(self, live: Generation, embedder: Embedder) -> None:
        with suppress(FootnoteError):  # it went, or the index doesn't answer: the search itself reports it
            self._view = View(live.name, self._index.for_generation(live.name), embedder)

    def _begin_loading(self, live: Generation) -> None:
        with self._lock:
            if self._loading == live.name:
                return
            self._loading = live.name
        threading.Thread(target=self._load, args=(live,), name="embedder", daemon=True).start()

    def _load(self, live: Generation) -> None:
        assert self._embedders is not None
        try:
            embedder = self._embedders.of(live)
            embedder.warm_up()
        except FootnoteError as error:
            log.warning("retrieve.embedder_not_loaded", generation=live.name, reason=error.message)
        else:
            self._turn_to(live, embedder)
            log.info("retrieve.switched", generation=live.name, embedder=live.embedder)
        with self._lock:
            self._loading = ""
