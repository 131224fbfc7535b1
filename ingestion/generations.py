"""The generations of the index, as the API and the command line see them."""

from __future__ import annotations

from core.errors import BrokerUnavailable, ConfigurationError, Conflict, InvalidRequest, NotFound
from core.logs import get_logger
from ingestion.broker import TaskQueue
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.rebuilds import RUNNING, Rebuild, RebuildState
from retrieval.embedding.embedders import Embedders, live_of
from retrieval.embedding.port import Embedder
from retrieval.index.port import Generation, SearchIndex

log = get_logger(__name__)


class Generations:
    """Builds generations of the index, swaps them in and back, and drops them."""

    def __init__(self, catalog: Catalog, index: SearchIndex, embedders: Embedders, tasks: TaskQueue) -> None:
        self._catalog = catalog
        self._index = index
        self._embedders = embedders
        self._tasks = tasks

    def list(self) -> list[tuple[Generation, Rebuild | None]]:
        """All generations, oldest first, each with its build if it was made by one."""
        builds = {build.generation: build for build in self._catalog.rebuilds.list()}
        return [(generation, builds.get(generation.name)) for generation in self._index.generations()]

    def build(self, generation: str) -> Rebuild:
        """How a build stands. Raises NotFound."""
        return self._catalog.rebuilds.get(generation)

    def rebuild(self, model: str | None = None, *, swap: bool = True) -> Rebuild:
        """Begin a generation beside the live one, and have the workers fill it.

        Args:
            model: as ``embedder.model``, a folder by its absolute path; None: the live generation's.
            swap: swap it in once it is complete and has passed its checks.

        Raises:
            Conflict: another one is being built.
            InvalidRequest, ModelUnavailable: the model can't be used.
            BrokerUnavailable: the task queue doesn't answer; nothing was begun.
        """
        if (running := self._catalog.rebuilds.running()) is not None:
            raise Conflict(
                f"Generation {running.generation} is being built: wait until it is done, or end it with: footnote "
                f"index drop {running.generation}"
            )
        live = self._embedders.ensure(self._index)
        embedder = self._embedders.of(live) if model is None else self._named(model)
        name = model or live.model or self._embedders.model
        generation = self._index.begin(embedder.name, embedder.dimensions, name)
        try:
            build = self._catalog.rebuilds.begin(generation.name, live.name, swap=swap)
        except Conflict:  # somebody was quicker
            self._index.drop(generation.name)
            raise
        try:
            self._tasks.send("footnote.rebuild", {"generation": generation.name, "step": build.step})
        except BrokerUnavailable:
            self.drop(generation.name)
            raise
        log.info("rebuild.begun", generation=generation.name, embedder=embedder.name)
        return build

    def swap(self, name: str) -> Generation:
        """Make a complete generation the live one, at once; the one that was live stays, and gets every write.

        Raises:
            NotFound: there is none of that name.
            Conflict: it is not complete.
        """
        generation, build = self._get(name)
        if build is not None and build.state in (*RUNNING, RebuildState.FAILED):
            raise Conflict(f"Generation {name} is {build.state.value}: only a complete one can be swapped in.")
        self._index.swap(name)
        if build is not None:
            self._catalog.rebuilds.mark(name, RebuildState.LIVE)
        log.info("index.swapped", generation=name)
        return self._get(generation.name)[0]

    def rollback(self) -> Generation:
        """Go back to the generation that the live one replaced, at once.

        Raises:
            Conflict: the live one replaced none, or that one was dropped.
        """
        live = live_of(self._index)
        build = self._get(live.name)[1] if live is not None else None
        if live is None or build is None:
            raise Conflict("There is nothing to go back to: the live generation is the first one.")
        try:
            return self.swap(build.previous)
        except NotFound:
            raise Conflict(f"{live.name} replaced {build.previous}, which was dropped: there is no way back.") from None

    def drop(self, name: str) -> None:
        """Delete a generation that isn't live, and end its build if it is not complete.

        Raises:
            NotFound, Conflict: there is none of that name; it is live.
        """
        _, build = self._get(name)
        self._index.drop(name)
        if build is not None and build.state in RUNNING:
            self._catalog.rebuilds.mark(name, RebuildState.FAILED, "It was dropped.")
        log.info("index.dropped", generation=name)

    def _named(self, model: str) -> Embedder:
        try:
            return self._embedders.by_model(model)
        except ConfigurationError as error:  # the caller's choice, not the settings'
            raise InvalidRequest(error.message) from error

    def _get(self, name: str) -> tuple[Generation, Rebuild | None]:
        for generation, build in self.list():
            if generation.name == name:
                return generation, build
        raise NotFound(f"There is no index generation {name!r}: footnote index list shows them.")
