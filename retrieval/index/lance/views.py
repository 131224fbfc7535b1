"""How a table is read: its vectors from memory, or, where they aren't there, by LanceDB alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from core.chunk import Vector, Vectors
from retrieval.index.lance.rows import WINDOWS, batches
from retrieval.index.lance.sql import one_of
from retrieval.index.port import Candidate

MEMORY = 512 * 2**20
"""Bytes of vectors that a process keeps of one table: 350,000 windows of 384 dimensions."""
_KEPT = 2
"""Tables whose vectors are kept: the live generation's, and those of one that is built or judged beside it."""
_FILTERS = 64
"""Filters whose chunks are remembered: a reader has the same one with every question."""
_ROW = "_rowid"
_TIES = 32
"""So many more are asked for, so that ties at the end of the list are broken by id and not by place in a file."""
_DIGITS = 6
"""Of a cosine, which a float32 product can tell: a question asked twice has the same scores, read from wherever."""
_CLOSE = 1e-5
"""More than a float32 product of unit vectors errs."""
_GONE = (OSError, RuntimeError, ValueError)
"""What LanceDB raises when files of a version were tidied away."""


class View(Protocol):
    """Reads a table under a condition, which is SQL over its columns."""

    def nearest(self, query: Vector, where: str, k: int) -> list[Candidate]:
        """The ``k`` chunks whose best window is most like the query, by cosine, best first, ties by id."""
        ...

    def rows(self, chunk_ids: Sequence[str], where: str, columns: list[str]) -> list[pa.Table]:
        """These columns of these chunks, as far as they are there and pass, in any order."""
        ...


