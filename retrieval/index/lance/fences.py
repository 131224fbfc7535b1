"""The fences of an embedded index (:mod:`retrieval.index.fences`), in a database beside its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from retrieval.index.fences import version_of
from retrieval.index.lance.rows import batches

_TABLE = (
    "CREATE TABLE IF NOT EXISTS fences (generation TEXT, document_id TEXT, mark INTEGER NOT NULL, "
    "PRIMARY KEY (generation, document_id)) WITHOUT ROWID"
)
_KNOWN = "SELECT document_id, mark FROM fences WHERE generation = ? AND document_id IN ({})"
_RAISE = "INSERT INTO fences VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET mark = excluded.mark WHERE mark < excluded.mark"
_TIMEOUT_S = 30.0


class Fences:
    """How far each generation has heard of its documents. Only the one who writes to the index uses it.

    Args:
        file: the database, made when it is first written to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None

    def raise_to(self, generation: str, marks: Mapping[str, int]) -> dict[str, int]:
        """Raise documents' marks, which holds when it returns. Those whose mark is higher, with the version it is of.

        Raises:
            sqlite3.Error: it can't be read or written.
        """
        higher: dict[str, int] = {}
        with self._open() as database:
            for some in batches(list(marks)):
                asked = database.execute(_KNOWN.format(", ".join("?" * len(some))), (generation, *some))
                known = dict(asked.fetchall())
                higher |= {key: version_of(known[key]) for key in some if known.get(key, 0) > marks[key]}
            database.executemany(_RAISE, [(generation, *each) for each in marks.items()])
        return higher

    def drop(self, generation: str) -> None:
        """Forget a generation."""
        with self._open() as database:
            database.execute("DELETE FROM fences WHERE generation = ?", (generation,))

    def close(self) -> None:
        """Let go of the file. It is opened again when it is needed."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if self._connection is None:
            # Threads come one after the other: only who writes to the index is here.
            self._connection = sqlite3.connect(self._file, timeout=_TIMEOUT_S, check_same_thread=False)
            # Nothing is synced but now and then: that would double the time of a write. A crash of the machine may cost
            # the last marks, as it may cost the rows that were written with them.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(_TABLE)
        with self._connection:
            yield self._connection
