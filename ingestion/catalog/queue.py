"""Handing documents to tasks: bounded, leased, and taken over when whoever had them died.

A message in the broker is only a hint that there is work; what counts is the document's row. A lost message, one
that comes twice, or one that comes late, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, case, func, or_, select, update

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.records import DocumentState, Work
from ingestion.catalog.rows import work_of
from ingestion.catalog.tables import DOCUMENTS, IS_MOVING, IS_PENDING, SOURCES, DocumentRow, SourceRow
from ingestion.catalog.turns import Candidate, Turns, share

_SCAN = 1000
_TRIES = 3
_HANDS_OUT = and_(~SourceRow.deleting, ~SourceRow.held, SourceRow.paused_at.is_(None))

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
    func.coalesce(func.sum(case((and_(_WAITING, DocumentRow.suspect), 1), else_=0)), 0),
).where(IS_MOVING)
_CLAIM_FOR_PARSING = (
    update(DOCUMENTS)
    .where(
        DocumentRow.id == bindparam("wanted_id"),
        DocumentRow.version == bindparam("wanted_version"),
        DocumentRow.state == DocumentState.QUEUED,
        DocumentRow.suspect == bindparam("wanted_suspect"),
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
        suspects: how many of ``parsed`` are to be embedded alone.
    """

    chunks: int
    parsed: int
    queued: int
    suspects: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """One version of one document: what a message to a worker names.

    Attributes:
        suspect: to be tried alone; see :class:`ingestion.tasks.trials.Trials`.
    """

    document_id: str
    version: int
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What nobody was at any more.

    Attributes:
        queued: to be sent to a worker again.
        suspects: how many a dead worker had among others. Each is tried alone now, and lost no attempt.
        blamed: what a worker died of while it had nothing else; given back already.
    """

    queued: Sequence[Ticket] = ()
    suspects: int = 0
    blamed: Sequence[Work] = ()


class DocumentQueue:
    """Moves documents from state to state on their way to the tasks, under leases."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._turns = Turns()

    def take_pending(self, source_id: str, in_flight: int, lease_s: float, *, untried: bool = False) -> list[Ticket]:
        """Move pending documents of a source to queued, as many as are its share of ``in_flight``; those moved.

        The share is by weight, among the sources that have documents in the queues. As these are worked off in the
        order in which they came, each gets that share of the workers. If ``untried``, those go first that didn't have
        to wait yet: what had may be why nothing gets through.
        """
        now = self._clock.now()
        due = [pending.where(DocumentRow.source_id == source_id) for pending in _pending(now)][:: -1 if untried else 1]
        with self._database.read() as connection:
            if not any(connection.execute(pending.limit(1)).first() for pending in due):
                return []
        until = now + timedelta(seconds=lease_s)
        with self._database.write() as connection:
            # The source's row is the lock that keeps two dispatchers from filling the same room.
            source = select(SourceRow.id).where(SourceRow.id == source_id, _HANDS_OUT).with_for_update()
            if connection.execute(source).first() is None:
                return []
            room = _room(connection, source_id, in_flight)
            if room <= 0:
                return []
            ids: list[str] = []
            for pending in due:
                chosen = pending.limit(room - len(ids)).with_for_update(skip_locked=True)
                ids.extend(connection.execute(chosen).scalars())
            moved = (
                update(DOCUMENTS)
                .where(DocumentRow.id.in_(ids))
                .values(state=DocumentState.QUEUED, claimed_by=None, claimed_until=until)
            )
            rows = connection.execute(moved.returning(DocumentRow.id, DocumentRow.version, DocumentRow.suspect))
            return [Ticket(row.id, row.version, row.suspect) for row in rows]

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
            "wanted_suspect": ticket.suspect,
            "now": now,
            "claimed_by": owner,
            "claimed_until": now + timedelta(seconds=lease_s),
        }
        with self._database.write() as connection:
            row = connection.execute(_CLAIM_FOR_PARSING, values).first()
        return None if row is None else work_of(row)

    def suspect_waits(self) -> bool:
        """Whether a parsed document waits for being embedded alone."""
        statement = select(DocumentRow.id).where(DocumentRow.suspect, _WAITING).limit(1)
        with self._database.read() as connection:
            return connection.execute(statement, {"now": self._clock.now()}).first() is not None

    def claim_suspect(self, owner: str, lease_s: float) -> list[Work]:
        """Take on the parsed document that is to be embedded alone and was blamed least; none if none waits."""
        order = (DocumentRow.attempts, DocumentRow.updated_at, DocumentRow.id)
        waiting = select(DocumentRow.id).where(IS_MOVING, _WAITING, DocumentRow.suspect).order_by(*order).limit(1)
        with self._database.write() as connection:
            named = connection.execute(waiting.with_for_update(skip_locked=True), {"now": self._clock.now()})
            return self._claim_parsed(connection, list(named.scalars()), owner, lease_s)

    def claim_for_embedding(self, owner: str, max_chunks: int, lease_s: float) -> list[Work]:
        """Take on parsed documents up to ``max_chunks`` chunks together, but at least one document.

        Sources share by weight, in chunks: one with large documents doesn't hold up another. Of each, the oldest go
        first. Suspects stay: they don't go with others.
        """
        now = {"now": self._clock.now()}
        columns = (DocumentRow.id, DocumentRow.source_id, DocumentRow.parsed_chunks, SourceRow.weight)
        joined = DOCUMENTS.join(SOURCES, SourceRow.id == DocumentRow.source_id)
        parsed = select(*columns).select_from(joined).where(IS_MOVING, _WAITING, ~DocumentRow.suspect)
        parsed = parsed.order_by(DocumentRow.updated_at, DocumentRow.id)
        passed: set[str] = set()
        for _ in range(_TRIES):
            with self._database.write() as connection:
                rows = [row for row in connection.execute(parsed, now) if row.id not in passed]
                weights = {row.source_id: row.weight for row in rows}
                waiting = (Candidate(row.id, row.source_id, row.parsed_chunks) for row in rows)
                chosen = self._turns.take(waiting, weights, max_chunks)
                # Whoever was quicker has locked some of them, or claimed them already.
                free = select(DocumentRow.id).where(DocumentRow.id.in_(chosen), _WAITING)
                free = free.order_by(DocumentRow.id).with_for_update(skip_locked=True)
                works = self._claim_parsed(connection, list(connection.execute(free, now).scalars()), owner, lease_s)
            if works or not chosen:
                break
            passed.update(chosen)
        return works

    def _claim_parsed(self, connection: Connection, ids: list[str], owner: str, lease_s: float) -> list[Work]:
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
            row = connection.execute(_BACKLOG, {"now": self._clock.now()}).one()
        return Backlog(*map(int, row))

    def sources_with_pending(self) -> list[str]:
        """Sources that have pending documents whose time has come."""
        # One look-up a source, and none at the documents that wait behind the first.
        firsts = [
            pending.where(DocumentRow.source_id == SourceRow.id).correlate(SourceRow).limit(1).scalar_subquery()
            for pending in _pending(self._clock.now())
        ]
        statement = select(SourceRow.id).where(_HANDS_OUT, or_(*(first.is_not(None) for first in firsts)))
        with self._database.read() as connection:
            return list(connection.execute(statement).scalars())

    def take_lost(self, lease_s: float, is_lost: Holds, is_excused: Holds = nobody) -> TakenOver:
        """Take over the documents whose lease ran out, or whose owner ``is_lost``.

        Who of several a worker died of isn't known: each becomes a suspect and loses no attempt. An attempt counts
        where a suspect was alone. That of an owner that ``is_excused`` doesn't, and raises no suspicion: it ended early
        because something was down.
        """
        now = self._clock.now()
        claimed = or_(DocumentRow.claimed_by.isnot(None), DocumentRow.state == DocumentState.QUEUED)
        candidates = select(DOCUMENTS).where(IS_MOVING, claimed).order_by(DocumentRow.claimed_until).limit(_SCAN)
        with self._database.read() as connection:
            if not any(_lost(row, now, is_lost) for row in connection.execute(candidates)):
                return TakenOver()
        with self._database.write() as connection:
            rows = connection.execute(candidates.with_for_update(skip_locked=True)).all()
            lost = [row for row in rows if _lost(row, now, is_lost)]
            begun = [row for row in lost if row.claimed_by is not None]
            excused = {row.id for row in begun if is_excused(row.claimed_by)}
            suspects = {row.id for row in begun if row.id not in excused and not row.suspect}
            values: dict[str, Any] = {"claimed_by": None, "claimed_until": now + timedelta(seconds=lease_s)}
            connection.execute(update(DOCUMENTS).where(DocumentRow.id.in_([row.id for row in lost])).values(values))
            uncounted = update(DOCUMENTS).where(DocumentRow.id.in_(excused | suspects))
            connection.execute(uncounted.values(attempts=DocumentRow.attempts - 1))
            connection.execute(update(DOCUMENTS).where(DocumentRow.id.in_(suspects)).values(suspect=True))
        # What was blamed already is tried last: chance, as in an outage, rarely finds it again and again.
        queued = sorted((row for row in lost if row.state == DocumentState.QUEUED), key=lambda row: row.attempts)
        return TakenOver(
            [Ticket(row.id, row.version, row.suspect or row.id in suspects) for row in queued],
            len(suspects),
            [work_of(row) for row in begun if row.suspect and row.id not in excused],
        )

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


def _room(connection: Connection, source_id: str, in_flight: int) -> int:
    """How many more documents of a source may be in the queues."""
    counts = select(DocumentRow.source_id, func.count()).where(IS_MOVING).group_by(DocumentRow.source_id)
    moving = {source: int(count) for source, count in connection.execute(counts)}
    wanted = select(SourceRow.id, SourceRow.weight).where(SourceRow.id.in_({*moving, source_id}))
    weights = {source: int(weight) for source, weight in connection.execute(wanted)}
    weight = weights.pop(source_id)
    return share(in_flight, weight, weights.values()) - moving.get(source_id, 0)


def _lost(row: Row[Any], now: datetime, is_lost: Holds) -> bool:
    return row.claimed_until is None or row.claimed_until < now or is_lost(row.claimed_by)
