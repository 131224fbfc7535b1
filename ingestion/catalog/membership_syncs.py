"""Syncs of memberships: which source's is due, who is at it, and how the last one ended. Two never overlap."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ColumnElement, Connection, ForeignKey, String, Table, Text, and_, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.tables import Base, SourceRow


class MembershipSyncRow(Base):
    """How syncing a source's memberships stands.

    ``number`` counts its syncs. ``claimed_by`` is None while a message that asks for one is in the queue, until
    ``claimed_until``. ``failures``: how many syncs in a row have failed, the last of them with ``error``.
    """

    __tablename__ = "membership_syncs"

    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int]
    due_at: Mapped[datetime]
    begun_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    has_groups: Mapped[bool]
    left_out: Mapped[int]
    failures: Mapped[int]
    error: Mapped[str | None] = mapped_column(Text)
    claimed_by: Mapped[str | None] = mapped_column(String(200))
    claimed_until: Mapped[datetime | None]


SYNCS = cast(Table, MembershipSyncRow.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipSync:
    """How syncing a source's memberships stands.

    Attributes:
        begun_at: when the last sync began.
        done_at: when one last read everything: what is known is as of then.
        due_at: when the next one is due.
        has_groups: its connector knows groups.
        left_out: what the last complete one couldn't take: members without an e-mail address, and unusable names.
        failures: how many have failed since.
        error: why the last one failed.
    """

    begun_at: datetime | None
    done_at: datetime | None
    due_at: datetime
    has_groups: bool
    left_out: int
    failures: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipClaim:
    """The right to write a source's memberships, until it is taken over.

    Attributes:
        number: of the sync, among those of its source.
        failures: how many have failed before it in a row.
    """

    source_id: str
    owner: str
    number: int
    failures: int


class TakenOver(Exception):
    """The claim is no longer the caller's: another task has it, or the source is being deleted."""


