"""What became of a document: parsed, indexed, to be tried again, failed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select, update

from core.clock import Clock
from core.metadata import Metadata
from ingestion.catalog.counts import leaving, open_credits
from ingestion.catalog.database import Database
from ingestion.catalog.dead_letters import clear_failures, write_failure
from ingestion.catalog.family import readers_to_json
from ingestion.catalog.records import DocumentState, Work
from ingestion.catalog.rows import merge_metadata
from ingestion.catalog.tables import DOCUMENTS, FAILURES, IS_RETRIED, DocumentRow, FailureRow
from ingestion.catalog.warnings import clear_warnings, write_warning
from ingestion.partitioning.port import InnerReaders

_FREE: dict[str, Any] = {"claimed_by": None, "claimed_until": None, "suspect": False}
"""Whoever gives a claim back has lived through the document: it is no suspect any more."""
_UNTRIED: dict[str, Any] = {"attempts": DocumentRow.attempts - 1, "suspect": DocumentRow.suspect}
_AT_ONCE = 1000
"""Ids that one statement names."""
_END_PARSING = update(DOCUMENTS).where(
    DocumentRow.id == bindparam("held_id"),
    DocumentRow.version == bindparam("held_version"),
    DocumentRow.state == DocumentState.QUEUED,
    DocumentRow.claimed_by == bindparam("holder"),
)
"""Built once, as it is run once a document; its values come when it is run."""


class Outcomes:
    """Ends a task's claim on documents. Every method changes only what the caller's claim still covers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def parsed(
        self,
        work: Work,
        owner: str,
        *,
        content_hash: str,
        chunks: int,
        media_type: str,
        own: Metadata,
        name: str,
        content_key: str | None = None,
        warning: str | None = None,
        readers: InnerReaders | None = None,
    ) -> bool:
        """Note that a document is parsed and its text stored; False when the claim was lost meanwhile.

        Args:
            own: facts found in the document itself.
            name: its title when nobody knows one.
            content_key: identifies what its chunks say; see :mod:`ingestion.tasks.vector_reuse`.
            warning: which secrets are where in it; None: none.
            readers: who may read everything in it, if documents in it say.
        """
        merged = merge_metadata(work.source_metadata, own, name)
        now = self._clock.now()
        values = {
            "state": DocumentState.PARSED,
            "parsed_hash": content_hash,
            "content_key": content_key,
            "parsed_chunks": chunks,
            "media_type": media_type,
            "own_facts": {**own.to_json(), **readers_to_json(readers, work.content_revision)},
            "facts": merged.to_json(),
            "title": merged.title,
            "attempts": 0,
            "not_before": None,
            "updated_at": now,
        }
        held = {"held_id": work.record.id, "held_version": work.record.version, "holder": owner}
        with self._database.write() as connection:
            if connection.execute(_END_PARSING, {**values, **_FREE, **held}).rowcount != 1:
                return False
            if warning is None:
                clear_warnings(connection, [work.record.id])
            else:
                _warn(connection, work, warning, now)
            return True

    def restrict(self, work: Work, readers: InnerReaders) -> None:
        """Note who may read everything in a document, before it is refused for that."""
        own = {**work.own_metadata.to_json(), **readers_to_json(readers, work.content_revision)}
        with self._database.write() as connection:
            connection.execute(update(DOCUMENTS).where(DocumentRow.id == work.record.id).values(own_facts=own))

    def indexed(self, owner: str, document_ids: Collection[str]) -> set[str]:
        """Note that documents are in the index; those that were still this owner's.

        A change of the document ends the claim: one that is missing from the answer has changed, and the index hears of
        it from whoever changed it.
        """
        now = self._clock.now()
        values = {
            "state": DocumentState.INDEXED,
            "content_hash": DocumentRow.parsed_hash,
            "chunks": DocumentRow.parsed_chunks,
            "indexed_version": DocumentRow.version,
            "outcome": "indexed",
            "index_due": False,
            "not_before": None,
            "attempts": 0,
            "updated_at": now,
            "indexed_at": now,
        }
        claimed = and_(
            DocumentRow.id.in_(document_ids),
            DocumentRow.state == DocumentState.PARSED,
            DocumentRow.claimed_by == owner,
        )
        with self._database.write() as connection:
            ended = update(DOCUMENTS).where(claimed).values(**values, **_FREE).returning(DocumentRow.id)
            done = set(connection.execute(ended).scalars())
            clear_failures(connection, done)
        return done

    def holds(self, work: Work, owner: str) -> bool:
        """Whether a parsed document is still of this version, and this owner's."""
        with self._database.read() as connection:
            same = select(DocumentRow.id).where(_held(work, owner, DocumentState.PARSED))
            return connection.execute(same).first() is not None

    def go_on_above(self, work: Work, owner: str, version: int) -> None:
        """Let a parsed document be embedded under a version above this one.

        It has come back after the index was told, under that version, that it is gone.
        """
        values = {"version": version + 1, "not_before": None, **_UNTRIED, **_FREE}
        held = _held(work, owner, DocumentState.PARSED)
        with self._database.write() as connection:
            connection.execute(update(DOCUMENTS).where(held).values(**values))

    def retry_parsing(self, work: Work, owner: str, delay_s: float) -> None:
        """Let a document be parsed again, in ``delay_s`` seconds at the earliest."""
        values = {"state": DocumentState.PENDING, "not_before": self._after(delay_s)}
        self._release([work.record.id], owner, values)

    def retry_embedding(self, document_ids: Collection[str], owner: str, delay_s: float) -> None:
        """Let parsed documents be embedded again, in ``delay_s`` seconds at the earliest."""
        self._release(document_ids, owner, {"not_before": self._after(delay_s)})

    def postpone_parsing(self, work: Work, owner: str, until: datetime) -> None:
        """Let a document wait for something that is down. It isn't the document's fault: the attempt doesn't count."""
        values = {"state": DocumentState.PENDING, "not_before": until, **_UNTRIED}
        self._release([work.record.id], owner, values)

    def postpone_embedding(self, document_ids: Collection[str], owner: str, until: datetime) -> None:
        """Let parsed documents wait for something that is down, behind the others; the attempt doesn't count."""
        values = {"not_before": until, "updated_at": self._clock.now(), **_UNTRIED}
        self._release(document_ids, owner, values)

    def _release(self, document_ids: Collection[str], owner: str, values: dict[str, Any]) -> None:
        claimed = and_(DocumentRow.id.in_(document_ids), DocumentRow.claimed_by == owner)
        with self._database.write() as connection:
            connection.execute(update(DOCUMENTS).where(claimed).values({**_FREE, **values}))

    def _after(self, delay_s: float) -> datetime:
        return self._clock.now() + timedelta(seconds=delay_s)

    def failed(
        self,
        work: Work,
        owner: str | None,
        *,
        stage: str,
        error_class: str,
        message: str,
        retryable: bool,
        parser: int | None = None,
    ) -> bool:
        """Give a document up and record why; False when the claim was lost meanwhile.

        Args:
            parser: the number of what tried to read it, where that was what failed.
        """
        now = self._clock.now()
        held = _held(work, owner, DocumentState.QUEUED, DocumentState.PARSED)
        values: dict[str, Any] = {"state": DocumentState.FAILED, "outcome": "failed", "not_before": None}
        values["updated_at"] = now
        with self._database.write() as connection:
            if connection.execute(update(DOCUMENTS).where(held).values(**values, **_FREE)).rowcount == 0:
                return False
            write_failure(
                connection,
                document_id=work.record.id,
                source_id=work.record.source_id,
                external_id=work.record.external_id,
                run_id=work.run_id,
                stage=stage,
                error_class=error_class,
                message=message,
                retryable=retryable,
                attempts=work.attempts,
                parser=parser,
                now=now,
            )
        return True

    def retry_failed(self, source_id: str, run_id: str, *, parser: int) -> int:
        """Send the failed documents of a source that a retry can help through again, within a run; how many.

        Those are the ones that failed for what may pass, and those that another parser than this couldn't read.
        """
        another = or_(FailureRow.parser.is_(None), FailureRow.parser != parser)
        helped = or_(FailureRow.retryable, and_(FailureRow.stage == "parse", another))
        wanted = select(FailureRow.document_id).where(FailureRow.source_id == source_id, helped)
        failed = and_(DocumentRow.source_id == source_id, DocumentRow.state == DocumentState.FAILED)
        # What failed in this run has been tried in it.
        before = or_(DocumentRow.run_id.is_(None), DocumentRow.run_id != run_id)
        which = and_(failed, before, DocumentRow.id.in_(wanted))
        again = select(DocumentRow.id).where(DocumentRow.run_id == run_id, IS_RETRIED)
        with self._database.write() as connection:
            count = send_again(connection, which, self._clock.now(), run_id=run_id)
            tried = update(FAILURES).where(FailureRow.document_id.in_(again))
            connection.execute(tried.values(parser=parser))
        return count

    def start_over(self, document_id: str) -> None:
        """Send an indexed document through again: a late task may have disturbed its chunks."""
        steady = DocumentRow.state.in_((DocumentState.INDEXED, DocumentState.UPDATING))
        with self._database.write() as connection:
            send_again(connection, and_(DocumentRow.id == document_id, steady), self._clock.now())


