"""The audit log in the catalog: written, and searched. Triggers of the database refuse to change or remove entries."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    exists,
    func,
    insert,
    select,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Mapped, aliased, mapped_column

from core.clock import Clock
from ingestion.catalog.audit_entries import GENESIS, Actor, AuditEntry, Deed, Outcome, digest
from ingestion.catalog.database import Database
from ingestion.catalog.tables import Base, Json

LOCK = 0x41756469
_BIG = BigInteger().with_variant(Integer, "sqlite")


class AuditRow(Base):
    """An entry; see :class:`ingestion.catalog.audit_entries.AuditEntry`. ``hash`` is over it and the row before."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    at: Mapped[datetime]
    deed: Mapped[str] = mapped_column(String(32))
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
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (Index(None, "deed", "id"), Index(None, "at"), Index(None, "user", "id"))


class CheckpointRow(Base):
    """What was removed: the entries up to ``last_id``, whose hash was ``last_hash``.

    ``hash`` is over the row and the checkpoint before.
    """

    __tablename__ = "audit_checkpoints"

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    at: Mapped[datetime]
    last_id: Mapped[int] = mapped_column(BigInteger)
    last_hash: Mapped[str] = mapped_column(String(64))
    removed: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))


AUDIT = cast(Table, AuditRow.__table__)
CHECKPOINTS = cast(Table, CheckpointRow.__table__)
COLUMNS = tuple(AuditEntry.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """A deed, and how it stands.

    Attributes:
        outcome: ``begun`` until the end is known; it stays so where the process was killed in between.
        reason: of what failed: the slug of the error.
    """

    id: int
    at: datetime
    action: str
    outcome: Outcome
    reason: str | None
    key_id: str | None
    name: str
    user: str | None
    client: str | None
    request_id: str | None
    object_id: str | None
    object_name: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which events are wanted: those that fit all that is given.

    Attributes:
        action: or a group of them, as ``key`` for ``key.create`` and ``key.revoke``.
        object_id: what it was done to.
        document_id: a document that was opened, or among those shown.
        since, until: when; ``until`` itself excluded.
        before: only those with a lower number.
    """

    action: str | None = None
    user: str | None = None
    key_id: str | None = None
    client: str | None = None
    outcome: Outcome | None = None
    object_id: str | None = None
    document_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None

    def conditions(self, outcome: ColumnElement[str]) -> list[ColumnElement[bool]]:
        """As SQL; ``outcome`` is how an event ended."""
        found = [
            getattr(AuditRow, name) == value.replace("\0", "?")
            for name in ("user", "key_id", "client", "object_id")
            if (value := getattr(self, name)) is not None
        ]
        if self.action is not None:
            group = self.action.replace("\0", "?")
            found.append((AuditRow.action == group) | AuditRow.action.startswith(f"{group}.", autoescape=True))
        if self.outcome is not None:
            found.append(outcome == self.outcome)
        if self.document_id is not None:
            wanted = self.document_id.replace("\0", "?")
            shown = sql_cast(AuditRow.detail, Text).contains(f'"{wanted}"', autoescape=True)
            found.append((AuditRow.object_id == wanted) | shown)
        if self.since is not None:
            found.append(AuditRow.at >= self.since)
        if self.until is not None:
            found.append(AuditRow.at < self.until)
        if self.before is not None:
            found.append(AuditRow.id < self.before)
        return found


class AuditStore:
    """Writes and reads the log. Methods raise :class:`core.errors.StorageUnavailable` when the catalog is down."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries, all of them or none."""
        with self._database.write() as connection:
            append(connection, entries)

    def list(self, limit: int = 100, query: AuditQuery | None = None) -> builtins.list[AuditEvent]:
        """The latest events that are wanted, newest first."""
        end, first = aliased(AuditRow), aliased(AuditRow)
        outcome = func.coalesce(end.outcome, AuditRow.outcome)
        ended = {name: func.coalesce(getattr(end, name), getattr(AuditRow, name)) for name in ("reason", "object_name")}
        found = (
            select(AUDIT, outcome.label("outcome_"), end.object_id.label("object_id_"), end.detail.label("detail_"))
            .add_columns(*(value.label(f"{name}_") for name, value in ended.items()))
            .outerjoin(end, and_(end.deed == AuditRow.deed, end.id > AuditRow.id))
            .where(~exists().where(first.deed == AuditRow.deed, first.id < AuditRow.id))
            .where(*(query or AuditQuery()).conditions(outcome))
            .order_by(AuditRow.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_event(dict(row)) for row in connection.execute(found).mappings()]

    def entries(self, after: int, limit: int) -> builtins.list[dict[str, Any]]:
        """Entries as they were written, oldest first, with ``number`` and ``hash``; from behind this number."""
        query = select(AUDIT).where(AuditRow.id > after).order_by(AuditRow.id).limit(limit)
        with self._database.read() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [{"number": row["id"], **line_of(row), "hash": row["hash"]} for row in rows]


def append(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Add entries within a transaction of somebody else's, so that the log and the deed are written together.

    One transaction at a time has the end of the chain, until it is committed.
    """
    if connection.dialect.name == "postgresql":  # on SQLite, one transaction writes at a time
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    number, previous = head_of(connection)
    rows = []
    for entry in entries:
        number += 1
        # What the catalog will give back: JSON has fewer types.
        previous = digest(previous, number, entry.line())
        values = {name: getattr(entry, name) for name in COLUMNS}
        rows.append({"id": number, **values, "detail": dict(entry.detail), "hash": previous})
    if rows:
        connection.execute(insert(AUDIT), rows)


def add_event(connection: Connection, actor: Actor, deed: Deed, at: datetime, outcome: Outcome) -> None:
    """Add one entry; see :func:`append`."""
    append(connection, [AuditEntry.of(actor, deed, at, outcome)])


def head_of(connection: Connection) -> tuple[int, str]:
    """The number and the hash of the last entry, removed ones among them."""
    last = connection.execute(select(AuditRow.id, AuditRow.hash).order_by(AuditRow.id.desc()).limit(1)).first()
    if last is None:
        checkpoints = select(CheckpointRow.last_id, CheckpointRow.last_hash).order_by(CheckpointRow.id.desc()).limit(1)
        last = connection.execute(checkpoints).first()
    return (0, GENESIS) if last is None else (last[0], last[1])


def line_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the catalog as :meth:`ingestion.catalog.audit_entries.AuditEntry.line` writes it."""
    return AuditEntry(**{name: row[name] for name in COLUMNS}).line()


def _event(row: Mapping[str, Any]) -> AuditEvent:
    values = {name: row[name] for name in AuditEvent.__dataclass_fields__}
    values |= {name: row[f"{name}_"] for name in ("outcome", "reason", "object_name")}
    values["object_id"] = row["object_id_"] or row["object_id"]
    values["detail"] = row["detail"] if row["detail_"] is None else row["detail_"]
    return AuditEvent(**values)