class MembershipSyncs:
    """Hands out the syncs of memberships, and keeps how they ended."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def take_due(self, lease_s: float) -> list[str]:
        """The enabled sources whose memberships are due, to be sent to a worker; none is given twice meanwhile."""
        now = self._clock.now()
        known = exists().where(MembershipSyncRow.source_id == SourceRow.id)
        syncable = and_(SourceRow.enabled, ~SourceRow.deleting)
        due = or_(and_(MembershipSyncRow.due_at <= now, _is_free(now)), _was_cut_off(now))
        mine = MembershipSyncRow.source_id.in_(select(SourceRow.id).where(syncable))
        sent = (
            update(SYNCS)
            .where(due, mine)
            .values(due_at=now, claimed_by=None, claimed_until=now + timedelta(seconds=lease_s))
        )
        with self._database.write() as connection:
            for source_id in connection.execute(select(SourceRow.id).where(syncable, ~known)).scalars().all():
                _add(connection, source_id, now)
            return list(connection.execute(sent.returning(MembershipSyncRow.source_id)).scalars())

    def want(self, source_id: str) -> None:
        """Have memberships read after this call, even if a sync is under way. There must be such a source."""
        now = self._clock.now()
        with self._database.write() as connection:
            _add(connection, source_id, now)
            connection.execute(update(SYNCS).where(MembershipSyncRow.source_id == source_id).values(due_at=now))

    def claim(self, source_id: str, owner: str, lease_s: float, interval_s: float) -> MembershipClaim | None:
        """Begin a sync, if one is due and nobody is at it; the next one is due after the interval."""
        now = self._clock.now()
        due = or_(and_(MembershipSyncRow.due_at <= now, _is_unclaimed(now)), _was_cut_off(now))
        one = and_(MembershipSyncRow.source_id == source_id, due, _LIVES)
        claimed = (
            update(SYNCS)
            .where(one)
            .values(
                number=MembershipSyncRow.number + 1,
                begun_at=now,
                due_at=now + timedelta(seconds=interval_s),
                claimed_by=owner,
                claimed_until=now + timedelta(seconds=lease_s),
            )
        )
        with self._database.write() as connection:
            row = connection.execute(claimed.returning(SYNCS)).first()
        if row is None:
            return None
        return MembershipClaim(source_id=source_id, owner=owner, number=row.number, failures=row.failures)

    def hold(self, claim: MembershipClaim, lease_s: float) -> None:
        """Show that whoever has the claim is alive."""
        until = self._clock.now() + timedelta(seconds=lease_s)
        with self._database.write() as connection:
            connection.execute(update(SYNCS).where(_is_of(claim)).values(claimed_until=until))

    def finish(self, claim: MembershipClaim, *, has_groups: bool, left_out: int) -> bool:
        """End a sync that read everything. Returns whether another one was asked for meanwhile.

        Raises:
            TakenOver: the claim is no longer the caller's.
        """
        now = self._clock.now()
        values = {"done_at": now, "has_groups": has_groups, "left_out": left_out, "failures": 0, "error": None}
        done = update(SYNCS).where(_is_of(claim)).values(**values, claimed_by=None, claimed_until=None)
        with self._database.write() as connection:
            due_at: datetime | None = connection.execute(done.returning(MembershipSyncRow.due_at)).scalar()
        if due_at is None:
            raise TakenOver
        return due_at <= now

    def fail(self, claim: MembershipClaim, error: str, retry_s: float) -> None:
        """End a sync that couldn't read everything, and have it tried again in so many seconds at the latest."""
        again = self._clock.now() + timedelta(seconds=retry_s)
        with self._database.write() as connection:
            due_at = connection.execute(
                select(MembershipSyncRow.due_at).where(_is_of(claim)).with_for_update()
            ).scalar()
            if due_at is None:
                return
            values = {"has_groups": True, "failures": claim.failures + 1, "error": error, "due_at": min(due_at, again)}
            failed = update(SYNCS).where(_is_of(claim))
            connection.execute(failed.values(**values, claimed_by=None, claimed_until=None))

    def free_lost(self, is_lost: Callable[[str | None], bool]) -> builtins.list[str]:
        """Have the syncs begun anew whose claims, or messages, are lost; the ids of their sources."""
        held = select(MembershipSyncRow.source_id, MembershipSyncRow.claimed_by)
        with self._database.read() as connection:
            rows = connection.execute(held.where(MembershipSyncRow.claimed_until.is_not(None))).all()
        lost = [row for row in rows if is_lost(row.claimed_by)]
        for row in lost:
            still = MembershipSyncRow.claimed_by.is_not_distinct_from(row.claimed_by)
            freed = update(SYNCS).where(MembershipSyncRow.source_id == row.source_id, still)
            with self._database.write() as connection:
                connection.execute(freed.values(claimed_by=None, claimed_until=None, due_at=self._clock.now()))
        return [row.source_id for row in lost]

    def get(self, source_id: str) -> MembershipSync | None:
        """How it stands; None if no sync was ever due."""
        with self._database.read() as connection:
            row = connection.execute(select(SYNCS).where(MembershipSyncRow.source_id == source_id)).first()
        return (
            None if row is None else MembershipSync(**{name: getattr(row, name) for name in MembershipSync.__slots__})
        )

    def failing(self) -> builtins.list[tuple[str, str]]:
        """The sources whose memberships couldn't be read last time: their names, and why."""
        failed = select(SourceRow.name, MembershipSyncRow.error).join(
            MembershipSyncRow, MembershipSyncRow.source_id == SourceRow.id
        )
        with self._database.read() as connection:
            rows = connection.execute(
                failed.where(MembershipSyncRow.error.is_not(None), ~SourceRow.deleting).order_by(SourceRow.name)
            )
            return [(row.name, row.error) for row in rows]


def check_claim(connection: Connection, claim: MembershipClaim) -> None:
    """Make sure, until the transaction ends, that nobody takes the claim over.

    Raises:
        TakenOver: somebody did.
    """
    if (
        connection.execute(select(MembershipSyncRow.number).where(_is_of(claim), _LIVES).with_for_update()).first()
        is None
    ):
        raise TakenOver


def _add(connection: Connection, source_id: str, now: datetime) -> None:
    """Begin to keep a source's syncs, if nobody did."""
    values = {"source_id": source_id, "number": 0, "due_at": now, "has_groups": False, "left_out": 0, "failures": 0}
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(SYNCS).values(**values).on_conflict_do_nothing())


def _is_of(claim: MembershipClaim) -> ColumnElement[bool]:
    mine = and_(MembershipSyncRow.source_id == claim.source_id, MembershipSyncRow.claimed_by == claim.owner)
    return and_(mine, MembershipSyncRow.number == claim.number)


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(MembershipSyncRow.claimed_until.is_(None), MembershipSyncRow.claimed_until < now)


def _was_cut_off(now: datetime) -> ColumnElement[bool]:
    """Somebody is at it who hasn't shown a sign of life for too long."""
    return and_(MembershipSyncRow.claimed_by.is_not(None), MembershipSyncRow.claimed_until < now)


def _is_unclaimed(now: datetime) -> ColumnElement[bool]:
    return or_(MembershipSyncRow.claimed_by.is_(None), _is_free(now))


_LIVES = exists().where(SourceRow.id == MembershipSyncRow.source_id, ~SourceRow.deleting)
