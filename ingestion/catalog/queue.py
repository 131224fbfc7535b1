"""Handing documents to tasks: bounded, leased, and taken over when whoever had them died.

A message in the broker is only a hint that there is work; what counts is the document's row. A lost message, one
that comes twice, or one that comes late, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, case, func, or_, select, update

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.records import DocumentState, Work
from ingestion.catalog.rows import work_of
from ingestion.catalog.tables import DOCUMENTS, IS_MOVING, IS_PENDING, DocumentRow, SourceRow

_SCAN = 1000

# What is asked once a document is built once: building a statement takes as long as running it.
_WAITING = and_(
    DocumentRow.state == DocumentState.PARSED,
    DocumentRow.claimed_by.is_(None),
    or_(DocumentRow.not_before.is_(None), DocumentRow.not_before <= bindparam("now")),
)
_BACKLOG = select(
    func.coalesce(func.sum(case((_WAITING, DocumentRow.parsed_chunks), else_=0)), 0),
    func.coalesce(func.sum(case((_WAITING, 1), else_=0)), 0),
    func.coalesce(func.sum(case((DocumentRow.state == DocumentState.QUEUED, 1), else_=0)), 0),
).where(IS_MOVING)
_CLAIM_FOR_PARSING = (
    update(DOCUMENTS)
    .where(
        DocumentRow.id == bindparam("wanted_id"),
        DocumentRow.version == bindparam("wanted_version"),
        DocumentRow.state == DocumentState.QUEUED,
        or_(DocumentRow.claimed_by.is_(None), DocumentRow.claimed_until < bindparam("now")),
    )
    .values(attempts=DocumentRow.attempts + 1)
    .returning(DOCUMENTS)
)


Holds = Callable[[str | None], bool]
"""Says something of an owner; None: of what nobody has claimed."""


def nobody(_: str | None) -> bool:
    """Of no owner."""
    return False


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for embedding, and whether more is about to come.

    Attributes:
        chunks: chunks of parsed documents that nobody is embedding.
        parsed: how many documents those are.
        queued: documents that are being parsed or wait for it.
    """

    chunks: int
    parsed: int
    queued: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """One version of one document: what a message to a worker names."""

    document_id: str
    version: int


