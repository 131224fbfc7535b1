"""The tables that several modules share, on SQLite and PostgreSQL alike. A table of one module stands in that module.

A change to any needs a step in ``migrations/versions``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

Json = dict[str, Any]


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite keeps it without the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn any aware time into UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read a time as UTC, whatever zone the session shows it in."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s"})
    type_annotation_map = {datetime: UtcDateTime, Json: JSON, list[str]: JSON}  # noqa: RUF012 - SQLAlchemy's own name


schema_compatibility = Table(
    "schema_compatibility", Base.metadata, Column("compatible_from", String(32), primary_key=True)
)
"""One row: the last step that a program has to know to work on the schema (``migrate.py``)."""

IS_PENDING = text("state = 'pending'")
IS_MOVING = text("state IN ('queued', 'parsed')")
IS_OPEN = text("outcome IS NULL")
IS_RETRIED = text("retried")
IS_DUE = text("index_due")
IS_SUSPECT = text("suspect")
IS_CLEARED = text("state = 'deleting' AND NOT index_due")
IS_UNFINISHED = text("finished_at IS NULL")
IS_SYNC = text("kind = 'sync'")
IS_SUCCESS = text("kind = 'sync' AND state = 'finished'")
"""Conditions of partial indexes. A statement repeats them word for word, without parameters: a database takes such an
index only where it can tell, before it knows any parameter, that it holds all that is asked for."""


def _partial(name: str, *columns: str, where: TextClause, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


class SourceRow(Base):
    """A source. ``lease_until`` belongs to the task that purges it.

    ``paused_at``: since when nothing is listed or handed out. ``held``: a sync was cancelled; its documents wait for
    the next one. ``weight``: its share of the workers. ``had`` and ``taken_out``: how many documents there were when
    the listing began that is yet to be got through, and how many were deleted by name since.
    """

    __tablename__ = "sources"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(300), unique=True)
    config: Mapped[Json]
    interval_s: Mapped[int]
    enabled: Mapped[bool]
    deleting: Mapped[bool]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    last_run_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    held: Mapped[bool]
    weight: Mapped[int]
    had: Mapped[int | None]
    taken_out: Mapped[int]


class DocumentRow(Base):
    """A document.

    ``run_id`` is the run that it counts in and ``outcome`` what came of it there, None while that is open: a run's
    counts are sums over its documents (:class:`TallyRow`), right however often a task ran. ``seen_by`` is the last run
    that saw it: the same one, unless the document was still on its way for an earlier one. ``index_due``: the index has
    yet to hear of its present permissions and metadata, or that it is gone. ``not_before`` delays a retry.
    ``claimed_by`` names the process at work on it; ``claimed_until`` is when its claim, or its message in the queue,
    counts as lost. ``parent_id`` is the document that it lies in. ``content_key`` is the same for documents whose
    chunks are embedded alike. ``retried``: it had failed before, and the run that it counts in tried it again.
    ``suspect``: a worker died while it had this document among others; it is tried alone before it is blamed. ``note``
    is what its connector wants to be told of it next time.
    """

    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"))
    parent_id: Mapped[str | None] = mapped_column(String(32))
    external_id: Mapped[str] = mapped_column(Text)
    uri: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str | None] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    revision: Mapped[str] = mapped_column(Text)
    content_revision: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str | None] = mapped_column(String(64))
    parsed_hash: Mapped[str | None] = mapped_column(String(64))
    content_key: Mapped[str | None] = mapped_column(String(64))
    facts: Mapped[Json]
    source_facts: Mapped[Json]
    own_facts: Mapped[Json]
    acl: Mapped[list[str]]
    chunks: Mapped[int]
    parsed_chunks: Mapped[int]
    indexed_version: Mapped[int | None]
    attempts: Mapped[int]
    not_before: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    claimed_until: Mapped[datetime | None]
    run_id: Mapped[str | None] = mapped_column(String(32))
    seen_by: Mapped[str | None] = mapped_column(String(32))
    outcome: Mapped[str | None] = mapped_column(String(16))
    retried: Mapped[bool]
    index_due: Mapped[bool]
    suspect: Mapped[bool]
    note: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    indexed_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "source_id", "state"),
        Index(None, "parent_id"),
        Index(None, "content_key", "state"),
        # What tasks ask again and again: each index holds only the documents in question, in the order asked for.
        _partial("ix_documents_pending", "source_id", "not_before", "id", where=IS_PENDING),
        _partial("ix_documents_pending_since", "source_id", "updated_at", where=IS_PENDING),
        _partial("ix_documents_moving", "source_id", where=IS_MOVING),
        _partial("ix_documents_open", "run_id", "id", where=IS_OPEN),
        _partial("ix_documents_retried", "run_id", where=IS_RETRIED),
        _partial("ix_documents_due", "id", where=IS_DUE),
        _partial("ix_documents_due_by_source", "source_id", "id", where=IS_DUE),
        _partial("ix_documents_due_by_run", "run_id", "id", where=IS_DUE),
        _partial("ix_documents_cleared", "source_id", "id", where=IS_CLEARED),
        _partial("ix_documents_suspect", "state", where=IS_SUSPECT),
    )


_LISTING = text("state = 'running' AND NOT listed")
_QUEUED = text("state = 'queued'")


class RunRow(Base):
    """A run. ``listed``: the source was listed to its end. The lease belongs to the process that lists.

    ``cancelled``: somebody asked for its end; it ends once nobody is at it. ``plan``: what a dry run found. ``rate``:
    documents a second, as measured lately; at ``measured_at`` ``measured`` of them were through.

    Until it is finished, its counts hold only what no document stands for any more: what later runs took over, what
    was deleted, and what it found on its way for an earlier one.
    """

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"))
    state: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    listed: Mapped[bool]
    refused: Mapped[bool]
    attempts: Mapped[int]
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    claimed_until: Mapped[datetime | None]
    seen: Mapped[int]
    unchanged: Mapped[int]
    indexed: Mapped[int]
    failed: Mapped[int]
    deleted: Mapped[int]
    retried: Mapped[int]
    warned: Mapped[int]
    superseded: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16))
    full: Mapped[bool]
    confirmed: Mapped[bool]
    cancelled: Mapped[bool]
    plan: Mapped[Json | None]
    rate: Mapped[float | None] = mapped_column(Double)
    measured: Mapped[int]
    measured_at: Mapped[datetime | None]

    __table_args__ = (
        # At most one listing of a source at a time, and one that waits for it to end, however many processes try.
        _partial("ux_runs_one_listing", "source_id", where=_LISTING, unique=True),
        _partial("ux_runs_one_queued", "source_id", where=_QUEUED, unique=True),
        Index(None, "source_id", "started_at"),
        _partial("ix_runs_unfinished", "source_id", "started_at", "id", where=IS_UNFINISHED),
        _partial("ix_runs_syncs", "source_id", "started_at", where=IS_SYNC),
        _partial("ix_runs_succeeded", "source_id", "started_at", where=IS_SUCCESS),
    )


class FailureRow(Base):
    """Why a document is not (or not any more up to date) in the index; at most one row for each document.

    ``parser`` is the number of the parser that it was last tried with; None: none that is known.
    """

    __tablename__ = "failures"

    document_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"), index=True)
    external_id: Mapped[str] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(String(32))
    stage: Mapped[str] = mapped_column(String(32))
    error_class: Mapped[str] = mapped_column(String(100))
    message: Mapped[str] = mapped_column(Text)
    retryable: Mapped[bool]
    attempts: Mapped[int]
    parser: Mapped[int | None]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]


class WarningRow(Base):
    """A secret in a document, or a file that is none because it is secret (``withheld``); at most one row for each.

    ``run_id`` is the run that wrote it last.
    """

    __tablename__ = "warnings"

    document_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"), index=True)
    external_id: Mapped[str] = mapped_column(Text)
    run_id: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text)
    withheld: Mapped[bool]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]


class TallyRow(Base):
    """How many documents of a source stand alike, with their chunks and bytes: the sum of all rows that say so.

    Triggers of the database write them, as differences, in the transaction that changes the documents. Rows are only
    ever added, so that no two transactions wait for each other; :class:`ingestion.catalog.tallies.Tallies` sums them
    up now and again.
    """

    __tablename__ = "document_tallies"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(32))
    run_id: Mapped[str | None] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str | None] = mapped_column(String(16))
    documents: Mapped[int] = mapped_column(BigInteger)
    retried: Mapped[int] = mapped_column(BigInteger)
    chunks: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index(None, "source_id", "run_id"),)


SOURCES = cast(Table, SourceRow.__table__)
DOCUMENTS = cast(Table, DocumentRow.__table__)
RUNS = cast(Table, RunRow.__table__)
FAILURES = cast(Table, FailureRow.__table__)
WARNINGS = cast(Table, WarningRow.__table__)
TALLIES = cast(Table, TallyRow.__table__)
