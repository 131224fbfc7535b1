"""How runs end: once nothing of them is on its way, in the order in which they began, with counts that add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from core.clock import Clock
from ingestion.catalog.counts import counts_of
from ingestion.catalog.pauses import PauseRow
from ingestion.catalog.records import Run, RunKind, RunState
from ingestion.catalog.rows import run_of
from ingestion.catalog.tables import (
    IS_CLEARED,
    IS_DUE,
    IS_MOVING,
    IS_OPEN,
    RUNS,
    DocumentRow,
    RunRow,
    SourceRow,
)
from ingestion.catalog.warnings import count_warned

IN_ORDER = (RunRow.source_id, RunRow.started_at, RunRow.id)


def unfinished(source_id: str | None) -> Select[Any]:
    """The runs of a source, or of all, that aren't finished."""
    found = select(RUNS).where(RunRow.finished_at.is_(None)).order_by(*IN_ORDER)
    return found if source_id is None else found.where(RunRow.source_id == source_id)


def through(connection: Connection, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Those of the runs, which are in order, that wait for nothing, nor do those before them of the same source."""
    found, held = [], set()
    for row in rows:
        if row.source_id in held:
            continue
        if row.state == RunState.RUNNING and row.listed and not _waits(connection, row):
            found.append(row)
        elif row.kind != RunKind.PLAN:
            held.add(row.source_id)
    return found


def _waits(connection: Connection, row: Row[Any]) -> bool:
    """Whether a run has documents that are on their way, or whose permissions the index has yet to hear of.

    A cancelled one waits only for those that were begun.
    """
    # In the order of an index that holds nothing else: a planner that thinks many to be left would read the table.
    of_run = select(DocumentRow.id).where(DocumentRow.run_id == row.id).order_by(DocumentRow.id).limit(1)
    asked = [of_run.where(IS_OPEN), of_run.where(IS_DUE)]
    if row.cancelled:
        of_source = select(DocumentRow.id).where(DocumentRow.source_id == row.source_id, DocumentRow.run_id == row.id)
        asked = [of_run.where(IS_DUE), *(of_source.where(begun).limit(1) for begun in (IS_MOVING, IS_CLEARED))]
    return any(connection.execute(one).first() is not None for one in asked)


def finish(connection: Connection, row: Row[Any], clock: Clock, error: str | None = None) -> Run:
    """End a run, which is locked, with its counts as they are. What a cancelled one has not begun, it leaves."""
    state = RunState.REFUSED if row.refused else RunState.FINISHED
    state = RunState.FAILED if error else RunState.CANCELLED if row.cancelled else state
    counts = _counts(connection, row)
    left = counts.pop("open")
    if row.cancelled:
        counts["superseded"] += left
    values = {**counts, "state": state, "finished_at": clock.now(), "error": error or row.error, "claimed_by": None}
    updated = update(RUNS).where(RunRow.id == row.id).values(**values).returning(RUNS)
    return run_of(connection.execute(updated).one())


def with_counts(connection: Connection, row: Row[Any]) -> Run:
    """A run with its counts as they are now, and what it waits for."""
    run = run_of(row)
    if run.finished_at is not None:
        return run
    values = {field: getattr(run, field) for field in Run.__slots__}
    of_all_or_this = PauseRow.source_id.in_(("", run.source_id))
    reasons = connection.execute(select(PauseRow.reason).where(of_all_or_this).order_by(PauseRow.since)).scalars()
    paused = select(SourceRow.paused_at).where(SourceRow.id == run.source_id, SourceRow.paused_at.is_not(None))
    told = dict.fromkeys([*reasons, *(["The source is paused."] if connection.execute(paused).first() else [])])
    return Run(**{**values, **_counts(connection, row), "waiting": "; ".join(told) or None})


def _counts(connection: Connection, row: Row[Any]) -> dict[str, int]:
    return {**counts_of(connection, row), "warned": count_warned(connection, row.source_id, row.id)}