class DocumentQueue:
    """Moves documents from state to state on their way to the tasks, under leases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def take_pending(self, source_id: str, in_flight: int, lease_s: float) -> list[Ticket]:
        """Move pending documents of a source to queued, as many as keep it at ``in_flight``; those moved."""
        now = self._clock.now()
        due = [pending.where(DocumentRow.source_id == source_id) for pending in _pending(now)]
        count = select(func.count()).where(DocumentRow.source_id == source_id, IS_MOVING)
        with self._database.read() as connection:
            if not any(connection.execute(pending.limit(1)).first() for pending in due):
                return []
        with self._database.write() as connection:
            # The source's row is the lock that keeps two dispatchers from filling the same room.
            source = select(SourceRow.id).where(SourceRow.id == source_id, ~SourceRow.deleting).with_for_update()
            if connection.execute(source).first() is None:
                return []
            room = in_flight - connection.execute(count).scalar_one()
            if room <= 0:
                return []
            ids: list[str] = []
            for pending in due:
                chosen = pending.limit(room - len(ids)).with_for_update(skip_locked=True)
                ids.extend(connection.execute(chosen).scalars())
            until = now + timedelta(seconds=lease_s)
            moved = (
                update(DOCUMENTS)
                .where(DocumentRow.id.in_(ids))
                .values(state=DocumentState.QUEUED, claimed_by=None, claimed_until=until)
            )
            rows = connection.execute(moved.returning(DocumentRow.id, DocumentRow.version))
            return [Ticket(row.id, row.version) for row in rows]

    def put_back(self, tickets: Collection[Ticket]) -> None:
        """Move queued documents back to pending: their messages could not be sent."""
        ids = [ticket.document_id for ticket in tickets]
        unclaimed = and_(DocumentRow.state == DocumentState.QUEUED, DocumentRow.claimed_by.is_(None))
        with self._database.write() as connection:
            statement = update(DOCUMENTS).where(DocumentRow.id.in_(ids), unclaimed)
            connection.execute(statement.values(state=DocumentState.PENDING, claimed_until=None))

    def claim_for_parsing(self, ticket: Ticket, owner: str, lease_s: float) -> Work | None:
        """Take on a queued document; None when it changed meanwhile, or another worker is alive at it."""
        now = self._clock.now()
        values = {
            "wanted_id": ticket.document_id,
            "wanted_version": ticket.version,
            "now": now,
            "claimed_by": owner,
            "claimed_until": now + timedelta(seconds=lease_s),
        }
        with self._database.write() as connection:
            row = connection.execute(_CLAIM_FOR_PARSING, values).first()
        return None if row is None else work_of(row)

    def claim_for_embedding(self, owner: str, max_chunks: int, lease_s: float) -> list[Work]:
        """Take on parsed documents, oldest first, up to ``max_chunks`` chunks together, but at least one document."""
        waiting = (
            select(DocumentRow.id, DocumentRow.parsed_chunks)
            .where(IS_MOVING, _WAITING)
            .order_by(DocumentRow.updated_at, DocumentRow.id)
            .limit(max_chunks)
            .with_for_update(skip_locked=True)
        )
        with self._database.write() as connection:
            ids: list[str] = []
            room = max_chunks
            for row in connection.execute(waiting, {"now": self._clock.now()}):
                if ids and row.parsed_chunks > room:
                    break
                ids.append(row.id)
                room -= row.parsed_chunks
            if not ids:
                return []
            claim = update(DOCUMENTS).where(DocumentRow.id.in_(ids)).values(**self._claim(owner, lease_s))
            return [work_of(row) for row in connection.execute(claim.returning(DOCUMENTS))]

    def extend(self, owner: str, document_ids: Collection[str], lease_s: float) -> None:
        """Show that the owner of these claims is alive."""
        until = self._clock.now() + timedelta(seconds=lease_s)
        statement = update(DOCUMENTS).where(DocumentRow.id.in_(document_ids), DocumentRow.claimed_by == owner)
        with self._database.write() as connection:
            connection.execute(statement.values(claimed_until=until))

    def backlog(self) -> Backlog:
        """What waits for embedding, and how much is still being parsed."""
        with self._database.read() as connection:
            chunks, parsed, queued = connection.execute(_BACKLOG, {"now": self._clock.now()}).one()
        return Backlog(int(chunks), int(parsed), int(queued))

    def sources_with_pending(self) -> list[str]:
        """Sources that have pending documents whose time has come."""
        # One look-up a source, and none at the documents that wait behind the first.
        firsts = [
            pending.where(DocumentRow.source_id == SourceRow.id).correlate(SourceRow).limit(1).scalar_subquery()
            for pending in _pending(self._clock.now())
        ]
        statement = select(SourceRow.id).where(or_(*(first.is_not(None) for first in firsts)))
        with self._database.read() as connection:
            return list(connection.execute(statement).scalars())

    def take_lost(self, lease_s: float, is_lost: Holds, is_excused: Holds = nobody) -> tuple[list[Ticket], list[Work]]:
        """Take over the documents whose lease ran out, or whose owner ``is_lost``.

        The attempt of an owner that ``is_excused`` doesn't count: it ended early because something was down.

        Returns:
            Queued documents, to be sent to a worker again; and those whose worker died while it had them, given back
            already.
        """
        now = self._clock.now()
        claimed = or_(DocumentRow.claimed_by.isnot(None), DocumentRow.state == DocumentState.QUEUED)
        candidates = select(DOCUMENTS).where(IS_MOVING, claimed).order_by(DocumentRow.claimed_until).limit(_SCAN)
        with self._database.read() as connection:
            if not any(_lost(row, now, is_lost) for row in connection.execute(candidates)):
                return [], []
        with self._database.write() as connection:
            rows = connection.execute(candidates.with_for_update(skip_locked=True)).all()
            lost = [row for row in rows if _lost(row, now, is_lost)]
            until = now + timedelta(seconds=lease_s)
            freed = update(DOCUMENTS).where(DocumentRow.id.in_([row.id for row in lost]))
            connection.execute(freed.values(claimed_by=None, claimed_until=until))
            excused = {row.id for row in lost if row.claimed_by is not None and is_excused(row.claimed_by)}
            uncounted = update(DOCUMENTS).where(DocumentRow.id.in_(excused))
            connection.execute(uncounted.values(attempts=DocumentRow.attempts - 1))
        queued = [Ticket(row.id, row.version) for row in lost if row.state == DocumentState.QUEUED]
        return queued, [work_of(row) for row in lost if row.claimed_by is not None and row.id not in excused]

    def _claim(self, owner: str, lease_s: float) -> dict[str, Any]:
        until = self._clock.now() + timedelta(seconds=lease_s)
        # Counted when the work begins: a document that kills its worker must not be tried for ever.
        return {"claimed_by": owner, "claimed_until": until, "attempts": DocumentRow.attempts + 1}


def _pending(now: datetime) -> tuple[Select[Any], Select[Any]]:
    """Pending documents whose time has come: those that waited for it, which are few, and those that needn't wait.

    They are asked for apart, each in the order of the index: an OR of both would read all that are pending.
    """
    pending = select(DocumentRow.id).where(IS_PENDING).order_by(DocumentRow.not_before, DocumentRow.id)
    return pending.where(DocumentRow.not_before <= now), pending.where(DocumentRow.not_before.is_(None))


def _lost(row: Row[Any], now: datetime, is_lost: Holds) -> bool:
    return row.claimed_until is None or row.claimed_until < now or is_lost(row.claimed_by)
