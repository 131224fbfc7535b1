"""The generations of an embedded index: which there are, and which one is live."""

from __future__ import annotations

import builtins
from dataclasses import replace

from core.errors import ConfigurationError
from retrieval.index.lance.fences import Fences
from retrieval.index.lance.store import Pointer, Record, Store
from retrieval.index.lance.tables import Tables
from retrieval.index.port import Generation


class Generations:
    """Makes and forgets generations: their entry in the pointer file, their table and their fences."""

    def __init__(self, store: Store, tables: Tables, fences: Fences) -> None:
        self._store = store
        self._tables = tables
        self._fences = fences

    def ensure(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """Create the live generation if there is none; see the port."""
        pointer = self._store.pointer()
        if pointer.live is None:
            with self._store.writing():
                pointer = self._store.pointer()
                if pointer.live is None:
                    pointer, record = self._create(pointer, embedder, dimensions, model)
                    pointer = replace(pointer, live=record.name)
                    self._store.point(pointer)
        record = pointer.get(pointer.live or "")
        names = [one.name for one in pointer.records]
        if not all(map(self._tables.is_complete, names)):
            with self._store.writing():
                for name in names:
                    self._tables.complete(name)
        if (record.embedder, record.dimensions) != (embedder, dimensions):
            raise ConfigurationError(
                f"The index in {self._store.path} was built by {record.embedder} ({record.dimensions} dimensions), and "
                f"the embedder is {embedder} ({dimensions}). Set embedder.model back, or build a new generation."
            )
        return pointer.generation(record)

    def list(self) -> builtins.list[Generation]:
        """All generations, oldest first."""
        pointer = self._store.pointer()
        return [pointer.generation(record) for record in pointer.records]

    def begin(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """Create a generation beside the live one."""
        with self._store.writing():
            pointer, record = self._create(self._store.pointer(), embedder, dimensions, model)
            self._store.point(pointer)
            return pointer.generation(record)

    def swap(self, name: str) -> None:
        """Make that generation the live one. Raises NotFound."""
        with self._store.writing():
            pointer = self._store.pointer()
            self._store.point(replace(pointer, live=pointer.get(name).name))

    def drop(self, name: str) -> None:
        """Delete a generation that isn't live. Raises Conflict and NotFound."""
        with self._store.writing():
            self._store.point(self._store.pointer().without(name))
            self._tables.drop(name)
            self._fences.drop(name)

    def _create(self, pointer: Pointer, embedder: str, dimensions: int, model: str) -> tuple[Pointer, Record]:
        pointer, record = pointer.with_new(embedder, dimensions, model)
        self._tables.create(record)
        return pointer, record
