"""The Lance tables of an embedded index: one per generation, opened once and always read at their newest version."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import lancedb
from lancedb.index import FTS

from core.errors import Unavailable
from core.logs import get_logger
from core.telemetry import stage
from retrieval.index.lance.queries import PHRASES
from retrieval.index.lance.rows import HEADINGS, LATER_COLUMNS, SEARCH_TEXT, TITLE, schema
from retrieval.index.lance.store import Record, Store
from retrieval.index.lance.views import InMemory, View, Views, load

_log = get_logger(__name__)
_ALWAYS_NEWEST = timedelta(0)
_KEEP_VERSIONS = timedelta(seconds=30)
"""How old a version has to be to be tidied away. A reader may hold one that is: it reads the newest then. Not longer,
because each tidying copies the table, and the copies of this time are on the disk together."""
_PLAIN_INDEX = f"{SEARCH_TEXT}_idx"
"""The text index of tables of an earlier release: without positions, and the only one."""
_TEXT_INDEX = f"{SEARCH_TEXT}_positions_idx"
_UNINDEXED_ROWS = 128
_UNINDEXED_SHARE = 0.05
"""Rows that the text index lacks are read word by word in each lexical search (about 80 us a chunk of 600 words), so
they are bounded; folding them in copies the table, so it is put off until there are enough of them."""
LITTLE = 0.1
"""Of the patience, once a run has ended. A phrase reads those rows once more: 120 of them cost a question 50 ms of CPU
time, where the other fields cost it 2."""
MUCH = 4.0
"""Times the patience, while the permissions of many documents change: each time copies the table and takes longer than
what was written. The next content, or the run's end, folds the rest in."""
_INDEX_CACHE_BYTES = 256 * 2**20
_METADATA_CACHE_BYTES = 64 * 2**20
"""LanceDB's own limits are gigabytes, a process."""
_FRAGMENTS = 100
"""Files of a table: each write adds one, each search opens all."""


class Tables:
    """Opens, creates and tidies the tables in a store's folder."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mutex = threading.Lock()
        self._connection: Any = None
        self._open: dict[str, Any] = {}
        self._able: dict[str, frozenset[str]] = {}
        self._views = Views()

    def open(self, name: str) -> Any:
        """The table of a generation that exists."""
        with self._mutex:
            table = self._open.get(name)
            if table is None:
                table = self._open[name] = self._connect().open_table(name)
            return table

    def view(self, name: str, table: Any) -> View:
        """How the newest version of a table is read."""
        return self._views.of(name, table)

    def searched(self, record: Record, table: Any, kept: Collection[str]) -> View:
        """:meth:`view`, for a search by vector, which may bring the vectors into memory.

        Args:
            kept: the generations that there are.
        """

        def read(version: int) -> InMemory | None:
            return load(self._at(record.name, version), table, record.dimensions)

        return self._views.searched(record.name, table, read, kept)

    def create(self, record: Record) -> None:
        """An empty table with its text index; what a begin that was cut off left under the name is replaced."""
        with self._mutex:
            self._connect().drop_table(record.name, ignore_missing=True)
            table = self._connect().create_table(record.name, schema=schema(record.dimensions))
            table.create_index(SEARCH_TEXT, config=_english(positions=True), name=_TEXT_INDEX)
            for column in (TITLE, HEADINGS):
                table.create_index(column, config=_english(), name=f"{column}_idx")
            self._open[record.name] = table

    def complete(self, name: str) -> None:
        """Add the columns that a table of an earlier release lacks; its chunks have nothing in them.

        Only under the store's write lock.
        """
        table = self.open(name)
        missing = [column for column in LATER_COLUMNS if column.name not in table.schema.names]
        if missing:
            table.add_columns(missing)
            _log.info("index.columns_added", generation=name, columns=[column.name for column in missing])

    def is_complete(self, name: str) -> bool:
        """Whether a table has all columns."""
        return {column.name for column in LATER_COLUMNS}.issubset(self.open(name).schema.names)

    def able(self, name: str) -> frozenset[str]:
        """What the lexical leg can ask of a table: the columns that have a text index, and phrases."""
        with self._mutex:
            known = self._able.get(name)
        if known is None:
            indexes = {index.name: index.columns for index in self.open(name).list_indices()}
            known = frozenset(column for columns in indexes.values() for column in columns)
            known |= {PHRASES} if _TEXT_INDEX in indexes else frozenset()
            with self._mutex:
                self._able[name] = known
        return known

    def unindexed(self, table: Any) -> int:
        """How many rows the text index lacks: they are read word by word, and only words as they are asked for."""
        indexed = table.index_stats(_TEXT_INDEX) or table.index_stats(_PLAIN_INDEX)
        return int(indexed.num_unindexed_rows)

    def drop(self, name: str) -> None:
        """Delete a generation's table."""
        with self._mutex:
            self._open.pop(name, None)
            self._able.pop(name, None)
            self._connect().drop_table(name)
        self._views.forget(name)

    def tidy(self, table: Any, patience: float = 1.0) -> None:
        """Fold new rows into the text index and merge small files, when there are enough of them.

        Only under the store's write lock. Nothing depends on it but speed, so a failure is logged and not raised.

        Args:
            patience: how many times the usual number of rows may wait: :data:`LITTLE` when the caller has finished a
                batch of writes, and searches come now; :data:`MUCH` in the middle of one.
        """
        try:
            with self._store.reporting("tidy"):
                if self._is_due(table, patience):
                    with stage("index.tidy"):
                        table.optimize(cleanup_older_than=_KEEP_VERSIONS)
        except Unavailable as error:
            _log.warning("index not tidied; searches stay right and get slower", reason=error.message)

    def close(self) -> None:
        """Let go of every table."""
        self._views.forget()
        with self._mutex:
            self._open.clear()
            self._able.clear()
            self._connection = None

    def _at(self, name: str, version: int) -> Any:
        """A handle of the table that stays on that version."""
        with self._mutex:
            table = self._connect().open_table(name)
        table.checkout(version)
        return table

    def _connect(self) -> Any:
        if self._connection is None:
            caches = lancedb.Session(_INDEX_CACHE_BYTES, _METADATA_CACHE_BYTES)
            self._connection = lancedb.connect(
                str(self._store.path), read_consistency_interval=_ALWAYS_NEWEST, session=caches
            )
        return self._connection

    def _is_due(self, table: Any, patience: float) -> bool:
        indexed = table.index_stats(_TEXT_INDEX) or table.index_stats(_PLAIN_INDEX)
        allowed = patience * (_UNINDEXED_ROWS + _UNINDEXED_SHARE * indexed.num_indexed_rows)
        if indexed.num_unindexed_rows > allowed:
            return True
        return bool(table.stats()["fragment_stats"]["num_fragments"] > patience * _FRAGMENTS)


def _english(*, positions: bool = False) -> FTS:
    """As OpenSearch's analyzer: lower case, Snowball's stop words and stems; BM25 with k1 1.2 and b 0.75."""
    return FTS(language="English", stem=True, remove_stop_words=True, ascii_folding=True, with_position=positions)