class OnDisk:
    """The newest version of a table, read by LanceDB's own searches: 3 to 5 ms for a thousand windows on two cores."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def nearest(self, query: Vector, where: str, k: int) -> list[Candidate]:
        """See :class:`View`."""
        search = self._table.search(query, vector_column_name=WINDOWS).distance_type("cosine")
        found = search.where(where, prefilter=True).select(["id", "document_id", "_distance"]).limit(room(k)).to_arrow()
        return best(candidates(found, [_cosine(1.0 - distance) for distance in found["_distance"].to_pylist()]), k)

    def rows(self, chunk_ids: Sequence[str], where: str, columns: list[str]) -> list[pa.Table]:
        """See :class:`View`."""
        return [
            self._table.search().where(f"{one_of('id', ids)} AND {where}").select(columns).to_arrow()
            for ids in batches(list(dict.fromkeys(chunk_ids)))
        ]


class InMemory:
    """One version of a table, its vectors as one matrix. Safe to use from several threads.

    All windows are compared in one product, exact with any filter; passages are taken by their rows. Where a newer
    version came and this one's files were tidied away, the newest is read instead.

    Args:
        table: a handle of its own that stays on the version.
        newest: the table, always at its newest version.
        windows: how many vectors there are.
        dimensions: length of a vector.
    """

    def __init__(self, table: Any, newest: Any, windows: int, dimensions: int) -> None:
        self.version = int(table.version)
        self._table = table
        self._newest = newest
        self._ids: list[str] = []
        self._documents: list[str] = []
        self._windows: Vectors = np.empty((windows, dimensions), np.float32)
        rows, lengths = self._fill()
        self._rows = rows
        self._order = np.argsort(rows)
        self._places = {chunk_id: place for place, chunk_id in enumerate(self._ids)}
        self._starts = np.append(0, np.cumsum(lengths))
        self._passing: OrderedDict[str, NDArray[np.bool_]] = OrderedDict()
        self._mutex = threading.Lock()

    def nearest(self, query: Vector, where: str, k: int) -> list[Candidate]:
        """See :class:`View`."""
        length = np.linalg.norm(query)
        if not 0 < length < np.inf:
            return []
        try:
            passing = np.flatnonzero(self._mask(where))
        except _GONE:
            if not self._is_old():
                raise
            return OnDisk(self._newest).nearest(query, where, k)
        if not len(passing):
            return []
        unit = query / length
        similar = np.maximum.reduceat(self._windows @ unit, self._starts[:-1])[passing]
        if k < len(similar):
            passing = passing[similar >= np.partition(similar, -k)[-k] - _CLOSE]
        # The last digits of a product hang on where a row stands, so that equals wouldn't be equal: once more, by row.
        found = zip(passing.tolist(), self._similarities(passing, unit), strict=True)
        return best([Candidate(self._ids[place], self._documents[place], score) for place, score in found], k)

    def rows(self, chunk_ids: Sequence[str], where: str, columns: list[str]) -> list[pa.Table]:
        """See :class:`View`."""
        try:
            passing = self._mask(where)
            places = [self._places[chunk_id] for chunk_id in dict.fromkeys(chunk_ids) if chunk_id in self._places]
            wanted = [int(self._rows[place]) for place in places if passing[place]]
            return [self._table.take_row_ids(wanted).select(columns).to_arrow()] if wanted else []
        except _GONE:
            if not self._is_old():
                raise
            return OnDisk(self._newest).rows(chunk_ids, where, columns)

    def _similarities(self, places: NDArray[np.intp], unit: Vector) -> list[float]:
        """The cosine of each of these chunks' best window: each row's sum by itself, in float64."""
        lengths = self._starts[places + 1] - self._starts[places]
        begins = np.cumsum(lengths) - lengths
        windows = np.arange(lengths.sum()) + np.repeat(self._starts[places] - begins, lengths)
        cosines = (self._windows[windows].astype(np.float64) * unit).sum(axis=1)
        return [_cosine(similarity) for similarity in np.maximum.reduceat(cosines, begins).tolist()]

    def _is_old(self) -> bool:
        return bool(self._newest.version != self.version)

    def _fill(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Read ids and vectors, a batch at a time; row ids and windows of each chunk."""
        rows, lengths, at = [], [], 0
        for batch in self._table.search().select(["id", "document_id", WINDOWS]).with_row_id(True).to_batches():
            self._ids += batch["id"].to_pylist()
            self._documents += batch["document_id"].to_pylist()
            rows.append(batch[_ROW].to_numpy())
            lengths.append(pc.list_value_length(batch[WINDOWS]).to_numpy())
            windows = batch[WINDOWS].flatten().flatten().to_numpy().reshape(-1, self._windows.shape[1])
            norms = np.linalg.norm(windows, axis=1, keepdims=True)
            np.divide(windows, np.maximum(norms, np.finfo(np.float32).tiny), out=self._windows[at : at + len(windows)])
            at += len(windows)
        return np.concatenate(rows), np.concatenate(lengths).astype(np.int64)

    def _mask(self, where: str) -> NDArray[np.bool_]:
        """Which chunks pass."""
        with self._mutex:
            mask = self._passing.get(where)
            if mask is not None:
                self._passing.move_to_end(where)
                return mask
        found = self._table.search().where(where).select([]).with_row_id(True).to_arrow()[_ROW].to_numpy()
        mask = np.zeros(len(self._ids), np.bool_)
        mask[self._order[np.searchsorted(self._rows, found, sorter=self._order)]] = True
        with self._mutex:
            self._passing[where] = mask
            if len(self._passing) > _FILTERS:
                self._passing.popitem(last=False)
        return mask


