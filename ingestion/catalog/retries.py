"""Sending failed documents through again, in a run that counts them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, exists, func, select

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.listings import add_run, lock_source, open_listing
from ingestion.catalog.outcomes import failed_in_listing, send_again
from ingestion.catalog.records import DocumentState, Run, RunKind, RunState
from ingestion.catalog.rows import run_of
from ingestion.catalog.tables import RUNS, DocumentRow, FailureRow, RunRow, SourceRow

_RETRY = {"kind": RunKind.RETRY, "listed": True}


@dataclass(frozen=True, slots=True)
class Retry:
    """What a retry set going.

    Attributes:
        new: whether the run was begun for it; otherwise it joined one that waits to be listed, or is at
            it already.
        documents: how many failed documents are tried again.
        listing: whether the source has to be listed: some failed there, before they could be read at all.
    """

    run: Run
    new: bool
    documents: int
    listing: bool


class Retries:
    """Begins retries of failures."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def sources(self, source_id: str | None = None) -> list[str]:
        """Sources that have failures."""
        statement = select(SourceRow.id).where(exists().where(FailureRow.source_id == SourceRow.id))
        if source_id is not None:
            statement = statement.where(SourceRow.id == source_id)
        with self._database.read() as connection:
            return list(connection.execute(statement).scalars())

    def begin(self, source_id: str, lease_s: float, document_id: str | None = None) -> Retry:
        """Send the failed documents of a source, or one, through again, in one transaction with the run that counts it.

        Were the run begun first, whoever finishes runs could find it without documents, and finish it.

        Args:
            document_id: only this one. If it failed in listing, its whole source is listed anew.

        Raises:
            NotFound: there is no source of that id.
        """
        now = self._clock.now()
        unlisted = select(func.count()).where(FailureRow.source_id == source_id, FailureRow.stage == "list")
        failed = and_(DocumentRow.source_id == source_id, DocumentRow.state == DocumentState.FAILED)
        if document_id is not None:
            unlisted = unlisted.where(FailureRow.document_id == document_id)
            failed = and_(failed, DocumentRow.id == document_id)
        with self._database.write() as connection:
            lock_source(connection, source_id)
            listed = connection.execute(unlisted).scalar_one()
            which = and_(failed, ~failed_in_listing(source_id))
            trying = select(RUNS).where(RunRow.source_id == source_id, RunRow.kind != RunKind.PLAN)
            latest = connection.execute(trying.order_by(RunRow.started_at.desc()).limit(1)).first()
            if listed:
                run, new = open_listing(connection, source_id, now, lease_s)
            elif latest is not None and not connection.execute(select(exists().where(which))).scalar_one():
                run, new = run_of(latest), False  # it is being tried already
            else:
                run, new = add_run(connection, source_id, RunState.RUNNING, now, lease_s, **_RETRY), True
            again = send_again(connection, which, now, run_id=run.id)
        return Retry(run, new, again + (listed if new else 0), listing=bool(listed))
