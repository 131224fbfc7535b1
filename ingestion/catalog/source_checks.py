"""Settings that a worker is to try out, and what it found. Rows live for a minute or two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import String, Table, delete, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.tables import Base, Json


class SourceCheckRow(Base):
    """A check. ``config`` is sealed for ``id``. ``taken``: a worker is at it. ``found`` holds no secrets."""

    __tablename__ = "source_checks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(64))
    config: Mapped[Json]
    items: Mapped[int]
    taken: Mapped[bool]
    found: Mapped[Json | None]
    expires_at: Mapped[datetime]


CHECKS = cast(Table, SourceCheckRow.__table__)


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What is to be tried out.

    Attributes:
        source_id: the source that it is for; empty for one that isn't there yet.
        config: sealed for ``id``.
        items: how many documents to name.
    """

    id: str
    source_id: str
    kind: str
    config: Mapping[str, Any]
    items: int


@dataclass(frozen=True, slots=True)
class CheckState:
    """How a check stands; ``found`` is None until it is over."""

    taken: bool
    found: Mapping[str, Any] | None


class SourceCheckStore:
    """Hands checks from the service to a worker, and what was found back. Each method is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def ask(self, check: SourceCheck, lives_s: float) -> None:
        """Put a check down, and throw away those whose time is over."""
        now = self._clock.now()
        values = {field: getattr(check, field) for field in SourceCheck.__slots__}
        values |= {"taken": False, "found": None, "expires_at": now + timedelta(seconds=lives_s)}
        with self._database.write() as connection:
            connection.execute(delete(CHECKS).where(SourceCheckRow.expires_at < now))
            connection.execute(insert(CHECKS).values(**values))

    def take(self, check_id: str) -> SourceCheck | None:
        """Take a check on; None if another worker has it, or nobody waits for it any more."""
        waits = (SourceCheckRow.id == check_id, ~SourceCheckRow.taken, SourceCheckRow.expires_at >= self._clock.now())
        with self._database.write() as connection:
            row = connection.execute(update(CHECKS).where(*waits).values(taken=True).returning(CHECKS)).first()
        return None if row is None else SourceCheck(*(getattr(row, field) for field in SourceCheck.__slots__))

    def answer(self, check_id: str, found: Mapping[str, Any]) -> None:
        """Write down what was found, if somebody still waits for it. The settings go."""
        with self._database.write() as connection:
            answered = update(CHECKS).where(SourceCheckRow.id == check_id)
            connection.execute(answered.values(found=dict(found), config={}))

    def look(self, check_id: str) -> CheckState:
        """How a check stands."""
        with self._database.read() as connection:
            row = connection.execute(select(CHECKS).where(SourceCheckRow.id == check_id)).first()
        return CheckState(taken=False, found=None) if row is None else CheckState(row.taken, row.found)

    def forget(self, check_id: str) -> None:
        """Nobody waits for it any more."""
        with self._database.write() as connection:
            connection.execute(delete(CHECKS).where(SourceCheckRow.id == check_id))
