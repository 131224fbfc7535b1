"""How the catalog stands to the index: whose index it is, and how a comparison of the two goes."""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import BigInteger, ColumnElement, Row, String, Table, Text, and_, case, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.outcomes import send_again
from ingestion.catalog.records import OPEN_STATES, DocumentState
from ingestion.catalog.tables import DOCUMENTS, Base, DocumentRow, Json


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


COMPARISON = cast(Table, ComparisonRow.__table__)
_ONE = ComparisonRow.id == 1
_MOVING = (DocumentState.PENDING, DocumentState.QUEUED, DocumentState.PARSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How the catalog stands to the index.

    Attributes:
        catalog, epoch, told_epoch: see :class:`ComparisonRow`.
        reason: why a comparison goes on; None: none does.
        position: the id of the last document that it has looked at.
        checked: how many it has.
        found: how many documents of each kind differ, so far.
        last_found: what the last one that ended had found.
    """

    catalog: str
    epoch: int
    told_epoch: int
    reason: str | None
    position: str
    checked: int
    found: Mapping[str, int]
    last_found: Mapping[str, int]
    began_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the catalog says of a document in the index.

    Attributes:
        indexed_version: None: the index should hold nothing of it.
        index_due: the index has yet to hear of something, so that they may differ.
    """

    id: str
    source_id: str
    parent_id: str | None
    state: DocumentState
    version: int
    indexed_version: int | None
    chunks: int
    acl: frozenset[str]
    index_due: bool
    updated_at: datetime

    @property
    def is_moving(self) -> bool:
        """Whether it is on its way into the index."""
        return self.state in OPEN_STATES


class ComparisonStore:
    """Reads and writes how the comparison stands, and puts right what it finds."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def get(self) -> Comparison:
        """How it stands. A catalog that has no name yet gets one."""
        row = self._row()
        if row is None:
            blank: dict[str, Any] = {"id": 1, "catalog": uuid.uuid4().hex, "epoch": 0, "told_epoch": 0, "position": ""}
            try:
                with self._database.write() as connection:
                    connection.execute(insert(COMPARISON).values(**blank, checked=0, found={}, last_found={}))
            except IntegrityError:  # another process was quicker
                pass
            row = self._row()
        assert row is not None
        return Comparison(**{name: getattr(row, name) for name in Comparison.__dataclass_fields__})

    def next_epoch(self, above: int = 0) -> int:
        """The epoch that the index is to be told next; :meth:`told` says that it was."""
        epoch = max(self.get().told_epoch, above) + 1
        self._set(epoch=epoch)
        return epoch

    def told(self, epoch: int) -> None:
        """Note that the index keeps this epoch."""
        newest = case((ComparisonRow.told_epoch < epoch, epoch), else_=ComparisonRow.told_epoch)
        self._set(told_epoch=newest)

    def begin(self, reason: str) -> bool:
        """Begin a comparison from the start; False when one for the same reason goes on."""
        fresh = {"reason": reason, "position": "", "checked": 0, "found": {}, "began_at": self._clock.now()}
        other = or_(ComparisonRow.reason.is_(None), ComparisonRow.reason != reason)
        self.get()
        with self._database.write() as connection:
            begun = update(COMPARISON).where(_ONE, other).values(**fresh, claimed_by=None, claimed_until=None)
            return connection.execute(begun).rowcount == 1

    def claim(self, owner: str, lease_s: float) -> Comparison | None:
        """Take on the comparison that goes on; None when there is none, or somebody alive is at it."""
        now = self._clock.now()
        free = or_(ComparisonRow.claimed_by.is_(None), ComparisonRow.claimed_until < now)
        until = now + timedelta(seconds=lease_s)
        claim = update(COMPARISON).where(_ONE, ComparisonRow.reason.isnot(None), free)
        with self._database.write() as connection:
            claimed = connection.execute(claim.values(claimed_by=owner, claimed_until=until)).rowcount == 1
        return self.get() if claimed else None

    def advance(self, owner: str, position: str, checked: int, found: Mapping[str, int], lease_s: float) -> bool:
        """Note how far the owner has come; False when it was begun anew meanwhile."""
        until = self._clock.now() + timedelta(seconds=lease_s)
        values = {"position": position, "checked": checked, "found": dict(found), "claimed_until": until}
        return self._held(owner, values)

    def release(self, owner: str) -> None:
        """Let another task go on."""
        self._held(owner, {"claimed_by": None, "claimed_until": None})

    def finish(self, owner: str, found: Mapping[str, int]) -> bool:
        """End the comparison with all that it found; False when it was begun anew meanwhile."""
        ended = {"reason": None, "claimed_by": None, "claimed_until": None, "finished_at": self._clock.now()}
        return self._held(owner, {**ended, "found": dict(found), "last_found": dict(found)})

    def known(self, after: str, up_to: str | None, limit: int) -> builtins.list[Known]:
        """The next documents by id behind ``after``, none behind ``up_to``."""
        columns = [DOCUMENTS.c[name] for name in Known.__dataclass_fields__]
        wanted = select(*columns).where(DocumentRow.id > after).order_by(DocumentRow.id).limit(limit)
        if up_to is not None:
            wanted = wanted.where(DocumentRow.id <= up_to)
        with self._database.read() as connection:
            return [_known_of(row) for row in connection.execute(wanted)]

    def hashes(self, document_ids: Collection[str]) -> dict[str, set[str]]:
        """By document, the versions of its blobs that something refers to."""
        named = (DocumentRow.content_hash, DocumentRow.parsed_hash, DocumentRow.content_revision)
        wanted = select(DocumentRow.id, *named).where(DocumentRow.id.in_(document_ids))
        with self._database.read() as connection:
            return {key: {name for name in names if name} for key, *names in connection.execute(wanted)}

    def tell_again(self, documents: Sequence[Known]) -> None:
        """Have the index told of these documents' permissions and metadata once more."""
        with self._database.write() as connection:
            for document in documents:
                connection.execute(update(DOCUMENTS).where(_same(document)).values(index_due=True))

    def read_again(self, documents: Sequence[Known]) -> None:
        """Have these documents read and indexed anew."""
        with self._database.write() as connection:
            for document in documents:
                send_again(connection, _same(document), self._clock.now())

    def distrust(self, document: Known, index_version: int) -> None:
        """Hide a document of which the index has a later version than the catalog knows, until it is listed anew.

        Its permissions may be later ones as well, so nobody may read it. The documents that it lies in are read anew.
        """
        unknown: dict[str, Any] = {"revision": "", "content_revision": "", "updated_at": self._clock.now()}
        moving = DocumentRow.state.in_(_MOVING)
        hidden = {
            "acl": [],
            "version": index_version + 1,
            "indexed_version": index_version,
            "index_due": True,
            "state": case((moving, DocumentState.PENDING), else_=DocumentRow.state),
            "claimed_by": None,
            "suspect": False,
            "attempts": 0,
        }
        with self._database.write() as connection:
            connection.execute(update(DOCUMENTS).where(_same(document)).values(**unknown, **hidden))
            outer = document.parent_id
            while outer is not None:
                holder = update(DOCUMENTS).where(DocumentRow.id == outer).values(**unknown)
                outer = connection.execute(holder.returning(DocumentRow.parent_id)).scalar()

    def _set(self, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(COMPARISON).where(_ONE).values(**values))

    def _held(self, owner: str, values: dict[str, Any]) -> bool:
        with self._database.write() as connection:
            held = update(COMPARISON).where(_ONE, ComparisonRow.claimed_by == owner)
            return connection.execute(held.values(**values)).rowcount == 1

    def _row(self) -> Row[Any] | None:
        with self._database.read() as connection:
            return connection.execute(select(COMPARISON).where(_ONE)).first()


def _same(document: Known) -> ColumnElement[bool]:
    """The document as it was seen: what has changed since is somebody else's."""
    return and_(DocumentRow.id == document.id, DocumentRow.version == document.version)


def _known_of(row: Row[Any]) -> Known:
    values = {name: getattr(row, name) for name in Known.__dataclass_fields__}
    return Known(**{**values, "state": DocumentState(row.state), "acl": frozenset(row.acl)})
