"""Ending a source's runs early, and letting a source rest. What is known to be revoked or gone still goes."""

from __future__ import annotations

from sqlalchemy import Connection, and_, select, update

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.listings import is_listing, lock_source
from ingestion.catalog.records import DocumentState, Run, RunKind, RunState
from ingestion.catalog.rows import run_of
from ingestion.catalog.run_ends import finish, unfinished
from ingestion.catalog.tables import DOCUMENTS, IS_MOVING, RUNS, SOURCES, DocumentRow, RunRow, SourceRow


class Stopping:
    """Cancels, pauses and resumes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def cancel(self, source_id: str) -> list[Run]:
        """Have every run of a source that isn't finished end; those runs.

        A listing stops at its next page. Documents that were not begun wait for the next run, whatever that is for;
        those that were come to their end first, so that counts add up.

        Raises:
            NotFound: there is no such source.
        """
        with self._database.write() as connection:
            lock_source(connection, source_id)
            rows = connection.execute(unfinished(source_id).with_for_update()).all()
            if not rows:
                return []
            ids = [row.id for row in rows]
            connection.execute(update(RUNS).where(RunRow.id.in_(ids)).values(cancelled=True))
            # Nobody is at it: whoever gets its message finds nothing to list any more.
            waiting = and_(RunRow.id.in_(ids), is_listing(RunRow), RunRow.claimed_by.is_(None))
            connection.execute(update(RUNS).where(waiting).values(listed=True))
            for row in connection.execute(unfinished(source_id)).all():
                if row.state == RunState.QUEUED:
                    finish(connection, row, self._clock)
            if any(row.kind != RunKind.PLAN for row in rows):
                connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(held=True))
                _put_back(connection, source_id)
            again = connection.execute(select(RUNS).where(RunRow.id.in_(ids)).order_by(RunRow.started_at))
            return [run_of(row) for row in again]

    def pause(self, source_id: str) -> bool:
        """Let a source rest until :meth:`resume`; whether it didn't yet.

        No listing begins, one that goes on stops at its next page, and no document is handed out.

        Raises:
            NotFound: there is no such source.
        """
        with self._database.write() as connection:
            if lock_source(connection, source_id).paused_at is not None:
                return False
            paused = update(SOURCES).where(SourceRow.id == source_id)
            connection.execute(paused.values(paused_at=self._clock.now()))
            _put_back(connection, source_id)
            return True

    def resume(self, source_id: str) -> list[str]:
        """Let a source go on; the runs that are to be listed now.

        Raises:
            NotFound: there is no such source.
        """
        with self._database.write() as connection:
            lock_source(connection, source_id)
            connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(paused_at=None))
            stopped = select(RunRow.id).where(RunRow.source_id == source_id, is_listing(RunRow))
            return list(connection.execute(stopped.where(RunRow.claimed_by.is_(None))).scalars())


def _put_back(connection: Connection, source_id: str) -> None:
    """Take back the documents that were handed out and that nobody has begun: at most ``sync.in_flight``."""
    unbegun = and_(DocumentRow.state == DocumentState.QUEUED, DocumentRow.claimed_by.is_(None))
    which = update(DOCUMENTS).where(IS_MOVING, DocumentRow.source_id == source_id, unbegun)
    connection.execute(which.values(state=DocumentState.PENDING, claimed_until=None))