def _warn(connection: Connection, work: Work, warning: str, now: datetime) -> None:
    record = work.record
    named = {"document_id": record.id, "source_id": record.source_id, "external_id": record.external_id}
    write_warning(connection, **named, run_id=work.run_id, message=warning, withheld=False, now=now)


def _held(work: Work, owner: str | None, *states: DocumentState) -> ColumnElement[bool]:
    """The document, if it is in one of these states, of this version, and claimed by this owner (None: by nobody)."""
    return and_(
        DocumentRow.id == work.record.id,
        DocumentRow.version == work.record.version,
        DocumentRow.state.in_(states),
        DocumentRow.claimed_by.is_(None) if owner is None else DocumentRow.claimed_by == owner,
    )


def send_again(connection: Connection, which: ColumnElement[bool], now: datetime, *, run_id: str | None = None) -> int:
    """Let documents start over under a new version; how many.

    Args:
        run_id: the run that tries them again; None: they still count in the one that they counted in.
    """
    rows = connection.execute(leaving(which)).all()
    values: dict[str, Any] = {"state": DocumentState.PENDING, "version": DocumentRow.version + 1, "attempts": 0}
    values |= {"not_before": None, "outcome": None, "updated_at": now}
    left = open_credits(connection, {row.source_id for row in rows})
    if run_id is not None:
        values |= {"run_id": run_id, "retried": True}
        for row in rows:
            left.leave(row, run_id)
    for start in range(0, len(rows), _AT_ONCE):
        ids = [row.id for row in rows[start : start + _AT_ONCE]]
        connection.execute(update(DOCUMENTS).where(DocumentRow.id.in_(ids)).values(**values, **_FREE))
    left.write(connection)
    return len(rows)


def failed_in_listing(source_id: str) -> ColumnElement[bool]:
    """Documents that failed before they could be read: only a listing can say what has become of them."""
    listed = select(FailureRow.document_id).where(FailureRow.source_id == source_id, FailureRow.stage == "list")
    return DocumentRow.id.in_(listed)
