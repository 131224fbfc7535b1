"""What the index has yet to hear: new permissions and metadata of documents that it holds, and which are gone.

It is noted with the documents, in the transaction that changes them, so that it survives whatever is down.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, select, update

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.dead_letters import write_failure
from ingestion.catalog.queue import Ticket
from ingestion.catalog.records import DocumentState, Work
from ingestion.catalog.rows import work_of
from ingestion.catalog.tables import DOCUMENTS, IS_CLEARED, IS_DUE, DocumentRow


class IndexDue:
    """Hands out what the index has yet to hear, and notes what it has heard."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def any(self, source_id: str | None = None) -> bool:
        """Whether there is something."""
        with self._database.read() as connection:
            first = select(DocumentRow.id).where(*_due(source_id)).order_by(DocumentRow.id).limit(1)
            return connection.execute(first).first() is not None

    def next(self, limit: int, max_chunks: int, source_id: str | None = None, after: str = "") -> list[Work]:
        """The next documents by id, at most ``limit``, of up to so many chunks together, but at least one.

        Args:
            source_id: only of that source.
            after: only behind this id.
        """
        wanted = select(DOCUMENTS).where(*_due(source_id), DocumentRow.id > after)
        with self._database.read() as connection:
            works = [work_of(row) for row in connection.execute(wanted.order_by(DocumentRow.id).limit(limit))]
        room, taken = max_chunks, 0
        for work in works:
            room -= work.record.chunks
            if taken and room < 0:
                break
            taken += 1
        return works[:taken]

    def heard(self, tickets: Sequence[Ticket]) -> None:
        """Note that the index has these versions of permissions and metadata, or that the documents are gone from it.

        What changed meanwhile stays due.
        """
        if not tickets:
            return
        done: dict[str, Any] = {"state": DocumentState.INDEXED, "outcome": "indexed", "updated_at": self._clock.now()}
        same = and_(DOCUMENTS.c.id == bindparam("key"), DOCUMENTS.c.version == bindparam("heard"))
        updating = and_(same, DOCUMENTS.c.state == DocumentState.UPDATING)
        ordered = sorted(tickets, key=lambda ticket: ticket.document_id)
        named = [{"key": ticket.document_id, "heard": ticket.version} for ticket in ordered]
        with self._database.write() as connection:
            connection.execute(update(DOCUMENTS).where(same).values(index_due=False), named)
            values = {**done, "indexed_version": bindparam("heard")}
            connection.execute(update(DOCUMENTS).where(updating).values(values), named)

    def refused(self, work: Work, *, error_class: str, message: str) -> bool:
        """Note that the index doesn't take a document's permissions and metadata, and was rid of the document instead.

        False when it changed meanwhile.
        """
        record, now = work.record, self._clock.now()
        same = and_(DocumentRow.id == record.id, DocumentRow.version == record.version)
        gone = {"state": DocumentState.FAILED, "outcome": "failed", "index_due": False, "updated_at": now}
        none = {"indexed_version": None, "chunks": 0, "claimed_by": None, "claimed_until": None, "not_before": None}
        with self._database.write() as connection:
            if connection.execute(update(DOCUMENTS).where(same).values(**gone, **none)).rowcount == 0:
                return False
            write_failure(
                connection,
                document_id=record.id,
                source_id=record.source_id,
                external_id=record.external_id,
                run_id=work.run_id,
                stage="embed",
                error_class=error_class,
                message=message,
                retryable=True,
                attempts=1,
                now=now,
            )
        return True

    def cleared(self, limit: int, source_id: str | None = None, skipped: Collection[str] = ()) -> list[str]:
        """Documents on their way out that are gone from the index: what is left are their blobs and rows."""
        wanted = select(DocumentRow.id).where(IS_CLEARED, DocumentRow.id.not_in(skipped)).limit(limit)
        if source_id is not None:
            wanted = wanted.where(DocumentRow.source_id == source_id)
        wanted = wanted.order_by(DocumentRow.source_id, DocumentRow.id)
        with self._database.read() as connection:
            return list(connection.execute(wanted).scalars())


def _due(source_id: str | None) -> tuple[Any, ...]:
    return (IS_DUE,) if source_id is None else (IS_DUE, DocumentRow.source_id == source_id)
