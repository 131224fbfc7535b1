"""What a listing found, written to the catalog: a batch of changes in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from core.clock import Clock
from ingestion.catalog.batch import Batch, Listed
from ingestion.catalog.counts import open_credits
from ingestion.catalog.database import Database
from ingestion.catalog.family import secret_within, with_all_inner, with_inner, without_wider
from ingestion.catalog.records import DocumentState, Work, document_id
from ingestion.catalog.tables import DOCUMENTS, FAILURES, DocumentRow
from ingestion.connectors.port import Present, Unreadable, Upsert, Withheld


class Intake:
    """Compares what a source says with what is known, and decides what is to be done."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def apply(
        self, run_id: str, source_id: str, changes: Sequence[Upsert | Unreadable | Present], *, parser: int
    ) -> list[Withheld]:
        """Enter a batch of listed changes. Applying one again in the same run changes nothing.

        What the index must hear of it is noted with the documents (:mod:`ingestion.catalog.index_due`). It is
        committed here first, under a new version: a task that is embedding such a document with its old permissions
        finds that version, and takes back what it wrote.

        Args:
            parser: the number of what reads documents now; what another one couldn't read is tried again.

        Returns:
            Documents in the listed ones that are never any, and must go.
        """
        with self._database.write() as connection:
            _locked(connection, {document_id(source_id, change.external_id) for change in changes})
            listed = Listed(run_id, source_id, None, parser)
            present = [change for change in changes if isinstance(change, Present)]
            withheld = self._leave(connection, listed, run_id, present) if present else []
            news = [change for change in changes if not isinstance(change, Present)]
            return withheld + (self._enter(connection, listed, run_id, news) if news else [])

    def apply_inner(self, outer: Work, changes: Sequence[Upsert], *, parser: int) -> bool:
        """Enter the documents that were found in another one; False if that one is no longer of this version.

        They were seen when the outer one was: a listing names only that.
        """
        record = outer.record
        listed = Listed(outer.run_id, record.source_id, record, parser)
        named = {document_id(record.source_id, change.external_id) for change in changes}
        with self._database.write() as connection:
            holder = _locked(connection, {*named, record.id}).get(record.id)
            if holder is None or holder.version != record.version:
                return False
            self._enter(connection, listed, holder.seen_by, changes)
        return True

    def hide(self, work: Work, change: Unreadable, *, parser: int) -> bool:
        """Enter that a document, which its listing could read, can't be read after all; False if it changed since."""
        record = work.record
        with self._database.write() as connection:
            row = _locked(connection, {record.id}).get(record.id)
            if row is None or row.version != record.version:
                return False
            self._enter(connection, Listed(row.run_id, record.source_id, None, parser), row.seen_by, [change])
        return True

    def _leave(
        self, connection: Connection, listed: Listed, seen_by: str | None, present: Sequence[Present]
    ) -> list[Withheld]:
        """Documents of which nothing is new, with what lies in them: as if listed with the revisions that they have."""
        batch = Batch(listed, seen_by, self._clock.now(), open_credits(connection, [listed.source_id]))
        ids = with_all_inner(connection, [document_id(listed.source_id, change.external_id) for change in present])
        rows = _known(connection, ids)
        secret = {row.id: kind for row in rows.values() if (kind := secret_within(row.external_id))}
        for key, row in rows.items():
            if key not in secret and row.state != DocumentState.DELETING:
                batch.present(row)
        batch.write(connection)
        return [Withheld(rows[key].external_id, kind) for key, kind in secret.items()]

    def _enter(
        self, connection: Connection, listed: Listed, seen_by: str | None, changes: Sequence[Upsert | Unreadable]
    ) -> list[Withheld]:
        batch = Batch(listed, seen_by, self._clock.now(), open_credits(connection, [listed.source_id]))
        allowed = without_wider(connection, listed.source_id, changes)
        expanded, unknown, withheld = with_inner(connection, listed.source_id, allowed)
        by_id = {document_id(listed.source_id, change.external_id): change for change in expanded}
        known = _known(connection, list(by_id))
        batch.leave(unknown)
        for key, change in by_id.items():
            row = known.get(key)
            if isinstance(change, Unreadable):
                batch.unreadable(key, change, row)
            elif row is None:
                batch.add(key, change)
            else:
                batch.compare(row, change)
        batch.write(connection)
        return withheld


def _locked(connection: Connection, ids: set[str]) -> dict[str, Row[Any]]:
    """Documents, before anything else of them is looked up: none may be entered into one of these meanwhile."""
    known: list[Any] = [DocumentRow.id, DocumentRow.version, DocumentRow.run_id, DocumentRow.seen_by]
    which = select(*known).where(DocumentRow.id.in_(ids)).order_by(DocumentRow.id).with_for_update()
    return {row.id: row for row in connection.execute(which)}


def _known(connection: Connection, ids: list[str]) -> dict[str, Row[Any]]:
    failure = FAILURES
    joined = DOCUMENTS.outerjoin(failure, failure.c.document_id == DOCUMENTS.c.id)
    why = (failure.c.retryable, failure.c.stage, failure.c.parser)
    statement = select(DOCUMENTS, *why).select_from(joined).where(DOCUMENTS.c.id.in_(ids)).order_by(DOCUMENTS.c.id)
    return {row.id: row for row in connection.execute(statement.with_for_update(of=DOCUMENTS))}
