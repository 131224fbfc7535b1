"""How sources stand, and how fast their runs go: what people and monitoring are shown, without reading documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from core.clock import Clock
from ingestion.catalog.counts import counts_of
from ingestion.catalog.database import Database
from ingestion.catalog.pauses import PAUSES, SOURCE, PauseRow
from ingestion.catalog.records import Pause, Run, RunState, Source
from ingestion.catalog.rows import pause_of, run_of, source_of
from ingestion.catalog.run_ends import unfinished, with_counts
from ingestion.catalog.tables import (
    IS_PENDING,
    IS_SUCCESS,
    IS_SYNC,
    RUNS,
    SOURCES,
    DocumentRow,
    RunRow,
    SourceRow,
    TallyRow,
)

LEAST_S = 5.0
"""Rates are measured over so long at least."""
WEIGHT = 0.5
"""Of the latest measurement, in a rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a source stands.

    Attributes:
        documents: how many are in each state, states without any left out.
        passages: how many the index holds.
        bytes: of its documents, as the source counts them.
        last_sync: the latest run that lists, or listed, the source: no retry, no dry run.
        active: its runs that aren't finished, with their counts as they are now, in their order.
        last_success_at: when the last listing began that ended well; everything from before it is known.
        next_sync_at: when the schedule lists it; None while it doesn't.
        oldest_pending_at: since when the document that has waited longest for its turn does; None: none waits.
        waits: why nothing is asked of it, and until when, while it doesn't answer.
    """

    source: Source
    documents: Mapping[str, int]
    passages: int
    bytes: int
    last_sync: Run | None
    active: Sequence[Run]
    last_success_at: datetime | None
    next_sync_at: datetime | None
    oldest_pending_at: datetime | None
    waits: Pause | None


class Standings:
    """Tells how sources stand. What it costs grows with the number of sources, and not with that of documents."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self, source_id: str | None = None) -> list[Standing]:
        """Every source, by name, or one; none if there is none of that id."""
        wanted = select(SOURCES, *_MOMENTS).where(~SourceRow.deleting).order_by(SourceRow.name)
        if source_id is not None:
            wanted = wanted.where(SourceRow.id == source_id)
        with self._database.read() as connection:
            sources = connection.execute(wanted).all()
            documents, sums = _tallies(connection, source_id)
            active: dict[str, list[Run]] = {}
            for row in connection.execute(unfinished(source_id)).all():
                active.setdefault(row.source_id, []).append(with_counts(connection, row))
            syncs = select(RUNS).where(RunRow.id.in_([row.last_sync for row in sources if row.last_sync]))
            latest = {row.id: run_of(row) for row in connection.execute(syncs)}
            latest |= {run.id: run for runs in active.values() for run in runs if run.id in latest}
            waits = select(PAUSES).where(PauseRow.stage == SOURCE)
            pauses = {row.source_id: pause_of(row) for row in connection.execute(waits)}
        return [
            Standing(
                source=(source := source_of(row)),
                documents=documents.get(source.id, {}),
                passages=sums.get(source.id, (0, 0))[0],
                bytes=sums.get(source.id, (0, 0))[1],
                last_sync=latest.get(row.last_sync),
                active=active.get(source.id, []),
                last_success_at=row.last_success_at,
                next_sync_at=_next_sync(source, active.get(source.id, [])),
                oldest_pending_at=row.oldest_pending_at,
                waits=pauses.get(source.id),
            )
            for row in sources
        ]

    def measure(self) -> None:
        """Measure how fast the runs go that aren't finished."""
        now = self._clock.now()
        with self._database.read() as connection:
            rows = connection.execute(unfinished(None).where(RunRow.state == RunState.RUNNING)).all()
            through = {row.id: _through(connection, row) for row in rows}
        for row in rows:
            since = row.measured_at or row.started_at
            spent_s = (now - since).total_seconds()
            if spent_s < LEAST_S:
                continue
            lately = max(through[row.id] - row.measured, 0) / spent_s
            rate = lately if row.rate is None else WEIGHT * lately + (1 - WEIGHT) * row.rate
            measured = update(RUNS).where(RunRow.id == row.id)
            with self._database.write() as connection:
                values = {"rate": rate, "measured": through[row.id], "measured_at": now}
                connection.execute(measured.values(**values))


_OF_SOURCE = RunRow.source_id == SourceRow.id
_LAST_SYNC = select(RunRow.id).where(_OF_SOURCE, IS_SYNC).order_by(RunRow.started_at.desc()).limit(1)
_LAST_SUCCESS = select(RunRow.started_at).where(_OF_SOURCE, IS_SUCCESS).order_by(RunRow.started_at.desc()).limit(1)
_PENDING = DocumentRow.source_id == SourceRow.id, IS_PENDING
_OLDEST = select(DocumentRow.updated_at).where(*_PENDING).order_by(DocumentRow.updated_at).limit(1)
# One look-up in an index for each source.
_MOMENTS = (
    _LAST_SYNC.correlate(SOURCES).scalar_subquery().label("last_sync"),
    _LAST_SUCCESS.correlate(SOURCES).scalar_subquery().label("last_success_at"),
    _OLDEST.correlate(SOURCES).scalar_subquery().label("oldest_pending_at"),
)


def _tallies(
    connection: Connection, source_id: str | None
) -> tuple[dict[str, dict[str, int]], dict[str, tuple[int, int]]]:
    """Documents by source and state; passages and bytes by source."""
    sums: list[Any] = [func.sum(column) for column in (TallyRow.documents, TallyRow.chunks, TallyRow.bytes)]
    statement = select(TallyRow.source_id, TallyRow.state, *sums).group_by(TallyRow.source_id, TallyRow.state)
    if source_id is not None:
        statement = statement.where(TallyRow.source_id == source_id)
    documents: dict[str, dict[str, int]] = {}
    passages: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for source, state, count, chunks, total in connection.execute(statement):
        if count:
            documents.setdefault(source, {})[state] = int(count)
        passages[source] += int(chunks)
        size[source] += int(total)
    return documents, {source: (passages[source], size[source]) for source in passages}


def _next_sync(source: Source, active: Sequence[Run]) -> datetime | None:
    listing = any(not run.listed for run in active)
    if not source.enabled or source.paused_at is not None or listing:
        return None
    return (source.last_run_at or source.created_at) + timedelta(seconds=source.interval_s if source.last_run_at else 0)


def _through(connection: Connection, row: Any) -> int:
    """How many documents of a run are through that had something to be done."""
    counts = counts_of(connection, row)
    return counts["indexed"] + counts["failed"] + counts["superseded"]
