"""Writes to every generation of the index there is, so that one can be built, swapped in or rolled back to at any time.

A generation that is being built gets what changes meanwhile, and one that was live before keeps getting it until it is
dropped: a rollback loses nothing. No list of who has to be written to is kept anywhere but in the index itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from core.chunk import Chunk, EmbeddedChunk, Vector, Vectors
from core.errors import FootnoteError
from core.filters import AnyOf, Filter, TermField
from core.pipeline import FieldWeights
from retrieval.embedding.embedders import Embedders
from retrieval.embedding.windows import embed_chunks
from retrieval.index.port import (
    USUAL_FIELDS,
    Candidate,
    DocumentUpdate,
    Generation,
    IndexCounts,
    IndexedDocument,
    IndexRoom,
    LegResults,
    SearchIndex,
)

_Write = Callable[[Generation, SearchIndex], int]


class EveryGeneration:
    """A :class:`retrieval.index.port.SearchIndex` whose writes go to all generations; reads are the live one's.

    Every write names its generation: written through the alias, vectors of one model could land in a generation of
    another one that was swapped in a moment before. A generation that is begun while a write goes on gets it too.

    Args:
        index: what is wrapped.
        embedders: gives what makes the vectors of generations by other models than the vectors that come in, which are
            the default embedder's. Only asked when vectors are written or read: permissions and deletions need none.
    """

    def __init__(self, index: SearchIndex, embedders: Callable[[], Embedders]) -> None:
        self._index = index
        self._embedders = embedders
        self._lock = threading.Lock()
        self._pinned: dict[str, SearchIndex] = {}

    def upsert(self, chunks: Sequence[EmbeddedChunk], as_of: Mapping[str, int] | None = None) -> dict[str, int]:
        """Write chunks that the default embedder embedded; where another one is needed, they are embedded again.

        The oldest generation comes first: it has heard most. What one refuses, no other gets.
        """
        refused: dict[str, int] = {}

        def write(generation: Generation, index: SearchIndex) -> int:
            wanted = [one for one in chunks if one.chunk.document_id not in refused]
            if wanted:
                refused.update(index.upsert(self._embedded_for(generation, index, wanted), as_of))
            return 0

        if chunks:
            self._each(write, live_first=False)
        return refused

    def delete_stale(self, versions: Mapping[str, int]) -> int:
        """See the port; how many went of the live generation."""
        return self._each(lambda _, index: index.delete_stale(versions)) if versions else 0

    def delete_documents(self, versions: Mapping[str, int]) -> int:
        """See the port; how many went of the live generation."""
        return self._each(lambda _, index: index.delete_documents(versions)) if versions else 0

    def update_documents(self, updates: Sequence[DocumentUpdate]) -> int:
        """See the port; how many changed in the live generation."""
        return self._each(lambda _, index: index.update_documents(updates)) if updates else 0

    def refresh(self) -> None:
        """Make everything written so far findable, in all of them."""

        def write(_: Generation, index: SearchIndex) -> int:
            index.refresh()
            return 0

        self._each(write)

    def lexical(self, query: str, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS) -> list[Candidate]:
        """See the port."""
        return self._index.lexical(query, filter, k, fields)

    def spelt_nearly(self, word: str, filter: Filter, k: int) -> list[Candidate]:
        """See the port."""
        return self._index.spelt_nearly(word, filter, k)

    def vector(self, embedding: Vector, filter: Filter, k: int) -> list[Candidate]:
        """See the port."""
        return self._index.vector(embedding, filter, k)

    def both(
        self, query: str, embedding: Vector, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS
    ) -> LegResults:
        """See the port."""
        return self._index.both(query, embedding, filter, k, fields)

    def fetch(self, chunk_ids: Sequence[str], filter: Filter) -> list[Chunk]:
        """See the port."""
        return self._index.fetch(chunk_ids, filter)

    def fetch_embedded(self, chunk_ids: Sequence[str], filter: Filter) -> list[EmbeddedChunk]:
        """See the port."""
        return self._index.fetch_embedded(chunk_ids, filter)

    def vectors(self, chunk_ids: Sequence[str], filter: Filter) -> dict[str, Vectors]:
        """Vectors by the default embedder, wherever they are whole, else rounded; none if no generation has any."""
        for generation in sorted(self._index.generations(), key=lambda one: (one.lossy, not one.live)):
            if generation.embedder == self._embedders().default.name:
                return self._on(generation.name).vectors(chunk_ids, filter)
        return {}

    def count_documents(self, filter: Filter) -> int:
        """See the port."""
        return self._index.count_documents(filter)

    def facets(self, wanted: Mapping[TermField, Filter], most: int) -> dict[TermField, list[tuple[str, int]]]:
        """Of the generation that is read."""
        return self._index.facets(wanted, most)

    def values(self, field: TermField, filter: Filter) -> list[str]:
        """See the port."""
        return self._index.values(field, filter)

    def counts(self) -> IndexCounts:
        """See the port."""
        return self._index.counts()

    def room(self) -> IndexRoom:
        """See the port."""
        return self._index.room()

    def documents(self, after: str, limit: int) -> list[IndexedDocument]:
        """See the port."""
        return self._index.documents(after, limit)

    def mark(self) -> str:
        """See the port."""
        return self._index.mark()

    def set_mark(self, mark: str) -> None:
        """See the port."""
        self._index.set_mark(mark)

    def ensure(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """See the port."""
        return self._index.ensure(embedder, dimensions, model)

    def generations(self) -> list[Generation]:
        """See the port."""
        return self._index.generations()

    def begin(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """See the port."""
        return self._index.begin(embedder, dimensions, model)

    def for_generation(self, name: str) -> SearchIndex:
        """That generation alone, without this."""
        return self._index.for_generation(name)

    def swap(self, name: str) -> None:
        """See the port."""
        self._index.swap(name)

    def drop(self, name: str) -> None:
        """See the port."""
        self._index.drop(name)

    def ping(self) -> None:
        """See the port."""
        self._index.ping()

    def close(self) -> None:
        """See the port."""
        self._index.close()

    def _embedded_for(
        self, generation: Generation, index: SearchIndex, embedded: Sequence[EmbeddedChunk]
    ) -> Sequence[EmbeddedChunk]:
        embedder = self._embedders().of(generation)
        if embedder is self._embedders().default:
            return embedded
        chunks = [one.chunk for one in embedded]
        # A chunk's id is made of what is embedded, so one that is there already has its vectors.
        documents = frozenset(chunk.document_id for chunk in chunks)
        known = index.vectors([chunk.id for chunk in chunks], AnyOf("document_id", documents))
        made = embed_chunks(embedder, [chunk for chunk in chunks if chunk.id not in known])
        return [EmbeddedChunk(chunk, known[chunk.id]) for chunk in chunks if chunk.id in known] + made

    def _each(self, write: _Write, *, live_first: bool = True) -> int:
        """Write to all, the live one first or the oldest; what the live one gave."""
        done: set[str] = set()
        of_live = 0
        # Looked up again after the last: one that was begun meanwhile counts on whoever wrote without knowing of it.
        while todo := [generation for generation in self._index.generations() if generation.name not in done]:
            for generation in sorted(todo, key=lambda one: live_first and not one.live):
                given = self._write(generation, write)
                of_live = given if generation.live else of_live
                done.add(generation.name)
        return of_live

    def _write(self, generation: Generation, write: _Write) -> int:
        try:
            return write(generation, self._on(generation.name))
        except FootnoteError:
            if any(other.name == generation.name for other in self._index.generations()):
                raise
            return 0  # dropped meanwhile

    def _on(self, name: str) -> SearchIndex:
        with self._lock:
            if name not in self._pinned:
                self._pinned[name] = self._index.for_generation(name)
            return self._pinned[name]
