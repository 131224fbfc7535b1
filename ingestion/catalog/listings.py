"""Beginning runs: one listing of a source at a time, and one that waits for it to end."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from core.errors import NotFound
from ingestion.catalog.records import Run, RunState
from ingestion.catalog.rows import run_of
from ingestion.catalog.tables import RUNS, SOURCES, RunRow, SourceRow


def lock_source(connection: Connection, source_id: str) -> None:
    """Keep others from beginning runs of a source until the transaction ends.

    Raises:
        NotFound: there is no such source.
    """
    # Not a lock that would keep documents from being added, which refer to the row.
    row = select(SourceRow.id).where(SourceRow.id == source_id).with_for_update(key_share=True)
    if connection.execute(row).first() is None:
        raise NotFound(f"There is no source {source_id!r}.")


def open_listing(connection: Connection, source_id: str, now: datetime, lease_s: float) -> tuple[Run, bool]:
    """A run of a locked source that has yet to be listed, and whether it is new; see :meth:`RunStore.begin`."""
    waiting = RunRow.state.in_((RunState.RUNNING, RunState.QUEUED))
    found = select(RUNS).where(RunRow.source_id == source_id, waiting, ~RunRow.listed).with_for_update()
    rows = {row.state: row for row in connection.execute(found)}
    listing = rows.get(RunState.RUNNING)
    if listing is None:
        # One that is queued is started by whoever ended the listing before it, or here.
        if RunState.QUEUED not in rows:
            connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(last_run_at=now))
            return add_run(connection, source_id, RunState.RUNNING, now, lease_s), True
        return run_of(rows[RunState.QUEUED]), False
    if listing.claimed_by is None:
        return run_of(listing), False
    if RunState.QUEUED in rows:
        return run_of(rows[RunState.QUEUED]), False
    return add_run(connection, source_id, RunState.QUEUED, now, lease_s), True


def add_run(
    connection: Connection, source_id: str, state: RunState, now: datetime, lease_s: float, *, listed: bool = False
) -> Run:
    """Add a run.

    Args:
        listed: there is nothing to list; the run is for documents that are known already.
    """
    run = Run(id=uuid.uuid4().hex, source_id=source_id, state=state, started_at=now)
    values = {field: getattr(run, field) for field in Run.__slots__ if field != "waiting"}
    values |= {"listed": listed, "refused": False, "attempts": 0, "claimed_by": None}
    values["claimed_until"] = now + timedelta(seconds=lease_s)
    connection.execute(insert(RUNS).values(**values))
    return run


def is_listing(run: Any) -> ColumnElement[bool]:
    """The runs, of these columns, that are being listed or are about to be."""
    return and_(run.state == RunState.RUNNING, ~run.listed)
