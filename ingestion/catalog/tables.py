"""The catalog's tables, on SQLite and PostgreSQL alike. A change here needs a step in ``migrations/versions``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, MetaData, String, Table, Text, text
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


class SourceRow(Base):
    """A source. ``lease_until`` belongs to the task that purges it."""

    __tablename__ = "sources"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(300), unique=True)
    config: Mapped[Json]
    cursor: Mapped[Json]
    interval_s: Mapped[int]
    enabled: Mapped[bool]
    deleting: Mapped[bool]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    last_run_at: Mapped[datetime | None]


class DocumentRow(Base):
    """A document.

    ``run_id`` is the run that it counts in and ``outcome`` what came of it there, None while that is open: a run's
    counts are a GROUP BY, right however often a task ran. ``seen_by`` is the last run that saw it: the same one,
    unless the document was still on its way for an earlier one. ``index_due``: the index has yet to hear of its
    present permissions and metadata, or that it is gone. ``not_before`` delays a retry. ``claimed_by`` names the
    process at work on it; ``claimed_until`` is when its claim, or its message in the queue, counts as lost.
    ``parent_id`` is the document that it lies in. ``content_key`` is the same for documents whose chunks are embedded
    alike. ``retried``: it had failed before, and the run that it counts in tried it again.
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
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    indexed_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "source_id", "state"),
        Index(None, "state", "not_before"),
        Index(None, "parent_id"),
        Index(None, "content_key", "state"),
        Index(None, "run_id", "outcome", "state"),
        Index(
            "ix_documents_due",
            "source_id",
            "run_id",
            sqlite_where=text("index_due"),
            postgresql_where=text("index_due"),
        ),
    )


_LISTING = "state = 'running' AND NOT listed"
_QUEUED = "state = 'queued'"


class RunRow(Base):
    """A run. ``listed``: the source was listed to its end. The lease belongs to the process that lists.

    Until it is finished, its counts hold only what no document stands for any more: what later runs took over, what
    was deleted, and what it found on its way for an earlier one.
    """

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id"), index=True)
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
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        # At most one listing of a source at a time, and one that waits for it to end, however many processes try.
        Index(
            "ux_runs_one_listing",
            "source_id",
            unique=True,
            sqlite_where=text(_LISTING),
            postgresql_where=text(_LISTING),
        ),
        Index(
            "ux_runs_one_queued",
            "source_id",
            unique=True,
            sqlite_where=text(_QUEUED),
            postgresql_where=text(_QUEUED),
        ),
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


class ParserRow(Base):
    """A version of what reads documents."""

    __tablename__ = "parsers"

    number: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(Text, unique=True)
    first_seen: Mapped[datetime]


class PauseRow(Base):
    """A stage that waits for something it needs. ``since``: when it first failed; ``until``: when it tries again."""

    __tablename__ = "pauses"

    stage: Mapped[str] = mapped_column(String(32), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime]
    until: Mapped[datetime]
    tries: Mapped[int]


class RebuildRow(Base):
    """A build of the index from the stored texts. ``position`` is the last document done of the present round.

    ``step`` numbers the tasks: a message for another one than the next is late or doubled, and does nothing.
    ``since``: the round looks at documents that changed after it; None: at all. ``watched``: what was being embedded
    when the generation was begun, as ``document id -> claim``: such a task may not have known of the generation.
    """

    __tablename__ = "rebuilds"

    generation: Mapped[str] = mapped_column(String(150), primary_key=True)
    previous: Mapped[str] = mapped_column(String(150))
    state: Mapped[str] = mapped_column(String(16))
    swap: Mapped[bool]
    position: Mapped[str] = mapped_column(String(32))
    step: Mapped[int]
    total: Mapped[int]
    done: Mapped[int]
    fixed: Mapped[int]
    tries: Mapped[int]
    since: Mapped[datetime | None]
    round_began: Mapped[datetime]
    watched: Mapped[Json]
    error: Mapped[str | None] = mapped_column(Text)
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    claimed_until: Mapped[datetime | None]
    began_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ComparisonRow(Base):
    """How the catalog stands to the index: the one row of its table.

    ``catalog`` names this catalog for good, ``epoch`` grows with each listing. The index keeps both as its mark;
    ``told_epoch`` is the last one that it is known to keep. A mark that is neither says that one of the two was lost,
    or restored from an older state. ``reason`` and ``position`` belong to a comparison that goes on, with what it has
    ``found`` so far by kind; ``last_found`` is the former one's.
    """

    __tablename__ = "comparison"

    id: Mapped[int] = mapped_column(primary_key=True)
    catalog: Mapped[str] = mapped_column(String(32))
    epoch: Mapped[int] = mapped_column(BigInteger)
    told_epoch: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(Text)
    position: Mapped[str] = mapped_column(String(100))
    checked: Mapped[int] = mapped_column(BigInteger)
    found: Mapped[Json]
    last_found: Mapped[Json]
    began_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    claimed_until: Mapped[datetime | None]


class ApiKeyRow(Base):
    """An API key; of the key itself only a digest is kept.

    ``from_configuration``: the row stands for ``api.admin_key``, so that it can be revoked like any other, and counts
    only where the configuration names it.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(300))
    prefix: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user: Mapped[str | None] = mapped_column(String(300))
    groups: Mapped[list[str]]
    admin: Mapped[bool]
    from_configuration: Mapped[bool]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditRow(Base):
    """What an administrator did; see :class:`ingestion.catalog.audit.AuditEvent`."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(100))
    key_id: Mapped[str | None] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(300))
    user: Mapped[str | None] = mapped_column(String(300))
    client: Mapped[str | None] = mapped_column(String(100))
    request_id: Mapped[str | None] = mapped_column(String(64))
    object_id: Mapped[str | None] = mapped_column(Text)
    object_name: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[Json]


SOURCES = cast(Table, SourceRow.__table__)
DOCUMENTS = cast(Table, DocumentRow.__table__)
RUNS = cast(Table, RunRow.__table__)
FAILURES = cast(Table, FailureRow.__table__)
WARNINGS = cast(Table, WarningRow.__table__)
PARSERS = cast(Table, ParserRow.__table__)
PAUSES = cast(Table, PauseRow.__table__)
REBUILDS = cast(Table, RebuildRow.__table__)
COMPARISON = cast(Table, ComparisonRow.__table__)
API_KEYS = cast(Table, ApiKeyRow.__table__)
AUDIT = cast(Table, AuditRow.__table__)
