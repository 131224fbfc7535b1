"""Runs: one sync of a source, from listing it to its last document.

A listing begins once the one before has *ended*, though documents of it may be on their way for days: what was revoked
or deleted meanwhile doesn't wait for them. Two listings of one source never overlap.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, exists, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.clock import Clock
from core.errors import NotFound
from ingestion.catalog.counts import counts_of
from ingestion.catalog.database import Database
from ingestion.catalog.listings import is_listing, lock_source, open_listing
from ingestion.catalog.queue import Holds, nobody
from ingestion.catalog.records import Run, RunState
from ingestion.catalog.rows import run_of
from ingestion.catalog.tables import RUNS, SOURCES, DocumentRow, PauseRow, RunRow, SourceRow
from ingestion.catalog.warnings import count_warned


class RunStore:
    """Begins, leases and ends runs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def get(self, run_id: str) -> Run:
        """One run, with its counts so far.

        Raises:
            NotFound: there is none of that id.
        """
        with self._database.read() as connection:
            row = connection.execute(select(RUNS).where(RunRow.id == run_id)).first()
            if row is None:
                raise NotFound(f"There is no run {run_id!r}.")
            return _with_counts(connection, row)

    def list(self, source_id: str, limit: int = 20) -> builtins.list[Run]:
        """A source's runs, the latest first."""
        newest = select(RUNS).where(RunRow.source_id == source_id).order_by(RunRow.started_at.desc()).limit(limit)
        with self._database.read() as connection:
            return [_with_counts(connection, row) for row in connection.execute(newest).all()]

    def active(self) -> builtins.list[Run]:
        """Every run that isn't finished, without its counts."""
        unfinished = select(RUNS).where(RunRow.finished_at.is_(None)).order_by(*_IN_ORDER)
        with self._database.read() as connection:
            return [run_of(row) for row in connection.execute(unfinished)]

    def begin(self, source_id: str, lease_s: float) -> tuple[Run, bool]:
        """A run whose listing begins after this call, and whether this call made it.

        That is the one that waits to be listed, or a new one. While the source is being listed, a new one is queued,
        once however often this is asked; :meth:`start_queued` starts it when that listing has ended.

        The lease is for the message that asks a worker to list the source: after it, it counts as lost.

        Raises:
            NotFound: there is no such source.
        """
        with self._database.write() as connection:
            lock_source(connection, source_id)
            return open_listing(connection, source_id, self._clock.now(), lease_s)

    def start_queued(self, lease_s: float, source_id: str | None = None) -> builtins.list[str]:
        """Start the queued runs whose source is no longer being listed; their ids, to be sent to a worker.

        Args:
            source_id: only that source's.
        """
        now = self._clock.now()
        other = RUNS.alias()
        listing = exists().where(other.c.source_id == RunRow.source_id, is_listing(other.c))
        queued = and_(RunRow.state == RunState.QUEUED, ~listing)
        if source_id is not None:
            queued = and_(queued, RunRow.source_id == source_id)
        with self._database.read() as connection:
            if connection.execute(select(RunRow.id).where(queued).limit(1)).first() is None:
                return []
        values = {"state": RunState.RUNNING, "started_at": now, "claimed_until": now + timedelta(seconds=lease_s)}
        try:
            with self._database.write() as connection:
                started = connection.execute(update(RUNS).where(queued).values(**values).returning(RUNS)).all()
                sources = [row.source_id for row in started]
                connection.execute(update(SOURCES).where(SourceRow.id.in_(sources)).values(last_run_at=now))
        except IntegrityError:  # another listing began between the look and the start: they wait for that one
            return []
        return [row.id for row in started]

    def unsent(self, run_id: str) -> None:
        """Note that the message that asks for a run's listing could not be sent: ``take_lost`` gives it out at once."""
        with self._database.write() as connection:
            waiting = update(RUNS).where(RunRow.id == run_id, RunRow.claimed_by.is_(None))
            connection.execute(waiting.values(claimed_until=self._clock.now()))

    def claim(self, run_id: str, owner: str, lease_s: float) -> Run | None:
        """Take on listing for a run; None when it is listed, finished, or another worker is alive at it."""
        now = self._clock.now()
        free = or_(RunRow.claimed_by.is_(None), RunRow.claimed_until < now)
        statement = update(RUNS).where(RunRow.id == run_id, is_listing(RunRow), free)
        claimed = statement.values(
            claimed_by=owner, claimed_until=now + timedelta(seconds=lease_s), attempts=RunRow.attempts + 1
        )
        with self._database.write() as connection:
            row = connection.execute(claimed.returning(RUNS)).first()
        return None if row is None else run_of(row)

    def hold(self, run_id: str, owner: str, lease_s: float) -> bool:
        """Extend the claim on a run; False when it ended, or was taken over: the caller must stop."""
        until = self._clock.now() + timedelta(seconds=lease_s)
        held = update(RUNS).where(RunRow.id == run_id, RunRow.claimed_by == owner, RunRow.finished_at.is_(None))
        with self._database.write() as connection:
            return connection.execute(held.values(claimed_until=until)).rowcount == 1

    def attempts(self, run_id: str) -> int:
        """How often listing for the run was begun."""
        with self._database.read() as connection:
            return connection.execute(select(RunRow.attempts).where(RunRow.id == run_id)).scalar() or 0

    def release(self, run_id: str, owner: str, lease_s: float, *, counted: bool = True) -> None:
        """Give listing back, for a message that was sent to take it up again.

        Args:
            counted: whether it counts as an attempt.
        """
        until = self._clock.now() + timedelta(seconds=lease_s)
        statement = update(RUNS).where(RunRow.id == run_id, RunRow.claimed_by == owner)
        attempts = RunRow.attempts - (0 if counted else 1)
        with self._database.write() as connection:
            connection.execute(statement.values(claimed_by=None, claimed_until=until, attempts=attempts))

    def end_listing(self, run_id: str, owner: str, refused: str | None = None) -> bool:
        """Note that the listing is through, and why its deletions were refused if they were."""
        statement = update(RUNS).where(RunRow.id == run_id, RunRow.claimed_by == owner, RunRow.finished_at.is_(None))
        values = {"listed": True, "refused": refused is not None, "error": refused, "claimed_by": None}
        with self._database.write() as connection:
            return connection.execute(statement.values(**values)).rowcount == 1

    def done(self, source_id: str | None = None) -> builtins.list[Run]:
        """The runs of a source, or of all, that wait for nothing any more, and for no run before them.

        What a listing saw on its way for an earlier run counts in that one. So they end in the order in which they
        began, and what a finished run saw is in the index.
        """
        with self._database.read() as connection:
            rows = _through(connection, connection.execute(_unfinished(source_id)).all())
            return [_with_counts(connection, row) for row in rows]

    def finish_done(self, source_id: str | None = None, among: Collection[str] | None = None) -> builtins.list[Run]:
        """Finish the runs that are :meth:`done`; those that this call finished.

        Args:
            among: only these.
        """
        wanted = [run.id for run in self.done(source_id) if among is None or run.id in among]
        if not wanted:
            return []
        with self._database.write() as connection:
            chosen = _unfinished(source_id).where(RunRow.id.in_(wanted)).with_for_update()
            # Asked again with the runs' rows locked: documents may have been added to one since.
            rows = _through(connection, connection.execute(chosen).all())
            return [_finish(connection, row, self._clock) for row in rows]

    def fail(self, run_id: str, error: str) -> None:
        """End a run that can't go on. Documents that it brought on their way go on."""
        with self._database.write() as connection:
            running = select(RUNS).where(RunRow.id == run_id, RunRow.finished_at.is_(None))
            row = connection.execute(running.with_for_update()).first()
            if row is not None:
                _finish(connection, row, self._clock, error)

    def fail_all(self, source_id: str, error: str) -> None:
        """End every run of a source that is going away."""
        with self._database.write() as connection:
            for row in connection.execute(_unfinished(source_id).with_for_update()).all():
                _finish(connection, row, self._clock, error)

    def take_lost(self, lease_s: float, is_lost: Holds, is_excused: Holds = nobody) -> builtins.list[str]:
        """Runs to be listed whose lease ran out, or whose owner ``is_lost``; each with a new message's lease.

        The attempt of an owner that ``is_excused`` doesn't count.
        """
        now = self._clock.now()
        unlisted = select(RUNS).where(is_listing(RunRow))
        with self._database.read() as connection:
            if not connection.execute(unlisted.limit(1)).first():
                return []
        with self._database.write() as connection:
            rows = connection.execute(unlisted.with_for_update(skip_locked=True)).all()
            lost = [row.id for row in rows if row.claimed_until <= now or is_lost(row.claimed_by)]
            values = {"claimed_by": None, "claimed_until": now + timedelta(seconds=lease_s)}
            excused = [row.id for row in rows if row.id in lost and is_excused(row.claimed_by)]
            connection.execute(update(RUNS).where(RunRow.id.in_(lost)).values(**values))
            uncounted = update(RUNS).where(RunRow.id.in_(excused))
            connection.execute(uncounted.values(attempts=RunRow.attempts - 1))
        return lost


