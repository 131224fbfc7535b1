"""Taking documents out: marked first, gone from the index next, forgotten last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from core.clock import Clock
from ingestion.catalog.counts import leaving, open_credits
from ingestion.catalog.database import Database
from ingestion.catalog.dead_letters import clear_failures
from ingestion.catalog.family import inner_rows, with_all_inner
from ingestion.catalog.records import DocumentState, Work, document_id
from ingestion.catalog.tables import DOCUMENTS, RUNS, DocumentRow, RunRow
from ingestion.catalog.warnings import clear_warnings


@dataclass(frozen=True, slots=True)
class Missing:
    """How much of a source a complete listing did not name."""

    missing: int
    known: int


class Removal:
    """Removes documents in batches, each of which can be done again from the start."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def missing(self, source_id: str, run_id: str) -> Missing:
        """How many of the documents from before this run it didn't see, and how many there were."""
        with self._database.read() as connection:
            started = connection.execute(select(RunRow.started_at).where(RunRow.id == run_id)).scalar_one()
            before = and_(DocumentRow.source_id == source_id, DocumentRow.created_at < started, _THERE)
            known = connection.execute(select(func.count()).where(before)).scalar_one()
            unseen = select(func.count()).where(before, _not_seen_by(run_id))
            return Missing(connection.execute(unseen).scalar_one(), known)

    def mark_unseen(self, source_id: str, run_id: str, limit: int, after: str = "") -> list[str]:
        """Mark up to ``limit`` documents that the run didn't see as being deleted; their ids, in order.

        Args:
            after: only behind this id, so that no batch reads again what those before it have passed.
        """
        unseen = and_(DocumentRow.source_id == source_id, _not_seen_by(run_id), DocumentRow.id > after)
        return self._mark(unseen, limit, run_id)

    def mark_named(self, source_id: str, external_ids: Sequence[str], run_id: str) -> list[str]:
        """Mark documents that the source says are gone as being deleted, with all that lies in them; the ids."""
        ids = [document_id(source_id, external_id) for external_id in external_ids]
        with self._database.write() as connection:
            _lock(connection, ids)
            ids = with_all_inner(connection, ids)
            return self._mark_in(connection, DocumentRow.id.in_(ids), len(ids), run_id)

    def mark_below(self, source_id: str, folder: str, limit: int, run_id: str) -> list[str]:
        """Mark up to ``limit`` documents whose names begin with a folder's as being deleted; their ids.

        Args:
            folder: ends with ``/``; empty: all of the source.
        """
        # Not LIKE, to which SQLite's small and capital letters are the same.
        below = func.substr(DocumentRow.external_id, 1, len(folder)) == folder
        return self._mark(and_(DocumentRow.source_id == source_id, below), limit, run_id)

    def mark_inner(self, outer: Work, kept: Collection[str]) -> list[str]:
        """Mark what lay in a document and no longer does as being deleted, with all that lies in it; the ids.

        Nothing is marked once the outer document is of another version.

        Args:
            kept: external ids of what still lies in it.
        """
        with self._database.write() as connection:
            if _lock(connection, [outer.record.id]).get(outer.record.id) != outer.record.version:
                return []
            gone = [row.id for row in inner_rows(connection, [outer.record.id]) if row.external_id not in set(kept)]
            ids = with_all_inner(connection, gone)
            return self._mark_in(connection, DocumentRow.id.in_(ids), len(ids), outer.run_id) if ids else []

    def mark_all(self, source_id: str, limit: int) -> list[str]:
        """Mark up to ``limit`` documents of a source as being deleted; their ids."""
        return self._mark(DocumentRow.source_id == source_id, limit, None)

    def _mark(self, which: ColumnElement[bool], limit: int, run_id: str | None) -> list[str]:
        with self._database.write() as connection:
            return self._mark_in(connection, which, limit, run_id)

    @staticmethod
    def _mark_in(connection: Connection, which: ColumnElement[bool], limit: int, run_id: str | None) -> list[str]:
        # The new version fences out whoever is parsing or embedding it now.
        values = {"state": DocumentState.DELETING, "version": DocumentRow.version + 1, "claimed_by": None}
        values |= {"index_due": True, "outcome": None, "retried": False, "run_id": run_id}
        rows = connection.execute(leaving(and_(which, _THERE)).limit(limit)).all()
        left = open_credits(connection, {row.source_id for row in rows})
        for row in rows:
            left.leave(row, run_id)
        ids = [row.id for row in rows]
        connection.execute(update(DOCUMENTS).where(DocumentRow.id.in_(ids)).values(**values))
        left.write(connection)
        return ids

    def forget(self, document_ids: Collection[str]) -> int:
        """Delete the rows of documents that are gone from the index, and count them in the runs that found out; how
        many.
        """
        gone = and_(DocumentRow.id.in_(document_ids), DocumentRow.state == DocumentState.DELETING)
        with self._database.write() as connection:
            clear_failures(connection, document_ids)
            clear_warnings(connection, document_ids, gone=True)
            runs = connection.execute(delete(DOCUMENTS).where(gone).returning(DocumentRow.run_id)).scalars().all()
            for run_id, count in sorted(Counter(run for run in runs if run is not None).items()):
                counted = update(RUNS).where(RunRow.id == run_id)
                connection.execute(counted.values(deleted=RunRow.deleted + count))
        return len(runs)


_THERE = DocumentRow.state != DocumentState.DELETING


def _lock(connection: Connection, ids: Collection[str]) -> dict[str, int]:
    """Lock documents, so that nothing is entered into one of them meanwhile; their versions."""
    which = select(DocumentRow.id, DocumentRow.version).where(DocumentRow.id.in_(ids))
    return {row.id: row.version for row in connection.execute(which.order_by(DocumentRow.id).with_for_update())}


def _not_seen_by(run_id: str) -> ColumnElement[bool]:
    return or_(DocumentRow.seen_by.is_(None), DocumentRow.seen_by != run_id)
