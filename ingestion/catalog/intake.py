"""What a listing found, written to the catalog: a batch of changes in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from core.clock import Clock
from core.errors import SourceUnavailable, UnreadableDocument
from core.metadata import Metadata
from ingestion.catalog.database import Database
from ingestion.catalog.dead_letters import write_failure
from ingestion.catalog.family import with_inner
from ingestion.catalog.records import Applied, DocumentState, document_id
from ingestion.catalog.rows import merge_metadata, work_of
from ingestion.catalog.tables import DOCUMENTS, FAILURES, DocumentRow
from ingestion.connectors.port import Unreadable, Upsert


class Intake:
    """Compares what a source says with what is known, and decides what is to be done."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def apply(
        self,
        run_id: str,
        source_id: str,
        changes: Sequence[Upsert | Unreadable],
        *,
        parser: int,
        parent_id: str | None = None,
    ) -> Applied:
        """Enter a batch of changes. Applying one again in the same run changes nothing.

        Args:
            parser: the number of what reads documents now; what another one couldn't read is tried again.
            parent_id: the document that all of these lie in; None: they are the source's own.

        Returns:
            What must go to the index right away. It is committed here first, under a new version: a task that is
            embedding such a document with its old permissions finds that version, and takes back what it wrote.
        """
        batch = _Batch(run_id, source_id, self._clock.now(), parent_id, parser)
        with self._database.write() as connection:
            expanded, unknown, withheld = with_inner(connection, source_id, changes)
            by_id = {document_id(source_id, change.external_id): change for change in expanded}
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
            return replace(_applied(connection, batch), withheld=withheld)


def _known(connection: Connection, ids: list[str]) -> dict[str, Row[Any]]:
    failure = FAILURES
    joined = DOCUMENTS.outerjoin(failure, failure.c.document_id == DOCUMENTS.c.id)
    why = (failure.c.retryable, failure.c.stage, failure.c.parser)
    statement = select(DOCUMENTS, *why).select_from(joined).where(DOCUMENTS.c.id.in_(ids))
    return {row.id: row for row in connection.execute(statement)}


def _applied(connection: Connection, batch: _Batch) -> Applied:
    wanted = batch.updating + batch.restricted
    if not wanted:
        return Applied()
    rows = {row.id: row for row in connection.execute(select(DOCUMENTS).where(DocumentRow.id.in_(wanted)))}
    return Applied(
        updating=[work_of(rows[key]) for key in batch.updating],
        restricted=[work_of(rows[key]) for key in batch.restricted],
    )


class _Batch:
    """Collects the rows to write, so that a batch costs a handful of statements."""

    def __init__(self, run_id: str, source_id: str, now: datetime, parent_id: str | None, parser: int) -> None:
        self._run_id = run_id
        self._parser = parser
        self._parent_id = parent_id
        self._source_id = source_id
        self._now = now
        self._new: list[dict[str, Any]] = []
        self._changed: list[dict[str, Any]] = []
        self._seen: dict[str | None, list[str]] = {}
        self._failures: list[dict[str, Any]] = []
        self._retried: list[str] = []
        self.updating: list[str] = []
        self.restricted: list[str] = []

    def add(self, key: str, change: Upsert) -> None:
        """A document that is new."""
        self._new.append({**self._blank(key, change.external_id), **_facts(change, {})})

    def leave(self, rows: Sequence[Row[Any]]) -> None:
        """Documents that were seen, and that nothing new is known of."""
        for row in rows:
            self._seen.setdefault("failed" if row.state == DocumentState.FAILED else None, []).append(row.id)

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
            if row.chunks:
                self.restricted.append(row.id)
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
            self.updating.append(row.id)
        else:
            self._change(row, DocumentState.PENDING, **facts)
            if row.chunks:
                self.restricted.append(row.id)

    def _same(self, row: Row[Any], state: DocumentState) -> None:
        if state is DocumentState.UPDATING:
            self.updating.append(row.id)
            self._seen.setdefault(None, []).append(row.id)
        elif row.run_id == self._run_id:
            if row.chunks and state is not DocumentState.INDEXED:
                self.restricted.append(row.id)  # the listing begins again: it may not have come to that
        elif state is DocumentState.FAILED and (row.retryable or _was_read_by_another(row, self._parser)):
            self._change(row, DocumentState.PENDING, retried=True)
            self._retried.append(row.id)
        else:
            outcome = {DocumentState.INDEXED: "unchanged", DocumentState.FAILED: "failed"}.get(state)
            self._seen.setdefault(outcome, []).append(row.id)

    def _change(self, row: Row[Any], state: DocumentState, **values: Any) -> None:
        kept = {key: getattr(row, key) for key in _CHANGEABLE}
        reset = {"attempts": 0, "not_before": None, "claimed_by": None, "claimed_until": None, "outcome": None}
        new = {"state": state, "version": row.version + 1, "run_id": self._run_id, "updated_at": self._now}
        new["retried"] = False
        merged = {**kept, **reset, **new, **values}
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
            "retried": False,
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
        for outcome, ids in self._seen.items():
            # What this run tried again it still did when it comes to it once more.
            retried = and_(DOCUMENTS.c.retried, DOCUMENTS.c.run_id == self._run_id)
            seen = {"run_id": self._run_id, "outcome": outcome, "retried": retried}
            connection.execute(update(DOCUMENTS).where(DOCUMENTS.c.id.in_(ids)).values(**seen))
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


_CHANGEABLE = ("uri", "title", "size", "revision", "content_revision", "facts", "source_facts", "acl")
_CHANGED = (
    *_CHANGEABLE,
    *("attempts", "not_before", "claimed_by", "claimed_until", "outcome", "retried"),
    *("state", "version", "run_id", "updated_at"),
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
