"""Knowing which build of the index answers, and that its vectors are the embedder's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from core.errors import FootnoteError, ModelUnavailable
from core.logs import get_logger
from retrieval.embedding.embedders import Embedders, live_among
from retrieval.embedding.port import Embedder
from retrieval.index.port import Generation, SearchIndex

log = get_logger(__name__)

LIFETIME_S = 30.0
SWITCH_S = 2.0
"""Where generations can be swapped: how soon a search notices."""
LOOK_S = 0.5
"""How long a search that has something to search waits for a look at the generations; it takes milliseconds, unless the
index hangs."""


@dataclass(frozen=True, slots=True)
class View:
    """What one search works on, from its first step to its last: a generation, and the embedder of its vectors.

    ``name`` is empty while there is no generation.
    """

    name: str
    index: SearchIndex
    embedder: Embedder


@dataclass(slots=True)
class _Look:
    """One look at the index's generations. ``overdue``: a search has waited for it long enough, and no other will."""

    done: threading.Event = field(default_factory=threading.Event)
    overdue: bool = False
    error: FootnoteError | None = None


class GenerationWatch:
    """Remembers the live generation for a while, so that searches don't ask for it each time.

    A thread in the background asks, one for all searches: an index that hangs costs them no more than their own
    question does.

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
        self._lifetime_s = LIFETIME_S if embedders is None else SWITCH_S
        self._lock = threading.Lock()
        self._live: Generation | None = None
        self._until = float("-inf")
        self._under_way: _Look | None = None
        self._latest = _Look()
        self._view = View("", index, embedder)
        self._loading = ""

    def view(self) -> View:
        """What to search now.

        Raises:
            FootnoteError: no generation is known so far, because the index doesn't answer or refuses to.
        """
        look = self._begin_look(anew=False)
        self._wait(look)
        if look is not None and self._view.name == "" and self._live is None and look.error is not None:
            raise look.error.with_traceback(None)
        return self._view

    def name(self) -> str:
        """The live generation's name; the last known one while the index doesn't answer, empty if there is none."""
        self._wait(self._begin_look(anew=False))
        return self._live.name if self._live else ""

    @property
    def known(self) -> str:
        """The generation that was searched last, or would be; empty while none is known. Looks at nothing."""
        return self._view.name or (self._live.name if self._live else "")

    def has_moved(self, view: View) -> bool:
        """Look anew, at once: whether a search would now work on something else. Not if the index doesn't answer."""
        if self._embedders is None or self._latest.error is not None:
            return False
        self._wait(self._under_way)  # it may have begun before what the caller has just met
        self._wait(self._begin_look(anew=True))
        return self._view.name != view.name

    def check(self, view: View | None = None) -> None:
        """Make sure that the embedder's vectors and the index's come from one model.

        Raises:
            ModelUnavailable: the index was rebuilt with another embedder, which this process doesn't have.
        """
        embedder = (view or self._view).embedder
        live = self._live
        if view is not None and self._embedders is not None and live is not None and live.name != view.name != "":
            return  # a generation of its own, with its own embedder
        if live is not None and (live.embedder, live.dimensions) != (embedder.name, embedder.dimensions):
            raise ModelUnavailable(
                f"The index holds vectors of {live.embedder}, but this process embeds with {embedder.name}: "
                "restart it with the embedder that the index was built with."
            )

    def _begin_look(self, *, anew: bool) -> _Look | None:
        """The look that is under way, or one that begins now; None while what is known is new enough."""
        with self._lock:
            if self._under_way is None and (anew or self._monotonic() >= self._until):
                self._under_way = _Look()
                threading.Thread(target=self._look, args=(self._under_way,), name="generations", daemon=True).start()
            return self._under_way

    def _wait(self, look: _Look | None) -> None:
        if look is None:
            return
        if not look.overdue and not look.done.wait(LOOK_S):
            look.overdue = True
        if self._view.name == "":
            look.done.wait()  # there is nothing else to search

    def _look(self, look: _Look) -> None:
        try:
            self._follow(self._index.generations())
        except FootnoteError as error:  # the search itself reports it
            look.error = error
        finally:
            with self._lock:
                known = look.error is None or self._view.name != ""
                self._until = self._monotonic() + self._lifetime_s if known else float("-inf")
                self._latest, self._under_way = look, None
            look.done.set()

    def _follow(self, generations: list[Generation]) -> None:
        live = self._live = live_among(generations)
        if live is None or live.name == self._view.name:
            return
        if self._embedders is None:
            self._view = View(live.name, self._index, self._view.embedder)
        elif (live.embedder, live.dimensions) == (self._view.embedder.name, self._view.embedder.dimensions):
            self._turn_to(live, self._view.embedder)
        elif any(generation.name == self._view.name for generation in generations):
            self._begin_loading(live)
        else:
            self._view = View("", self._index, self._view.embedder)  # searches wait: there is nothing else to search
            self._load(live)

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
