"""Builds of the index from the stored texts: how far each is, and who is at it."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, String, Table, Text, and_, func, insert, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.errors import Conflict, NotFound
from ingestion.catalog.database import Database
from ingestion.catalog.records import OPEN_STATES, DocumentState, Work
from ingestion.catalog.rows import work_of
from ingestion.catalog.tables import DOCUMENTS, IS_MOVING, Base, DocumentRow, Json, TallyRow


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


REBUILDS = cast(Table, RebuildRow.__table__)


class RebuildState(StrEnum):
    """How a build stands. ``ready``: complete and checked, not swapped in; ``live``: it was swapped in."""

    FILLING = "filling"
    CHECKING = "checking"
    READY = "ready"
    LIVE = "live"
    FAILED = "failed"


RUNNING = (RebuildState.FILLING, RebuildState.CHECKING)
_FREE: dict[str, Any] = {"claimed_by": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """A build of the index.

    Attributes:
        generation: what is built.
        previous: the generation that was live when it was begun: where a rollback goes.
        swap: whether it is swapped in once it has passed its checks.
        done, total: documents of the first round. Further rounds look at what changed meanwhile.
        fixed: documents that the present round found wrong.
        tries: how often the checks were made in vain, or a round of them waited.
        error: why it failed.
    """

    generation: str
    previous: str
    state: RebuildState
    swap: bool
    position: str
    step: int
    total: int
    done: int
    fixed: int
    tries: int
    since: datetime | None
    round_began: datetime
    error: str | None
    began_at: datetime
    finished_at: datetime | None


class RebuildStore:
    """Keeps builds. One runs at a time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> builtins.list[Rebuild]:
        """All builds, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(REBUILDS).order_by(RebuildRow.began_at.desc()))
            return [_rebuild_of(row) for row in rows]

    def get(self, generation: str) -> Rebuild:
        """The build of a generation. Raises NotFound."""
        found = next((one for one in self.list() if one.generation == generation), None)
        if found is None:
            raise NotFound(f"Generation {generation!r} was not made by a rebuild.")
        return found

    def running(self) -> Rebuild | None:
        """The build that goes on, if one does."""
        return next((one for one in self.list() if one.state in RUNNING), None)

    def begin(self, generation: str, previous: str, *, swap: bool) -> Rebuild:
        """Enter a build of a generation that was just begun. Raises Conflict when one is running."""
        now = self._clock.now()
        if (other := self.running()) is not None:
            raise Conflict(f"Generation {other.generation} is being built: wait for it, or: footnote index drop.")
        claimed = and_(IS_MOVING, DocumentRow.state == DocumentState.PARSED, DocumentRow.claimed_by.isnot(None))
        with self._database.write() as connection:
            total = connection.execute(select(func.count()).where(_indexed())).scalar_one()
            busy = connection.execute(select(DocumentRow.id, DocumentRow.claimed_by).where(claimed))
            connection.execute(
                insert(REBUILDS).values(
                    generation=generation,
                    previous=previous,
                    state=RebuildState.FILLING,
                    swap=swap,
                    position="",
                    step=0,
                    total=total,
                    done=0,
                    fixed=0,
                    tries=0,
                    since=None,
                    round_began=now,
                    watched={row.id: row.claimed_by for row in busy},
                    began_at=now,
                )
            )
        return self.get(generation)

    def claim(self, generation: str, step: int, owner: str, lease_s: float) -> Rebuild | None:
        """Take on a step; None when it was done already, or somebody alive is at it."""
        now = self._clock.now()
        mine = and_(
            RebuildRow.generation == generation,
            RebuildRow.step == step,
            RebuildRow.state.in_(RUNNING),
            or_(RebuildRow.claimed_by.is_(None), RebuildRow.claimed_until < now),
        )
        until = now + timedelta(seconds=lease_s)
        claim = update(REBUILDS).where(mine).values(claimed_by=owner, claimed_until=until).returning(REBUILDS)
        with self._database.write() as connection:
            row = connection.execute(claim).first()
        return None if row is None else _rebuild_of(row)

    def extend(self, generation: str, owner: str, lease_s: float) -> None:
        """Show that the owner is alive."""
        until = self._clock.now() + timedelta(seconds=lease_s)
        with self._database.write() as connection:
            connection.execute(update(REBUILDS).where(_held(generation, owner)).values(claimed_until=until))

    def advance(self, rebuild: Rebuild, owner: str, lease_s: float, **values: Any) -> int | None:
        """End a step with what it changed; the number of the next, or None when the claim was lost or it is over."""
        until = self._clock.now() + timedelta(seconds=lease_s)
        state = values.get("state", rebuild.state)
        ended = {} if state in RUNNING else {"finished_at": self._clock.now()}
        values = {**values, **ended, **_FREE, "step": rebuild.step + 1, "claimed_until": until}
        with self._database.write() as connection:
            held = update(REBUILDS).where(_held(rebuild.generation, owner)).values(**values)
            count = connection.execute(held).rowcount
        return rebuild.step + 1 if count and state in RUNNING else None

    def mark(self, generation: str, state: RebuildState, error: str | None = None) -> None:
        """Write down what became of a build, whoever was at it."""
        values = {"state": state, "error": error, "finished_at": self._clock.now(), **_FREE}
        with self._database.write() as connection:
            connection.execute(update(REBUILDS).where(RebuildRow.generation == generation).values(**values))

    def take_lost(self, lease_s: float, is_lost: Callable[[str | None], bool]) -> Rebuild | None:
        """Take over the running build if nobody is at it any more, under a new step."""
        running, now = self.running(), self._clock.now()
        if running is None:
            return None
        same = and_(RebuildRow.generation == running.generation, RebuildRow.step == running.step)
        with self._database.write() as connection:
            row = connection.execute(select(REBUILDS).where(same).with_for_update()).first()
            if row is None or not (row.claimed_until is None or row.claimed_until < now or is_lost(row.claimed_by)):
                return None
            until = now + timedelta(seconds=lease_s)
            connection.execute(
                update(REBUILDS).where(same).values(step=RebuildRow.step + 1, claimed_until=until, **_FREE)
            )
        return self.get(running.generation)

    def next_documents(self, rebuild: Rebuild, max_chunks: int) -> builtins.list[Work]:
        """The next documents of the round, by id, up to so many chunks together, but at least one while any is left."""
        where = [_indexed(), DocumentRow.id > rebuild.position]
        if rebuild.since is not None:
            where.append(DocumentRow.updated_at >= rebuild.since)
        statement = select(DOCUMENTS).where(*where).order_by(DocumentRow.id).limit(max_chunks)
        with self._database.read() as connection:
            works = [work_of(row) for row in connection.execute(statement)]
        room, taken = max_chunks, 0
        for work in works:
            room -= work.record.chunks
            if taken and room < 0:
                break
            taken += 1
        return works[:taken]

    def still_watched(self, generation: str) -> int:
        """How many of the tasks that were embedding when the generation was begun are still at it."""
        with self._database.read() as connection:
            which = select(RebuildRow.watched).where(RebuildRow.generation == generation)
            watched: dict[str, str] = connection.execute(which).scalar_one()
            holds = select(DocumentRow.id, DocumentRow.claimed_by).where(DocumentRow.id.in_(watched))
            return sum(watched[row.id] == row.claimed_by for row in connection.execute(holds))

    def works(self, document_ids: builtins.list[str]) -> dict[str, Work]:
        """Those of the documents that the index holds, as they are now."""
        statement = select(DOCUMENTS).where(_indexed(), DocumentRow.id.in_(document_ids))
        with self._database.read() as connection:
            return {row.id: work_of(row) for row in connection.execute(statement)}

    def moving(self) -> int:
        """How many documents are on their way into the index, or out of it."""
        states = (*OPEN_STATES, DocumentState.DELETING)
        with self._database.read() as connection:
            counted = select(func.coalesce(func.sum(TallyRow.documents), 0)).where(TallyRow.state.in_(states))
            return int(connection.execute(counted).scalar_one())


def _indexed() -> ColumnElement[bool]:
    present = and_(DocumentRow.content_hash.isnot(None), DocumentRow.indexed_version.isnot(None))
    return and_(present, DocumentRow.state != DocumentState.DELETING)


def _held(generation: str, owner: str) -> ColumnElement[bool]:
    return and_(RebuildRow.generation == generation, RebuildRow.claimed_by == owner)


def _rebuild_of(row: Row[Any]) -> Rebuild:
    values = {name: getattr(row, name) for name in Rebuild.__dataclass_fields__}
    return Rebuild(**{**values, "state": RebuildState(row.state)})
