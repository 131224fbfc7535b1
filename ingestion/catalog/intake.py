"""What a listing found, written to the catalog: a batch of changes in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from core.clock import Clock
from core.errors import SourceUnavailable, UnreadableDocument
from core.metadata import Metadata
from ingestion.catalog.counts import Credits, open_credits
from ingestion.catalog.database import Database
from ingestion.catalog.dead_letters import write_failure
from ingestion.catalog.family import with_inner, without_wider
from ingestion.catalog.records import DocumentRecord, DocumentState, Work, document_id
from ingestion.catalog.rows import merge_metadata
from ingestion.catalog.tables import DOCUMENTS, FAILURES, DocumentRow
from ingestion.connectors.port import Unreadable, Upsert, Withheld


class Intake:
    """Compares what a source says with what is known, and decides what is to be done."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def apply(
        self, run_id: str, source_id: str, changes: Sequence[Upsert | Unreadable], *, parser: int
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
            return self._enter(connection, _Listed(run_id, source_id, None, parser), run_id, changes)

    def apply_inner(self, outer: Work, changes: Sequence[Upsert], *, parser: int) -> bool:
        """Enter the documents that were found in another one; False if that one is no longer of this version.

        They were seen when the outer one was: a listing names only that.
        """
        record = outer.record
        listed = _Listed(outer.run_id, record.source_id, record, parser)
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
            self._enter(connection, _Listed(row.run_id, record.source_id, None, parser), row.seen_by, [change])
        return True

    def _enter(
        self, connection: Connection, listed: _Listed, seen_by: str | None, changes: Sequence[Upsert | Unreadable]
    ) -> list[Withheld]:
        batch = _Batch(listed, seen_by, self._clock.now(), open_credits(connection, [listed.source_id]))
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


@dataclass(frozen=True, slots=True)
class _Listed:
    """Where changes come from: a run of a source, and the document that they lie in if they lie in one."""

    run_id: str | None
    source_id: str
    outer: DocumentRecord | None
    parser: int


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


