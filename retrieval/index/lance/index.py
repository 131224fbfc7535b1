"""The embedded adapter of the search index port."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from core.chunk import Chunk, EmbeddedChunk, Vector, Vectors
from core.errors import FootnoteError, IndexUnavailable
from core.filters import Filter, TermField
from core.pipeline import FieldWeights
from core.telemetry import stage
from retrieval.index.fences import mark, marks_of
from retrieval.index.lance.documents import delete, inventory, merge, update
from retrieval.index.lance.fences import Fences
from retrieval.index.lance.generations import Generations
from retrieval.index.lance.queries import lexical_query, near_query, query_vector
from retrieval.index.lance.rows import (
    CHUNK_COLUMNS,
    WINDOWS,
    most_frequent,
    to_chunk,
    to_table,
    windows_of,
)
from retrieval.index.lance.sql import EVERYTHING, NOTHING, predicate
from retrieval.index.lance.store import Record, Store
from retrieval.index.lance.tables import LITTLE, MUCH, Tables
from retrieval.index.lance.views import spelt_nearly, text_search
from retrieval.index.port import (
    MOST_VALUES,
    USUAL_FIELDS,
    Candidate,
    DocumentUpdate,
    Generation,
    IndexCounts,
    IndexedDocument,
    IndexRoom,
    Leg,
    LegResults,
)

MAX_K = 10_000
"""The most candidates of one leg, as in OpenSearch."""


class LanceIndex:
    """A search index in a folder, for one machine and any number of its processes.

    One process writes at a time (the others wait their turn); readers never wait and see each write once it has
    returned. Vectors are compared one by one: exact, with filters at no loss. A process that searches keeps them in
    memory (1.5 KB a window of 384 dimensions), so that it takes milliseconds (docs/retrieval.md, Latency) and no
    approximate index is needed for fifty thousand chunks of four windows. Above that, use OpenSearch.

    Don't use one across ``fork``: LanceDB has threads. Make one in each process.

    Args:
        path: the folder; made with the first generation.
    """

    def __init__(self, path: Path) -> None:
        self._store = Store(path)
        self._tables = Tables(self._store)
        self._fences = Fences(path / "fences.sqlite")
        self._generations = Generations(self._store, self._tables, self._fences)
        self._pinned: str | None = None

    def ensure(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """Create the live generation if there is none; see the port."""
        return self._generations.ensure(embedder, dimensions, model)

    def generations(self) -> list[Generation]:
        """All generations, oldest first."""
        return self._generations.list()

    def begin(self, embedder: str, dimensions: int, model: str = "") -> Generation:
        """Create a generation beside the live one."""
        return self._generations.begin(embedder, dimensions, model)

    def for_generation(self, name: str) -> LanceIndex:
        """This index on that generation. Raises NotFound."""
        self._store.pointer().get(name)
        pinned = copy.copy(self)
        pinned._pinned = name
        return pinned

    def swap(self, name: str) -> None:
        """Make that generation the live one. Raises NotFound."""
        self._generations.swap(name)

    def drop(self, name: str) -> None:
        """Delete a generation that isn't live. Raises Conflict and NotFound."""
        self._generations.drop(name)

    def upsert(self, chunks: Sequence[EmbeddedChunk], as_of: Mapping[str, int] | None = None) -> dict[str, int]:
        """Write chunks, replacing those of the same id; the last one wins where an id comes twice. See the port."""
        unique = {one.chunk.id: one for one in chunks}
        marks = marks_of((one.chunk for one in unique.values()), as_of or {})
        if not marks:
            return {}
        with stage("index.upsert", chunks=len(unique)), self._writing() as (record, table):
            rows = to_table(list(unique.values()), record.dimensions, as_of or {})
            refused = self._fences.raise_to(record.name, marks)
            if refused:
                rows = rows.filter(pc.invert(pc.is_in(rows["document_id"], pa.array(refused, pa.string()))))
            if rows.num_rows:
                merge(table, rows)
        return refused

    def delete_stale(self, versions: Mapping[str, int]) -> int:
        """Delete documents' chunks of versions before the named one; how many went."""
        return self._delete(versions, "<")

    def delete_documents(self, versions: Mapping[str, int]) -> int:
        """Delete documents' chunks up to the version at which each was deleted; how many went."""
        return self._delete(versions, "<=")

    def update_documents(self, updates: Sequence[DocumentUpdate]) -> int:
        """Replace permissions and metadata on documents' chunks, keeping their vectors; see the port."""
        marks = {one.document_id: mark(one.up_to, content=False) for one in updates}
        with stage("index.update", documents=len(updates)), self._writing(MUCH) as (record, table):
            self._fences.raise_to(record.name, marks)
            return update(table, updates)

    def refresh(self) -> None:
        """Everything written is findable already; this folds it into the index, so that searches are at their best."""
        with self._store.writing():
            self._tables.tidy(self._table()[1], LITTLE)

    def lexical(self, query: str, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS) -> list[Candidate]:
        """The best ``k`` chunks by BM25. The query is words and nothing else: no operators, no errors of syntax."""
        words = query.encode("utf-8", "replace").decode("utf-8")
        where = predicate(filter)
        if k <= 0 or where == NOTHING or not words.strip():
            return []
        with stage("index.lexical", k=k), self._reading() as (record, table):
            asked = lexical_query(words, fields, self._tables.able(record.name))
            if asked is None:
                return []
            return text_search(table, asked.query, where, _most(k), asked.scores)

    def spelt_nearly(self, word: str, filter: Filter, k: int) -> list[Candidate]:
        """Chunks that may have a word spelt nearly as this one; see the port."""
        where = predicate(filter)
        if k <= 0 or where == NOTHING or not word.isalnum():
            return []
        with stage("index.spelt_nearly", k=k), self._reading() as (_, table):
            return spelt_nearly(table, near_query(word), where, _most(k), late=self._tables.unindexed(table))

    def vector(self, embedding: Vector, filter: Filter, k: int) -> list[Candidate]:
        """The best ``k`` chunks by their best window's cosine similarity."""
        where = predicate(filter)
        with stage("index.vector", k=k), self._reading() as (record, table):
            query = query_vector(embedding, record)
            if k <= 0 or where == NOTHING:
                return []
            kept = [one.name for one in self._store.pointer().records]
            return self._tables.searched(record, table, kept).nearest(query, where, _most(k))

    def both(
        self, query: str, embedding: Vector, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS
    ) -> LegResults:
        """Both legs; one that fails is None, with its reason. Raises when both fail."""
        errors: dict[Leg, str] = {}
        lexical = vector = None
        try:
            lexical = self.lexical(query, filter, k, fields)
        except FootnoteError as error:
            errors["lexical"] = error.message
        try:
            vector = self.vector(embedding, filter, k)
        except FootnoteError as error:
            if lexical is None:
                raise
            errors["vector"] = error.message
        return LegResults(lexical, vector, errors)

    def fetch(self, chunk_ids: Sequence[str], filter: Filter) -> list[Chunk]:
        """These chunks in this order; those that are gone or don't pass the filter are left out."""
        found: dict[str, Chunk] = {}
        for rows in self._rows("fetch", chunk_ids, filter, CHUNK_COLUMNS)[1]:
            found.update((row["id"], to_chunk(row)) for row in rows.to_pylist())
        return [found[chunk_id] for chunk_id in chunk_ids if chunk_id in found]

    def fetch_embedded(self, chunk_ids: Sequence[str], filter: Filter) -> list[EmbeddedChunk]:
        """As :meth:`fetch`, with the windows' vectors."""
        found: dict[str, EmbeddedChunk] = {}
        record, tables = self._rows("fetch", chunk_ids, filter, [*CHUNK_COLUMNS, WINDOWS])
        for rows in tables:
            chunks = map(to_chunk, rows.select(CHUNK_COLUMNS).to_pylist())
            together = zip(chunks, windows_of(rows, record.dimensions), strict=True)
            found.update((chunk.id, EmbeddedChunk(chunk, windows)) for chunk, windows in together)
        return [found[chunk_id] for chunk_id in chunk_ids if chunk_id in found]

    def vectors(self, chunk_ids: Sequence[str], filter: Filter) -> dict[str, Vectors]:
        """The windows' vectors of these chunks; those that are gone or don't pass the filter are left out."""
        found: dict[str, Vectors] = {}
        record, tables = self._rows("vectors", chunk_ids, filter, ["id", WINDOWS])
        for rows in tables:
            found.update(zip(rows["id"].to_pylist(), windows_of(rows, record.dimensions), strict=True))
        return found

    def _rows(
        self, what: str, chunk_ids: Sequence[str], filter: Filter, columns: list[str]
    ) -> tuple[Record, list[pa.Table]]:
        with stage(f"index.{what}", chunks=len(chunk_ids)), self._reading() as (record, table):
            view = self._tables.view(record.name, table)
            return record, view.rows(chunk_ids, predicate(filter), columns) if chunk_ids else []

    def count_documents(self, filter: Filter) -> int:
        """How many documents have a chunk that passes the filter."""
        return int(pc.count_distinct(self._columns(["document_id"], predicate(filter))["document_id"]).as_py())

    def values(self, field: TermField, filter: Filter) -> list[str]:
        """The field's values on chunks that pass the filter, those of most chunks first."""
        return [value for value, _ in most_frequent(self._columns([field], predicate(filter))[field])[:MOST_VALUES]]

    def facets(self, wanted: Mapping[TermField, Filter], most: int) -> dict[TermField, list[tuple[str, int]]]:
        """How many documents have which values, by their first chunks; see the port."""
        first = {field: f"({predicate(passing)}) AND ordinal = 0" for field, passing in wanted.items()}
        return {field: most_frequent(self._columns([field], where)[field])[:most] for field, where in first.items()}

    def counts(self) -> IndexCounts:
        """What the generation holds."""
        rows = self._columns(["document_id", "window_count"], EVERYTHING)
        windows = pc.sum(rows["window_count"]).as_py() or 0
        return IndexCounts(pc.count_distinct(rows["document_id"]).as_py(), rows.num_rows, windows)

    def room(self) -> IndexRoom:
        """How full the folder's disk is."""
        return self._store.room()

    def documents(self, after: str, limit: int) -> list[IndexedDocument]:
        """The next documents by id; see the port."""
        with stage("index.documents"), self._reading() as (_, table):
            return inventory(table, after, limit)

    def mark(self) -> str:
        """What :meth:`set_mark` kept last."""
        return self._store.pointer().mark

    def set_mark(self, mark: str) -> None:
        """Keep a line with the generations."""
        with self._store.writing():
            self._store.point(replace(self._store.pointer(), mark=mark))

    def _columns(self, columns: list[str], where: str) -> pa.Table:
        with self._reading() as (_, table):
            return table.search().where(where).select(columns).to_arrow()

    def ping(self) -> None:
        """Return when the folder can be read, and the live generation in it if there is one."""
        if self._pinned or self._store.pointer().live:
            with self._reading() as (_, table):
                table.count_rows(NOTHING)

    def close(self) -> None:
        """Let go of files."""
        self._tables.close()
        self._fences.close()

    def _table(self) -> tuple[Record, Any]:
        pointer = self._store.pointer()
        name = self._pinned or pointer.live
        if name is None:
            raise IndexUnavailable(f"The index in {self._store.path} has no generation yet: ensure() makes the first.")
        return pointer.get(name), self._tables.open(name)

    @contextmanager
    def _reading(self) -> Iterator[tuple[Record, Any]]:
        with self._store.reporting("read"):
            yield self._table()

    @contextmanager
    def _writing(self, patience: float = 1.0) -> Iterator[tuple[Record, Any]]:
        with self._store.writing():
            record, table = self._table()
            table.checkout_latest()
            yield record, table
            self._tables.tidy(table, patience)

    def _delete(self, versions: Mapping[str, int], those: str) -> int:
        if not versions:
            return 0
        marks = {key: mark(version, content=those == "<") for key, version in versions.items()}
        with stage("index.delete", documents=len(versions)), self._writing() as (record, table):
            self._fences.raise_to(record.name, marks)
            return delete(table, versions, those)


def _most(k: int) -> int:
    return min(k, MAX_K)
