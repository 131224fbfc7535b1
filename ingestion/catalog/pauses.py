"""Pauses: a stage of ingestion, or of one source, that waits for something it needs, such as an index that is down."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import String, Table, Text, and_, bindparam, delete, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.records import Pause
from ingestion.catalog.rows import pause_of
from ingestion.catalog.tables import Base

SOURCE = "source"
"""What a source that doesn't answer is paused as, whatever was asked of it: no other source waits for it."""


class PauseRow(Base):
    """A stage that waits for something it needs; of one source, or of all (an empty ``source_id``).

    ``since``: when it first failed; ``until``: when it tries again.
    """

    __tablename__ = "pauses"

    stage: Mapped[str] = mapped_column(String(32), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime]
    until: Mapped[datetime]
    tries: Mapped[int]


PAUSES = cast(Table, PauseRow.__table__)
_WANTED = and_(PauseRow.stage == bindparam("wanted"), PauseRow.source_id == bindparam("of"))
_OF_STAGE = select(PAUSES).where(_WANTED)


class PauseStore:
    """Which stages wait, since when, why, and until when they try again. All processes see the same.

    Where a method takes a ``source_id``, an empty one means the stage itself, for all sources.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> builtins.list[Pause]:
        """Every stage that waits, the longest first."""
        with self._database.read() as connection:
            return [pause_of(row) for row in connection.execute(select(PAUSES).order_by(PauseRow.since))]

    def get(self, stage: str, source_id: str = "") -> Pause | None:
        """The pause of a stage, over or not; None once something got through."""
        with self._database.read() as connection:
            row = connection.execute(_OF_STAGE, {"wanted": stage, "of": source_id}).first()
        return None if row is None else pause_of(row)

    def active(self, stage: str, source_id: str = "") -> Pause | None:
        """The pause of a stage whose time to try again has not come; None otherwise."""
        pause = self.get(stage, source_id)
        return pause if pause is not None and pause.until > self._clock.now() else None

    def begin(
        self, stage: str, reason: str, delay_s: Callable[[int], float], source_id: str = ""
    ) -> tuple[Pause, bool]:
        """Pause a stage, or pause it once more; the pause, and whether this call began it.

        Args:
            delay_s: seconds to wait, given how often the stage was tried in vain.
        """
        now = self._clock.now()
        mine = and_(PauseRow.stage == stage, PauseRow.source_id == source_id)
        with self._database.write() as connection:
            row = connection.execute(select(PAUSES).where(mine).with_for_update()).first()
            if row is not None and row.until > now:
                return pause_of(row), False
            tries = 1 if row is None else row.tries + 1
            values = {"reason": reason, "tries": tries, "until": now + timedelta(seconds=delay_s(tries))}
            if row is None:
                connection.execute(insert(PAUSES).values(stage=stage, source_id=source_id, since=now, **values))
            else:
                connection.execute(update(PAUSES).where(mine).values(**values))
            return pause_of(connection.execute(select(PAUSES).where(mine)).one()), True

    def end(self, stage: str, source_id: str = "") -> None:
        """Note that a stage got through again."""
        with self._database.write() as connection:
            connection.execute(delete(PAUSES).where(PauseRow.stage == stage, PauseRow.source_id == source_id))
