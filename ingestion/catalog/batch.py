"""A batch of changes that were listed: what becomes of each document, and the few statements that write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, update

from core.errors import SourceUnavailable, UnreadableDocument
from core.metadata import Metadata
from ingestion.catalog.counts import Credits
from ingestion.catalog.dead_letters import write_failure
from ingestion.catalog.records import DocumentRecord, DocumentState
from ingestion.catalog.rows import merge_metadata
from ingestion.catalog.tables import DOCUMENTS, FAILURES
from ingestion.connectors.port import Unreadable, Upsert


@dataclass(frozen=True, slots=True)
class Listed:
    """Where changes come from: a run of a source, and the document that they lie in if they lie in one."""

    run_id: str | None
    source_id: str
    outer: DocumentRecord | None
    parser: int


class Batch:
    """Collects the rows to write, so that a batch costs a handful of statements."""

    def __init__(self, listed: Listed, seen_by: str | None, now: datetime, credits_: Credits) -> None:
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
        self._noted: list[dict[str, Any]] = []

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

    def present(self, row: Row[Any]) -> None:
        """A document that is known, and of which nothing is new."""
        self._same(row, DocumentState(row.state))

    def compare(self, row: Row[Any], change: Upsert) -> None:
        """A document that is known: unchanged, changed, or changed in its permissions and metadata only."""
        facts = _facts(change, row.own_facts)
        state = DocumentState(row.state)
        if row.revision == change.revision and state is not DocumentState.DELETING:
            if row.note != change.note:
                self._noted.append({"key": row.id, "new_note": change.note})
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
        if self._noted:
            noted = update(DOCUMENTS).where(DOCUMENTS.c.id == bindparam("key")).values(note=bindparam("new_note"))
            connection.execute(noted, self._noted)
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


_CHANGEABLE = ("uri", "title", "size", "revision", "content_revision", "facts", "source_facts", "acl", "note")
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
        "note": None if change.note is None else dict(change.note),
    }


def _was_read_by_another(row: Row[Any], parser: int) -> bool:
    """Whether a document failed for what another parser made of it: one that couldn't be listed is no parser's."""
    return row.stage == "parse" and bool(row.parser != parser)


def _name(change: Upsert | Unreadable) -> str:
    return PurePosixPath(change.external_id).name or change.external_id
