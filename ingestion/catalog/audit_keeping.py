"""Whether the audit log is whole, and how old entries leave it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, insert, select, text

from core.clock import Clock
from ingestion.catalog.audit import (
    AUDIT,
    CHECKPOINTS,
    LOCK,
    AuditRow,
    CheckpointRow,
    add_event,
    line_of,
)
from ingestion.catalog.audit_entries import GENESIS, Actor, Deed, digest
from ingestion.catalog.database import Database

_MOST_REMOVED = 50_000
"""In one transaction."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of a piece of the chain.

    Attributes:
        checked: entries that were looked at.
        last: the number of the last good one; behind it the next piece begins.
        hash: that entry's.
        broken: the number of the first entry that doesn't fit, None where all do.
        reason: why it doesn't.
        left: entries behind those that were looked at.
        removed: entries that retention has removed so far.
    """

    checked: int
    last: int
    hash: str
    broken: int | None
    reason: str | None
    left: int
    removed: int


class AuditKeeping:
    """Verifies and prunes. Methods raise :class:`core.errors.StorageUnavailable` when the catalog is down."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def verify(self, after: int = 0, limit: int = 10_000) -> Verified:
        """Look at so many entries behind the one of this number, whose own hash is taken as good."""
        with self._database.read() as connection:
            start = _removed_before(connection)
            if start.broken is None and after > start.last:
                known = connection.execute(select(AuditRow.hash).where(AuditRow.id == after)).scalar()
                if known is None:
                    return replace(start, broken=after, reason="It isn't there.")
                start = replace(start, last=after, hash=known)
            return start if start.broken is not None else _follow(connection, start, limit)

    def prune(self, before: datetime) -> int:
        """Remove the entries from before this moment, with a checkpoint that keeps the rest verifiable; how many.

        That it was done is an entry as well.
        """
        total = 0
        while removed := self._prune_some(before):
            total += removed
        return total

    def _prune_some(self, before: datetime) -> int:
        with self._database.write() as connection:
            if not self._database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            young = connection.execute(select(func.min(AuditRow.id)).where(AuditRow.at >= before)).scalar()
            old = select(AuditRow.id, AuditRow.hash).order_by(AuditRow.id).limit(_MOST_REMOVED)
            rows = connection.execute(old if young is None else old.where(AuditRow.id < young)).all()
            if not rows:
                return 0
            last_id, last_hash = rows[-1]
            former = select(CheckpointRow.id, CheckpointRow.hash).order_by(CheckpointRow.id.desc()).limit(1)
            number, chained = connection.execute(former).first() or (0, GENESIS)
            now = self._clock.now()
            kept = {"last_id": last_id, "last_hash": last_hash, "removed": len(rows)}
            hashed = digest(chained, number + 1, {**kept, "at": _moment(now)})
            connection.execute(insert(CHECKPOINTS).values(id=number + 1, at=now, hash=hashed, **kept))
            deed = Deed(action="audit.prune", detail=kept)
            add_event(connection, Actor(name="retention"), deed, now, "done")
            connection.execute(delete(AUDIT).where(AuditRow.id <= last_id))
            return len(rows)


def _removed_before(connection: Connection) -> Verified:
    """Where the chain begins that is left, once the checkpoints fit each other."""
    found = Verified(0, 0, GENESIS, None, None, 0, 0)
    chained = GENESIS
    for row in connection.execute(select(CHECKPOINTS).order_by(CheckpointRow.id)).mappings():
        kept = {name: row[name] for name in ("last_id", "last_hash", "removed")}
        chained = digest(chained, row["id"], {**kept, "at": _moment(row["at"])})
        if chained != row["hash"]:
            reason = f"The checkpoint of what was removed up to it (number {row['id']}) was changed."
            return replace(found, broken=row["last_id"], reason=reason)
        found = replace(found, last=row["last_id"], hash=row["last_hash"], removed=found.removed + row["removed"])
    return found


def _follow(connection: Connection, start: Verified, limit: int) -> Verified:
    found = start
    entries = select(AUDIT).where(AuditRow.id > start.last).order_by(AuditRow.id).limit(limit)
    for row in connection.execute(entries).mappings():
        found = replace(found, checked=found.checked + 1)
        if digest(found.hash, row["id"], line_of(dict(row))) != row["hash"]:
            reason = "It was changed, or those before it were removed, or it was put in."
            return replace(found, broken=row["id"], reason=reason)
        found = replace(found, last=row["id"], hash=row["hash"])
    behind = select(func.count()).select_from(AUDIT).where(AuditRow.id > found.last)
    return replace(found, left=connection.execute(behind).scalar_one())


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
