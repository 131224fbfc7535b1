"""How often the arms of a canary fail: sums of a day. No people, no questions, no answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, cast

from sqlalchemy import BigInteger, Date, String, Table, Text, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.tables import Base

Arm = Literal["baseline", "candidate", "shadow"]
"""Who answered; ``shadow``: the candidate, without being shown."""


class CanaryDayRow(Base):
    """The sums of one day (UTC) and arm of a canary."""

    __tablename__ = "canary_days"

    canary: Mapped[str] = mapped_column(String(12), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    arm: Mapped[str] = mapped_column(String(16), primary_key=True)
    conversations: Mapped[int] = mapped_column(BigInteger)
    failures: Mapped[int] = mapped_column(BigInteger)
    answers: Mapped[int] = mapped_column(BigInteger)
    errors: Mapped[int] = mapped_column(BigInteger)
    unsupported: Mapped[int] = mapped_column(BigInteger)
    slow: Mapped[int] = mapped_column(BigInteger)


class CanaryStopRow(Base):
    """A canary that was stopped, and why."""

    __tablename__ = "canary_stops"

    canary: Mapped[str] = mapped_column(String(12), primary_key=True)
    stopped_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)


_DAYS = cast(Table, CanaryDayRow.__table__)
_STOPS = cast(Table, CanaryStopRow.__table__)
_KEY = ("canary", "day", "arm")
_SUMS = ("conversations", "failures", "answers", "errors", "unsupported", "slow")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Sums of an arm.

    Attributes:
        conversations: first answers of conversations.
        failures: those of them that ended in an error or had an unsupported sentence.
        answers: all answers, first or not.
        errors, unsupported, slow: those of them that ended in an error; that had an unsupported sentence; that took
            longer than ``canary.slow_s``.
    """

    conversations: int = 0
    failures: int = 0
    answers: int = 0
    errors: int = 0
    unsupported: int = 0
    slow: int = 0

    def __add__(self, other: Outcomes) -> Outcomes:
        return Outcomes(*(getattr(self, name) + getattr(other, name) for name in _SUMS))


@dataclass(frozen=True, slots=True)
class Stop:
    """When a canary was stopped, and why."""

    stopped_at: datetime
    reason: str


class CanaryStore:
    """Keeps them. Methods block, and raise :class:`core.errors.StorageUnavailable` when the catalog is down."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, canary: str, outcomes: Mapping[tuple[date, Arm], Outcomes]) -> None:
        """Add to the sums of a canary; several processes may at the same time."""
        with self._database.write() as connection:
            for (day, arm), what in sorted(outcomes.items()):  # in one order: no two transactions wait for each other
                values = {"canary": canary, "day": day, "arm": arm} | {name: getattr(what, name) for name in _SUMS}
                adding = self._dialect.insert(_DAYS).values(**values)
                sums = {name: _DAYS.c[name] + adding.excluded[name] for name in _SUMS}
                connection.execute(adding.on_conflict_do_update(index_elements=list(_KEY), set_=sums))

    def days(self, canary: str) -> dict[tuple[date, Arm], Outcomes]:
        """The sums of a canary by day and arm, the days in order."""
        wanted = select(_DAYS).where(CanaryDayRow.canary == canary).order_by(CanaryDayRow.day, CanaryDayRow.arm)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return {(row.day, row.arm): Outcomes(*(int(getattr(row, name)) for name in _SUMS)) for row in rows}

    def stop(self, canary: str, reason: str) -> bool:
        """Stop a canary for good; False where it was stopped before, whose reason stands."""
        values = {"canary": canary, "stopped_at": self._clock.now(), "reason": reason}
        stopping = self._dialect.insert(_STOPS).values(**values).on_conflict_do_nothing().returning(_STOPS.c.canary)
        with self._database.write() as connection:
            return connection.execute(stopping).first() is not None

    def stopped(self, canary: str) -> Stop | None:
        """When and why it was stopped; None: it wasn't."""
        wanted = select(_STOPS.c.stopped_at, _STOPS.c.reason).where(CanaryStopRow.canary == canary)
        with self._database.read() as connection:
            row = connection.execute(wanted).first()
        return Stop(*row) if row else None

    @property
    def _dialect(self) -> Any:
        return sqlite if self._database.is_sqlite else postgresql
