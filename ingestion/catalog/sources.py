"""Sources: what is to be kept in sync, and how often."""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.clock import Clock
from core.errors import Conflict, NotFound
from ingestion.catalog.cursors import CURSORS, CursorRow
from ingestion.catalog.database import Database
from ingestion.catalog.inbox import forget_pushed
from ingestion.catalog.pauses import PAUSES, PauseRow
from ingestion.catalog.records import Source
from ingestion.catalog.rows import source_of
from ingestion.catalog.tables import (
    FAILURES,
    RUNS,
    SOURCES,
    TALLIES,
    WARNINGS,
    FailureRow,
    RunRow,
    SourceRow,
    TallyRow,
    WarningRow,
)

_ONE = select(SOURCES).where(SourceRow.id == bindparam("wanted_id"), ~SourceRow.deleting)


class SourceStore:
    """Reads and writes sources. Those that are being deleted are not shown."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self) -> list[Source]:
        """Every source, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(SOURCES).where(~SourceRow.deleting).order_by(SourceRow.name))
            return [source_of(row) for row in rows]

    def get(self, source_id: str) -> Source:
        """One source.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.read() as connection:
            row = connection.execute(_ONE, {"wanted_id": source_id}).first()
        if row is None:
            raise NotFound(f"There is no source {source_id!r}.")
        return source_of(row)

    def create(
        self, *, kind: str, name: str, config: Mapping[str, Any], interval_s: int, source_id: str | None = None
    ) -> Source:
        """Add a source.

        Args:
            source_id: its id, where its configuration was sealed for it; None: a new one.

        Raises:
            Conflict: the name is in use.
        """
        source = Source(
            id=source_id or uuid.uuid4().hex,
            kind=kind,
            name=name,
            config=dict(config),
            interval_s=interval_s,
            enabled=True,
            created_at=self._clock.now(),
        )
        values = {field: getattr(source, field) for field in Source.__slots__}
        values |= {"deleting": False, "lease_until": None, "held": False, "taken_out": 0}
        try:
            with self._database.write() as connection:
                connection.execute(insert(SOURCES).values(**values))
        except IntegrityError as error:
            raise _name_in_use(name) from error
        return source

    def update(self, source_id: str, **values: Any) -> Source:
        """Change ``name``, ``config``, ``interval_s``, ``enabled`` or ``weight``.

        A new configuration is listed from the start.

        Raises:
            NotFound: there is none of that id.
            Conflict: the name is in use.
        """
        if not values:
            return self.get(source_id)
        statement = update(SOURCES).where(SourceRow.id == source_id, ~SourceRow.deleting).values(**values)
        try:
            with self._database.write() as connection:
                connection.execute(statement)
                if "config" in values:
                    connection.execute(delete(CURSORS).where(CursorRow.source_id == source_id))
        except IntegrityError as error:
            raise _name_in_use(str(values.get("name"))) from error
        return self.get(source_id)

    def renew_secrets(self, renew: Callable[[Source], Mapping[str, Any] | None]) -> int:
        """Replace configurations by the same under another key, where ``renew`` gives one; of how many sources.

        Cursors stay. Nothing is changed if it raises.
        """
        with self._database.write() as connection:
            rows = connection.execute(select(SOURCES).where(~SourceRow.deleting).with_for_update()).all()
            renewed = {row.id: config for row in rows if (config := renew(source_of(row))) is not None}
            for source_id, config in renewed.items():
                connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(config=dict(config)))
        return len(renewed)

    def due(self) -> builtins.list[Source]:
        """Enabled sources whose interval has passed since they were last listed, and that no listing is begun for."""
        now = self._clock.now()
        unlisted = and_(RunRow.finished_at.is_(None), ~RunRow.listed)
        running = exists().where(RunRow.source_id == SourceRow.id, unlisted)
        with self._database.read() as connection:
            idle = (SourceRow.enabled, SourceRow.paused_at.is_(None), ~SourceRow.deleting, ~running)
            rows = connection.execute(select(SOURCES).where(*idle)).all()
        sources = [source_of(row) for row in rows]
        return [s for s in sources if s.last_run_at is None or s.last_run_at + timedelta(seconds=s.interval_s) <= now]

    def begin_delete(self, source_id: str) -> None:
        """Hide the source and free its name; :meth:`remove` ends it once its documents are gone.

        Raises:
            NotFound: there is none of that id.
        """
        name = self.get(source_id).name
        values = {"deleting": True, "enabled": False, "name": f"{name[:200]} (deleted {source_id})"}
        with self._database.write() as connection:
            connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(**values))

    def claim_deleting(self, lease_s: float, source_id: str | None = None) -> builtins.list[str]:
        """Take on the purge of deleted sources that nobody is at; the lease keeps others off meanwhile."""
        now = self._clock.now()
        free = or_(SourceRow.lease_until.is_(None), SourceRow.lease_until < now)
        one = SourceRow.id == source_id if source_id else SourceRow.deleting
        with self._database.write() as connection:
            statement = update(SOURCES).where(SourceRow.deleting, one, free)
            claimed = statement.values(lease_until=now + timedelta(seconds=lease_s)).returning(SourceRow.id)
            return list(connection.execute(claimed).scalars())

    def extend_deleting(self, source_id: str, lease_s: float) -> None:
        """Show that whoever purges the source is alive."""
        until = self._clock.now() + timedelta(seconds=lease_s)
        with self._database.write() as connection:
            connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(lease_until=until))

    def release_deleting(self, source_id: str) -> None:
        """Give up the purge of a source, for another task to take on."""
        with self._database.write() as connection:
            connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(lease_until=None))

    def remove(self, source_id: str) -> None:
        """Delete the source with its runs, failures and warnings; its documents are gone already."""
        with self._database.write() as connection:
            connection.execute(delete(FAILURES).where(FailureRow.source_id == source_id))
            connection.execute(delete(WARNINGS).where(WarningRow.source_id == source_id))
            connection.execute(delete(RUNS).where(RunRow.source_id == source_id))
            forget_pushed(connection, source_id)
            connection.execute(delete(TALLIES).where(TallyRow.source_id == source_id))
            connection.execute(delete(PAUSES).where(PauseRow.source_id == source_id))
            connection.execute(delete(CURSORS).where(CursorRow.source_id == source_id))
            connection.execute(delete(SOURCES).where(SourceRow.id == source_id))


def _name_in_use(name: str) -> Conflict:
    return Conflict(f"A source named {name!r} exists already: choose another name, or change that one.")