class _Batch:
    """Collects the rows to write, so that a batch costs a handful of statements."""

    def __init__(self, listed: _Listed, seen_by: str | None, now: datetime, credits_: Credits) -> None:
        self._run_id = listed.run_id
        self._seen_by = seen_by
        self._parser = listed.parser
        self._parent_id = listed.outer.id if listed.outer else None
        self._source_id = listed.source_id
        self._now = now
        self._credits = credits_
        self._new: list[dict[str, Any]] = []
        self._changed: list[dict[str, Any]] = []
        self._settled: dict[str | None, list[str]] = {}
        self._passed: list[str] = []
        self._failures: list[dict[str, Any]] = []
        self._retried: list[str] = []

    def add(self, key: str, change: Upsert) -> None:
        """A document that is new."""
        self._new.append({**self._blank(key, change.external_id), **_facts(change, {})})

    def leave(self, rows: Sequence[Row[Any]]) -> None:
        """Documents that were seen, and that nothing new is known of."""
        for row in rows:
            if not self._is_seen(row):
                self._pass(row)

    def unreadable(self, key: str, change: Unreadable, row: Row[Any] | None) -> None:
        """Something that can't be read. What the index holds of it is shown to those who may read it, if known who.

        It stays in the index even if that isn't known, so that nothing but its permissions have to be put right later.
        """
        acl = [] if change.acl is None else list(change.acl.terms())
        if row is None:
            failed = {"state": DocumentState.FAILED, "outcome": "failed", "uri": change.uri, "acl": acl}
            facts = merge_metadata(Metadata(), Metadata(), _name(change)).to_json()
            self._new.append(
                {**self._blank(key, change.external_id), **failed, "facts": facts, "title": facts["title"]}
            )
        else:
            self._change(row, DocumentState.FAILED, outcome="failed", revision="", content_revision="", acl=acl)
        # Without its permissions it waits for a person; with them, it is a fetch that failed before it was tried.
        why = UnreadableDocument if change.acl is None else SourceUnavailable
        failure = {"error_class": why.__name__, "retryable": why.retryable, "message": change.reason}
        self._failures.append({"document_id": key, "external_id": change.external_id, **failure})

    def compare(self, row: Row[Any], change: Upsert) -> None:
        """A document that is known: unchanged, changed, or changed in its permissions and metadata only."""
        facts = _facts(change, row.own_facts)
        state = DocumentState(row.state)
        if row.revision == change.revision and state is not DocumentState.DELETING:
            self._same(row, state)
        elif row.content_revision == change.content_revision and state in (
            DocumentState.INDEXED,
            DocumentState.UPDATING,
        ):
            self._change(row, DocumentState.UPDATING, **facts)
        else:
            self._change(row, DocumentState.PENDING, **facts)

    def _same(self, row: Row[Any], state: DocumentState) -> None:
        if self._is_seen(row):
            return  # the listing begins again
        if state is DocumentState.FAILED and (row.retryable or _was_read_by_another(row, self._parser)):
            self._change(row, DocumentState.PENDING, retried=True, index_due=row.index_due)
            self._retried.append(row.id)
        else:
            self._pass(row)

    def _is_seen(self, row: Row[Any]) -> bool:
        """Whether the listing had it already: it begins again, or saw what lies in a document before its parse did."""
        return row.seen_by is not None and bool(row.seen_by == self._seen_by)

    def _pass(self, row: Row[Any]) -> None:
        """Nothing is new. Work that was begun for an earlier run goes on, and counts there."""
        outcome = {DocumentState.INDEXED: "unchanged", DocumentState.FAILED: "failed"}.get(DocumentState(row.state))
        if outcome is None and row.run_id != self._run_id and self._credits.is_open(row.run_id):
            self._passed.append(row.id)
            self._credits.add(self._run_id, "unchanged")
        else:
            self._credits.leave(row, self._run_id)
            self._settled.setdefault(outcome, []).append(row.id)

    def _change(self, row: Row[Any], state: DocumentState, **values: Any) -> None:
        self._credits.leave(row, self._run_id)
        kept = {key: getattr(row, key) for key in _CHANGEABLE}
        reset = {"attempts": 0, "not_before": None, "claimed_by": None, "claimed_until": None, "outcome": None}
        new = {"state": state, "version": row.version + 1, "run_id": self._run_id, "updated_at": self._now}
        new |= {"seen_by": self._seen_by, "retried": False, "suspect": False}
        # Once it was parsed, the index may hold something of it, though nobody lived to say so.
        heard = {"index_due": row.indexed_version is not None or row.parsed_hash is not None}
        merged = {**kept, **reset, **new, **heard, **values}
        self._changed.append({"key": row.id, **{f"new_{name}": value for name, value in merged.items()}})

    def _blank(self, key: str, external_id: str) -> dict[str, Any]:
        empty = dict.fromkeys((column.name for column in DOCUMENTS.columns), None)
        zero = {"size": 0, "chunks": 0, "parsed_chunks": 0, "attempts": 0, "version": 1, "revision": ""}
        lists = {"content_revision": "", "facts": {}, "source_facts": {}, "own_facts": {}, "acl": [], "uri": ""}
        names = {"id": key, "source_id": self._source_id, "external_id": external_id, "title": ""}
        outer = {"parent_id": self._parent_id}
        times = {"created_at": self._now, "updated_at": self._now}
        return {
            **empty,
            **zero,
            **lists,
            **names,
            **outer,
            **times,
            "state": DocumentState.PENDING,
            "run_id": self._run_id,
            "seen_by": self._seen_by,
            **dict.fromkeys(("retried", "index_due", "suspect"), False),
        }

    def write(self, connection: Connection) -> None:
        """Write everything collected."""
        if self._new:
            connection.execute(insert(DOCUMENTS), self._new)
        if self._changed:
            values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _CHANGED}
            connection.execute(
                update(DOCUMENTS).where(DOCUMENTS.c.id == bindparam("key")).values(**values), self._changed
            )
        for outcome, ids in self._settled.items():
            # What this run was begun to try again it still does when it comes to it.
            retried = and_(DOCUMENTS.c.retried, DOCUMENTS.c.run_id == self._run_id)
            seen = {"run_id": self._run_id, "seen_by": self._seen_by, "outcome": outcome, "retried": retried}
            connection.execute(update(DOCUMENTS).where(DOCUMENTS.c.id.in_(ids)).values(**seen))
        if self._passed:
            passed = update(DOCUMENTS).where(DOCUMENTS.c.id.in_(self._passed))
            connection.execute(passed.values(seen_by=self._seen_by))
        if self._retried:
            tried = update(FAILURES).where(FAILURES.c.document_id.in_(self._retried))
            connection.execute(tried.values(parser=self._parser))
        for failure in self._failures:
            write_failure(
                connection,
                source_id=self._source_id,
                run_id=self._run_id,
                stage="list",
                attempts=1,
                now=self._now,
                **failure,
            )
        self._credits.write(connection)


_CHANGEABLE = ("uri", "title", "size", "revision", "content_revision", "facts", "source_facts", "acl")
_CHANGED = (
    *_CHANGEABLE,
    *("attempts", "not_before", "claimed_by", "claimed_until", "outcome", "retried", "index_due", "suspect"),
    *("state", "version", "run_id", "seen_by", "updated_at"),
)


def _facts(change: Upsert, own: dict[str, Any]) -> dict[str, Any]:
    merged = merge_metadata(change.metadata, Metadata.read(own), _name(change))
    return {
        "uri": change.uri,
        "title": merged.title,
        "size": change.size,
        "revision": change.revision,
        "content_revision": change.content_revision,
        "facts": merged.to_json(),
        "source_facts": change.metadata.to_json(),
        "acl": list(change.acl.terms()),
    }


def _was_read_by_another(row: Row[Any], parser: int) -> bool:
    """Whether a document failed for what another parser made of it: one that couldn't be listed is no parser's."""
    return row.stage == "parse" and bool(row.parser != parser)


def _name(change: Upsert | Unreadable) -> str:
    return PurePosixPath(change.external_id).name or change.external_id
