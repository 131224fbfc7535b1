"""Pauses: a stage of ingestion that waits for something it needs, such as an index that is down."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.records import Pause
from ingestion.catalog.rows import pause_of
from ingestion.catalog.tables import PAUSES, PauseRow

_OF_STAGE = select(PAUSES).where(PauseRow.stage == bindparam("wanted"))


class PauseStore:
    """Which stages wait, since when, why, and until when they try again. All processes see the same."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> builtins.list[Pause]:
        """Every stage that waits, the longest first."""
        with self._database.read() as connection:
            return [pause_of(row) for row in connection.execute(select(PAUSES).order_by(PauseRow.since))]

    def get(self, stage: str) -> Pause | None:
        """The pause of a stage, over or not; None once something got through."""
        with self._database.read() as connection:
            row = connection.execute(_OF_STAGE, {"wanted": stage}).first()
        return None if row is None else pause_of(row)

    def active(self, stage: str) -> Pause | None:
        """The pause of a stage whose time to try again has not come; None otherwise."""
        pause = self.get(stage)
        return pause if pause is not None and pause.until > self._clock.now() else None

    def begin(self, stage: str, reason: str, delay_s: Callable[[int], float]) -> tuple[Pause, bool]:
        """Pause a stage, or pause it once more; the pause, and whether this call began it.

        Args:
            delay_s: seconds to wait, given how often the stage was tried in vain.
        """
        now = self._clock.now()
        mine = PauseRow.stage == stage
        with self._database.write() as connection:
            row = connection.execute(select(PAUSES).where(mine).with_for_update()).first()
            if row is not None and row.until > now:
                return pause_of(row), False
            tries = 1 if row is None else row.tries + 1
            values = {"reason": reason, "tries": tries, "until": now + timedelta(seconds=delay_s(tries))}
            if row is None:
                connection.execute(insert(PAUSES).values(stage=stage, since=now, **values))
            else:
                connection.execute(update(PAUSES).where(mine).values(**values))
            return pause_of(connection.execute(select(PAUSES).where(mine)).one()), True

    def end(self, stage: str) -> None:
        """Note that a stage got through again."""
        with self._database.write() as connection:
            connection.execute(delete(PAUSES).where(PauseRow.stage == stage))
