"""Memberships: who is in which group of a source, as its connector said last.

A group is written whole, in one transaction: no reader ever meets half of one.
"""

from __future__ import annotations

import builtins
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.errors import InvalidRequest
from core.principal import email_id
from ingestion.catalog.database import Database
from ingestion.catalog.membership_syncs import MembershipClaim, check_claim
from ingestion.catalog.tables import Base, SourceRow
from ingestion.connectors.port import Membership

_ID = BigInteger().with_variant(Integer, "sqlite")
T = TypeVar("T")

_LONGEST_NAME = 500
_ROWS = 1000
"""Rows that one statement names."""
MOST_GROUPS = 10_000
"""Of one reader. Every search looks for each of them, so there is an end; who is in more reads less."""


class GroupRow(Base):
    """A group of a source.

    ``digest`` is of who is in it, so that a sync of one that didn't change reads no members. ``seen_in`` is the number
    of the sync that named it last.
    """

    __tablename__ = "source_groups"

    id: Mapped[int] = mapped_column(_ID, primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    members: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    seen_in: Mapped[int]

    __table_args__ = (Index("ux_source_groups_name", "source_id", "name", unique=True),)


class MemberRow(Base):
    """Somebody in a group; ``user`` is an e-mail address in small letters."""

    __tablename__ = "group_members"

    group_id: Mapped[int] = mapped_column(_ID, ForeignKey("source_groups.id", ondelete="CASCADE"), primary_key=True)
    user: Mapped[str] = mapped_column(String(300), primary_key=True)

    __table_args__ = (Index("ix_group_members_user", "user", "group_id"),)


GROUPS = cast(Table, GroupRow.__table__)
MEMBERS = cast(Table, MemberRow.__table__)

_OF_USER = (
    select(GroupRow.name)
    .join(MemberRow, MemberRow.group_id == GroupRow.id)
    .join(SourceRow, SourceRow.id == GroupRow.source_id)
    .where(MemberRow.user == bindparam("wanted_user"), ~SourceRow.deleting)
    .order_by(MemberRow.group_id)
    .limit(MOST_GROUPS)
)


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """A group of a source, and how many readers are in it."""

    name: str
    members: int


class MembershipStore:
    """Reads and writes memberships."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def groups_of(self, user: str | None) -> frozenset[str]:
        """The groups that sources have a user in, as access lists name them; none for who has no e-mail address."""
        address = None if user is None else email_id(user)
        if address is None:
            return frozenset()
        with self._database.read() as connection:
            return frozenset(connection.execute(_OF_USER, {"wanted_user": address}).scalars())

    def list(
        self, source_id: str, *, user: str | None = None, limit: int = 100, offset: int = 0
    ) -> builtins.list[SourceGroup]:
        """A source's groups by name, or those of them that a user is in."""
        found = select(GroupRow.name, GroupRow.members).where(_shown(source_id, user)).order_by(GroupRow.name)
        with self._database.read() as connection:
            rows = connection.execute(found.limit(limit).offset(offset))
            return [SourceGroup(row.name, row.members) for row in rows]

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """How many readers are in these groups, as access lists name them; those that no source has are left out."""
        found = select(GroupRow.name, GroupRow.members).where(GroupRow.name.in_(names))
        with self._database.read() as connection:
            return {row.name: row.members for row in connection.execute(found)}

    def count(self, source_id: str, user: str | None = None) -> int:
        """How many there are."""
        counted = select(func.count()).select_from(GroupRow).where(_shown(source_id, user))
        with self._database.read() as connection:
            return int(connection.execute(counted).scalar_one())

    def enter(self, claim: MembershipClaim, memberships: Iterable[Membership]) -> int:
        """Write who is in these groups, all or nothing; of a group that is named twice the last word counts.

        Returns:
            How many members and groups were left out: without an e-mail address, or with a name that can't be kept.

        Raises:
            TakenOver: the claim is no longer the caller's.
            InvalidRequest: a group isn't the source's own.
        """
        wanted: dict[str, frozenset[str]] = {}
        left_out = 0
        for one in memberships:
            _check_namespace(claim.source_id, one.group)
            if not _can_be_kept(one.group):
                left_out += 1
                continue
            addresses = {user: email_id(user) for user in one.users}
            wanted[one.group] = frozenset(address for address in addresses.values() if address is not None)
            left_out += sum(address is None for address in addresses.values())
        with self._database.write() as connection:
            check_claim(connection, claim)
            for names in _pieces(wanted):
                _write_groups(connection, claim, {name: wanted[name] for name in names})
        return left_out

    def prune(self, claim: MembershipClaim, limit: int) -> int:
        """Delete groups that the sync didn't name, at most so many; how many.

        Raises:
            TakenOver: the claim is no longer the caller's.
        """
        with self._database.write() as connection:
            check_claim(connection, claim)
            unseen = and_(GroupRow.source_id == claim.source_id, GroupRow.seen_in != claim.number)
            return _delete_groups(connection, unseen, limit)

    def forget(self, source_id: str, limit: int) -> int:
        """Delete groups of a source that is being deleted, at most so many; how many."""
        with self._database.write() as connection:
            return _delete_groups(connection, GroupRow.source_id == source_id, limit)


def _shown(source_id: str, user: str | None) -> ColumnElement[bool]:
    of_source = GroupRow.source_id == source_id
    if user is None:
        return of_source
    # An empty address is nobody's.
    theirs = select(MemberRow.group_id).where(MemberRow.user == (email_id(user) or ""))
    return and_(of_source, GroupRow.id.in_(theirs))


def _check_namespace(source_id: str, group: str) -> None:
    if not group.startswith(f"{source_id}/"):
        raise InvalidRequest(
            f"The connector says who is in {group[:100]!r}, which isn't a group of this source: groups must be named "
            "by ConnectorContext.group. Nothing of it was taken in."
        )


def _can_be_kept(name: str) -> bool:
    unstorable = "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name)
    return len(name) <= _LONGEST_NAME and not unstorable


def _write_groups(connection: Connection, claim: MembershipClaim, wanted: Mapping[str, frozenset[str]]) -> None:
    known = _known(connection, claim.source_id, wanted)
    new = [name for name in wanted if name not in known]
    if new:
        values = {"source_id": claim.source_id, "members": 0, "digest": "", "seen_in": claim.number}
        connection.execute(insert(GROUPS), [{**values, "name": name} for name in new])
        known |= _known(connection, claim.source_id, new)
    changed = {known[name]: users for name, users in wanted.items() if known[name].digest != _digest(users)}
    for rows in _pieces(_added(connection, changed)):
        # What is returned isn't needed. With it, many rows go in one statement, which is four times as fast.
        connection.execute(insert(MEMBERS).returning(MemberRow.group_id), rows)
    for group, users in changed.items():
        values = {"members": len(users), "digest": _digest(users)}
        connection.execute(update(GROUPS).where(GroupRow.id == group.id).values(**values))
    seen = update(GROUPS).where(GroupRow.id.in_([group.id for group in known.values()]))
    connection.execute(seen.values(seen_in=claim.number))


class _Known(NamedTuple):
    id: int
    digest: str


def _known(connection: Connection, source_id: str, names: Collection[str]) -> dict[str, _Known]:
    found = select(GROUPS).where(GroupRow.source_id == source_id, GroupRow.name.in_(names))
    return {row.name: _Known(row.id, row.digest) for row in connection.execute(found)}


def _added(connection: Connection, changed: Mapping[_Known, frozenset[str]]) -> Iterator[dict[str, Any]]:
    """The rows to add; those of members who are gone are deleted on the way."""
    for group, users in changed.items():
        mine = MemberRow.group_id == group.id
        before = set(connection.execute(select(MemberRow.user).where(mine)).scalars()) if group.digest else set()
        for gone in _pieces(before - users):
            connection.execute(delete(MEMBERS).where(mine, MemberRow.user.in_(gone)))
        for user in sorted(users - before):
            yield {"group_id": group.id, "user": user}


def _pieces(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut into pieces that one statement can name."""
    left = iter(values)
    while piece := list(islice(left, _ROWS)):
        yield piece


def _delete_groups(connection: Connection, which: ColumnElement[bool], limit: int) -> int:
    ids = connection.execute(select(GroupRow.id).where(which).limit(limit)).scalars().all()
    # Their members go with them.
    connection.execute(delete(GROUPS).where(GroupRow.id.in_(ids)))
    return len(ids)


def _digest(users: frozenset[str]) -> str:
    return hashlib.sha256("\n".join(sorted(users)).encode()).hexdigest()
