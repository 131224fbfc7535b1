"""How much of a source a listing has deleted, so that it can be stopped before that is too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from ingestion.catalog.database import Database
from ingestion.catalog.family import with_all_inner
from ingestion.catalog.records import DocumentState, document_id
from ingestion.catalog.tables import RUNS, SOURCES, DocumentRow, RunRow, SourceRow, TallyRow


@dataclass(frozen=True, slots=True)
class TakenOut:
    """What a source had, and what it is about to lose.

    Attributes:
        had: documents when the listing began. One that isn't got through to its end, for whatever reason, counts as one
            with the next: else each of them could take its share.
        gone: how many of them were deleted by name since, those included that this is about.
        admitted: whether those may go.
    """

    had: int
    gone: int
    admitted: bool


class DeletionGuard:
    """Counts what listings delete by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, source_id: str, run_id: str) -> str | None:
        """Note what there is when a listing begins; why the run's deletions were refused, if they were already."""
        there = select(func.coalesce(func.sum(TallyRow.documents), 0))
        there = there.where(TallyRow.source_id == source_id, TallyRow.state != DocumentState.DELETING)
        first = update(SOURCES).where(SourceRow.id == source_id, SourceRow.had.is_(None))
        refused = select(RunRow.error).where(RunRow.id == run_id, RunRow.refused)
        with self._database.write() as connection:
            connection.execute(first.values(had=there.scalar_subquery(), taken_out=0))
            return connection.execute(refused).scalar()

    def admit(self, source_id: str, external_ids: Sequence[str], share: float, least: int) -> TakenOut:
        """Count documents, with all that lie in them, before they are deleted, unless that would be too much.

        Args:
            share: of what the source had, that may go.
            least: a source that had fewer documents may lose them all.
        """
        source = select(SourceRow.had, SourceRow.taken_out).where(SourceRow.id == source_id)
        with self._database.write() as connection:
            row = connection.execute(source.with_for_update(key_share=True)).one()
            had, gone = row.had or 0, row.taken_out
            gone += _known(connection, source_id, external_ids)
            admitted = had < least or gone <= share * had
            if admitted:
                connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(taken_out=gone))
            return TakenOut(had, gone, admitted)

    def taken_out(self, source_id: str) -> int:
        """How many documents were deleted by name since the listing began."""
        with self._database.read() as connection:
            return connection.execute(select(SourceRow.taken_out).where(SourceRow.id == source_id)).scalar() or 0

    def refuse(self, run_id: str, reason: str) -> None:
        """Note with a run, which goes on, why it deletes nothing more."""
        with self._database.write() as connection:
            connection.execute(update(RUNS).where(RunRow.id == run_id).values(refused=True, error=reason))

    def end(self, source_id: str) -> None:
        """Note that a listing was got through: the next one counts anew."""
        with self._database.write() as connection:
            connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(had=None, taken_out=0))


def _known(connection: Connection, source_id: str, external_ids: Sequence[str]) -> int:
    ids = with_all_inner(connection, [document_id(source_id, name) for name in external_ids])
    there = select(func.count()).where(DocumentRow.id.in_(ids), DocumentRow.state != DocumentState.DELETING)
    return connection.execute(there).scalar_one()