_IN_ORDER = (RunRow.source_id, RunRow.started_at, RunRow.id)


def _unfinished(source_id: str | None) -> Select[Any]:
    unfinished = select(RUNS).where(RunRow.finished_at.is_(None)).order_by(*_IN_ORDER)
    return unfinished if source_id is None else unfinished.where(RunRow.source_id == source_id)


def _through(connection: Connection, rows: Sequence[Row[Any]]) -> builtins.list[Row[Any]]:
    """Those of the runs, which are in order, that wait for nothing, nor do those before them of the same source."""
    found, held = [], set()
    for row in rows:
        if row.source_id in held:
            continue
        if row.state == RunState.RUNNING and row.listed and not _waits(connection, row.id):
            found.append(row)
        else:
            held.add(row.source_id)
    return found


def _waits(connection: Connection, run_id: str) -> bool:
    """Whether a run has documents that are on their way, or whose permissions the index has yet to hear of."""
    of_run = select(DocumentRow.id).where(DocumentRow.run_id == run_id).limit(1)
    return any(
        connection.execute(of_run.where(due)).first() is not None
        for due in (DocumentRow.outcome.is_(None), DocumentRow.index_due)
    )


def _finish(connection: Connection, row: Row[Any], clock: Clock, error: str | None = None) -> Run:
    state = RunState.FAILED if error else RunState.REFUSED if row.refused else RunState.FINISHED
    counts = _counts(connection, row)
    values = {**counts, "state": state, "finished_at": clock.now(), "error": error or row.error, "claimed_by": None}
    updated = update(RUNS).where(RunRow.id == row.id).values(**values).returning(RUNS)
    return run_of(connection.execute(updated).one())


def _with_counts(connection: Connection, row: Row[Any]) -> Run:
    run = run_of(row)
    if run.finished_at is not None:
        return run
    values = {field: getattr(run, field) for field in Run.__slots__}
    reasons = dict.fromkeys(connection.execute(select(PauseRow.reason).order_by(PauseRow.since)).scalars())
    return Run(**{**values, **_counts(connection, row), "waiting": "; ".join(reasons) or None})


def _counts(connection: Connection, row: Row[Any]) -> dict[str, int]:
    return {**counts_of(connection, row), "warned": count_warned(connection, row.id)}
