"""Beginning runs: one listing of a source at a time, and one that waits for it to end."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, insert, select, update

from core.errors import Conflict, NotFound
from ingestion.catalog.records import Run, RunKind, RunState
from ingestion.catalog.rows import run_of
from ingestion.catalog.tables import IS_UNFINISHED, RUNS, SOURCES, RunRow, SourceRow, TallyRow

_COMPUTED = ("waiting", "open")
"""What a record says and no column does."""


def lock_source(connection: Connection, source_id: str) -> Row[Any]:
    """Keep others from beginning runs of a source until the transaction ends; its name, and since when it is paused.

    Raises:
        NotFound: there is no such source.
    """
    # Not a lock that would keep documents from being added, which refer to the row.
    columns: list[Any] = [SourceRow.name, SourceRow.paused_at]
    wanted = select(*columns).where(SourceRow.id == source_id)
    row = connection.execute(wanted.with_for_update(key_share=True)).first()
    if row is None:
        raise NotFound(f"There is no source {source_id!r}.")
    return row


def lock_working(connection: Connection, source_id: str) -> None:
    """As :func:`lock_source`.

    Raises:
        NotFound: there is no such source.
        Conflict: it is paused.
    """
    row = lock_source(connection, source_id)
    if row.paused_at is not None:
        raise Conflict(f"{row.name} is paused: `footnote sources resume {row.name}` lets it go on.")


def open_listing(
    connection: Connection,
    source_id: str,
    now: datetime,
    lease_s: float,
    *,
    full: bool = False,
    confirmed: bool = False,
) -> tuple[Run, bool]:
    """A run of a locked source that has yet to be listed, and whether it is new; see :meth:`RunStore.begin`."""
    rows = _unlisted(connection, source_id)
    listing, queued = rows.get(RunState.RUNNING), rows.get(RunState.QUEUED)
    asked: dict[str, Any] = {name: True for name, wanted in (("full", full), ("confirmed", confirmed)) if wanted}
    if listing is not None and _may_be_joined(connection, listing):
        return _ask_more(connection, listing, asked), False
    if queued is not None:
        # It is started by whoever ends the listing before it.
        return _ask_more(connection, queued, asked), False
    if listing is not None:
        return add_run(connection, source_id, RunState.QUEUED, now, lease_s, **asked), True
    connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(last_run_at=now))
    return add_run(connection, source_id, RunState.RUNNING, now, lease_s, **asked), True


def open_plan(connection: Connection, source_id: str, now: datetime, lease_s: float, *, full: bool) -> Run:
    """A dry run of a locked source.

    Raises:
        Conflict: it is being listed, or about to be.
    """
    if _unlisted(connection, source_id):
        raise Conflict("The source is being listed: wait for that to end, or cancel it, before a dry run.")
    return add_run(connection, source_id, RunState.RUNNING, now, lease_s, kind=RunKind.PLAN, full=full)


def _unlisted(connection: Connection, source_id: str) -> dict[str, Row[Any]]:
    """The run that is listed or about to be, and the one that waits for it, by their states."""
    waiting = RunRow.state.in_((RunState.RUNNING, RunState.QUEUED))
    found = select(RUNS).where(RunRow.source_id == source_id, waiting, ~RunRow.listed, IS_UNFINISHED)
    return {row.state: row for row in connection.execute(found.with_for_update())}


def _may_be_joined(connection: Connection, row: Row[Any]) -> bool:
    """Whether nothing of a run's source was listed yet: what was, was before whoever asks now."""
    begun = select(exists().where(TallyRow.source_id == row.source_id, TallyRow.run_id == row.id))
    waits = row.claimed_by is None and row.kind == RunKind.SYNC and not row.cancelled
    return waits and not connection.execute(begun).scalar_one()


def _ask_more(connection: Connection, row: Row[Any], asked: dict[str, Any]) -> Run:
    if not asked:
        return run_of(row)
    changed = update(RUNS).where(RunRow.id == row.id).values(**asked).returning(RUNS)
    return run_of(connection.execute(changed).one())


def add_run(connection: Connection, source_id: str, state: RunState, now: datetime, lease_s: float, **said: Any) -> Run:
    """Add a run. What was left when another one was cancelled goes on with it, unless it is a dry run.

    Args:
        said: what else is known of it. ``listed``: there is nothing to list; the run is for documents that are known.
    """
    run = Run(id=uuid.uuid4().hex, source_id=source_id, state=state, started_at=now, **said)
    values = {field: getattr(run, field) for field in Run.__slots__ if field not in _COMPUTED}
    values |= {"refused": False, "cancelled": False, "attempts": 0, "measured": 0, "claimed_by": None}
    values["claimed_until"] = now + timedelta(seconds=lease_s)
    connection.execute(insert(RUNS).values(**values))
    if run.kind is not RunKind.PLAN:
        held = update(SOURCES).where(SourceRow.id == source_id, SourceRow.held)
        connection.execute(held.values(held=False))
    return run


def is_listing(run: Any) -> ColumnElement[bool]:
    """The runs, of these columns, that are being listed or are about to be."""
    return and_(run.state == RunState.RUNNING, ~run.listed, run.finished_at.is_(None))


def works(run: Any) -> ColumnElement[bool]:
    """The runs, of these columns, whose source isn't paused."""
    return ~exists().where(SourceRow.id == run.source_id, SourceRow.paused_at.is_not(None))