class Views:
    """The vectors that are in memory, of the tables of one index."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._loading = threading.Lock()
        self._known: OrderedDict[str, InMemory] = OrderedDict()
        self._asked: dict[str, int] = {}
        self._too_large: dict[str, int] = {}

    def of(self, name: str, table: Any) -> View:
        """How to read a table as it is now: from memory, if it is there."""
        with self._mutex:
            known = self._known.get(name)
        return known if known is not None and known.version == table.version else OnDisk(table)

    def searched(self, name: str, table: Any, load: Callable[[int], InMemory | None], kept: Collection[str]) -> View:
        """:meth:`of`, for a search, which may bring the vectors into memory.

        A version is read when it is searched for the second time: one that the next write replaces isn't worth it. Who
        comes meanwhile doesn't wait.

        Args:
            load: reads a version; None where it is too large. What LanceDB raises when it is gone may be raised.
            kept: the tables that there still are; the others are let go of.
        """
        version = int(table.version)
        with self._mutex:
            for gone in self._known.keys() - set(kept):
                del self._known[gone]
            known = self._known.get(name)
            again = self._asked.get(name) == version != self._too_large.get(name)
            self._asked[name] = version
        if known is not None and known.version >= version:
            return known
        if again and self._loading.acquire(blocking=False):
            try:
                self._keep(name, version, load(version))
            except MemoryError:
                self._keep(name, version, None)
            except _GONE:
                if table.version == version:
                    raise
                # Tidied away, because a newer one came: that one, next time.
            finally:
                self._loading.release()
        return self.of(name, table)

    def forget(self, name: str | None = None) -> None:
        """Let go of a table's vectors; without a name, of all."""
        with self._mutex:
            if name is None:
                self._known.clear()
            else:
                self._known.pop(name, None)

    def _keep(self, name: str, version: int, view: InMemory | None) -> None:
        with self._mutex:
            self._known.pop(name, None)
            if view is None:
                self._too_large[name] = version
            else:
                self._known[name] = view
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)


def load(table: Any, newest: Any, dimensions: int) -> InMemory | None:
    """A version's vectors in memory; None where there are none, or too many.

    Args:
        table: a handle of its own that stays on the version.
        newest: the table, always at its newest version.
    """
    windows = pc.sum(table.search().select(["window_count"]).to_arrow()["window_count"]).as_py() or 0
    fits = 0 < windows * dimensions * np.dtype(np.float32).itemsize <= MEMORY
    return InMemory(table, newest, windows, dimensions) if fits else None


def room(k: int) -> int:
    """How many to ask LanceDB for to get ``k`` with ties broken by id."""
    return k + _TIES


def candidates(rows: pa.Table, scores: Sequence[float]) -> list[Candidate]:
    """Rows that were found as candidates with these scores."""
    ids, documents = rows["id"].to_pylist(), rows["document_id"].to_pylist()
    return [Candidate(*row) for row in zip(ids, documents, scores, strict=True)]


def text_search(
    table: Any, query: Any, where: str, k: int, scored: Callable[[Sequence[float]], Sequence[float]] = list
) -> list[Candidate]:
    """The ``k`` best that a full-text query finds, by what ``scored`` makes of their scores."""
    search = table.search(query, query_type="fts").where(where, prefilter=True)
    rows = search.select(["id", "document_id", "_score"]).limit(room(k)).to_arrow()
    return best(candidates(rows, scored(rows["_score"].to_pylist())), k)


def spelt_nearly(table: Any, query: Any, where: str, k: int, late: int) -> list[Candidate]:
    """Up to ``k`` rows that pass and that a query finds by words like its own, or that may have such words.

    Args:
        late: how many rows aren't in the text index yet. They aren't searched for words that are only like the ones
            asked for: the last of them are taken as they are.
    """
    last = _newest(table, where, min(late, k // 2)) if late else []
    found = text_search(table, query, where, k - len(last))
    ids = {one.chunk_id for one in found}
    return [*found, *(one for one in last if one.chunk_id not in ids)]


def _newest(table: Any, where: str, k: int) -> list[Candidate]:
    rows = table.search().where(where).select(["id", "document_id"]).with_row_id(True).to_arrow()
    last = rows.take(pc.sort_indices(rows, [(_ROW, "descending")])[:k])
    return candidates(last, [0.0] * len(last))


def best(found: list[Candidate], k: int) -> list[Candidate]:
    """The best ``k``, ties by id."""
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.chunk_id))[:k]


def _cosine(similarity: float) -> float:
    return round(min(1.0, max(-1.0, similarity)), _DIGITS)
