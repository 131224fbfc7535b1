"""Runs: one sync of a source, from listing it to its last document."""

from __future__ import annotations

import builtins
import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, case, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.clock import Clock
from core.errors import NotFound
from ingestion.catalog.database import Database
from ingestion.catalog.queue import Holds, nobody
from ingestion.catalog.records import OPEN_STATES, Run, RunState
from ingestion.catalog.rows import run_of
from ingestion.catalog.tables import RUNS, SOURCES, DocumentRow, PauseRow, RunRow, SourceRow
from ingestion.catalog.warnings import count_warned

_OUTCOMES = ("unchanged", "indexed", "failed")


class RunStore:
    """Begins, leases and ends runs. A run's counts are counted from its documents, never added up by hand."""

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
        """Every run that isn't finished."""
        with self._database.read() as connection:
            rows = connection.execute(select(RUNS).where(RunRow.finished_at.is_(None))).all()
            return [_with_counts(connection, row) for row in rows]

    def begin(self, source_id: str, lease_s: float, *, listed: bool = False) -> tuple[Run, bool]:
        """The source's running run, or a new one, and whether it is new.

        The lease is for the message that asks a worker to list the source: after it, it counts as lost.

        Args:
            listed: there is nothing to list; the run is for documents that are known already.
        """
        try:
            with self._database.write() as connection:
                return open_run(connection, source_id, self._clock.now(), lease_s, listed=listed)
        except IntegrityError:
            # Another process began one between our look and our insert.
            with self._database.read() as connection:
                row = connection.execute(_running(source_id)).first()
                if row is None:
                    raise NotFound(f"There is no source {source_id!r}.") from None
                return _with_counts(connection, row), False

    def claim(self, run_id: str, owner: str, lease_s: float) -> Run | None:
        """Take on listing for a run; None when it is listed, finished, or another worker is alive at it."""
        now = self._clock.now()
        free = or_(RunRow.claimed_by.is_(None), RunRow.claimed_until < now)
        statement = update(RUNS).where(RunRow.id == run_id, RunRow.finished_at.is_(None), ~RunRow.listed, free)
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

    def finish_done(self, source_id: str | None = None) -> builtins.list[Run]:
        """Finish the listed runs that wait for no document any more; those that this call finished."""
        still_open = exists().where(and_(DocumentRow.run_id == RunRow.id, DocumentRow.state.in_(OPEN_STATES)))
        listed = select(RUNS).where(RunRow.finished_at.is_(None), RunRow.listed)
        if source_id is not None:
            listed = listed.where(RunRow.source_id == source_id)
        with self._database.read() as connection:
            if not connection.execute(listed.where(~still_open).limit(1)).first():
                return []
        with self._database.write() as connection:
            rows = connection.execute(listed.with_for_update(skip_locked=True)).all()
            # Asked again with the run's row locked: a retry may have added documents to it since.
            done = select(RunRow.id).where(RunRow.id.in_([row.id for row in rows]), ~still_open)
            ids = set(connection.execute(done).scalars())
            return [_finish(connection, row, self._clock) for row in rows if row.id in ids]

    def fail(self, run_id: str, error: str) -> None:
        """End a run that can't go on. Documents that it brought on their way go on."""
        with self._database.write() as connection:
            running = select(RUNS).where(RunRow.id == run_id, RunRow.finished_at.is_(None))
            row = connection.execute(running.with_for_update()).first()
            if row is not None:
                _finish(connection, row, self._clock, error)

    def take_lost(self, lease_s: float, is_lost: Holds, is_excused: Holds = nobody) -> builtins.list[str]:
        """Runs to be listed whose lease ran out, or whose owner ``is_lost``; each with a new message's lease.

        The attempt of an owner that ``is_excused`` doesn't count.
        """
        now = self._clock.now()
        unlisted = select(RUNS).where(RunRow.finished_at.is_(None), ~RunRow.listed)
        with self._database.read() as connection:
            if not connection.execute(unlisted.limit(1)).first():
                return []
        with self._database.write() as connection:
            rows = connection.execute(unlisted.with_for_update(skip_locked=True)).all()
            lost = [row.id for row in rows if row.claimed_until < now or is_lost(row.claimed_by)]
            values = {"claimed_by": None, "claimed_until": now + timedelta(seconds=lease_s)}
            excused = [row.id for row in rows if row.id in lost and is_excused(row.claimed_by)]
            connection.execute(update(RUNS).where(RunRow.id.in_(lost)).values(**values))
            uncounted = update(RUNS).where(RunRow.id.in_(excused))
            connection.execute(uncounted.values(attempts=RunRow.attempts - 1))
        return lost


def open_run(
    connection: Connection, source_id: str, now: datetime, lease_s: float, *, listed: bool
) -> tuple[Run, bool]:
    """The source's running run, locked until the transaction ends, or a new one, and whether it is new.

    Raises:
        IntegrityError: another transaction began one at the same time, or there is no such source.
    """
    row = connection.execute(_running(source_id).with_for_update()).first()
    if row is not None:
        return _with_counts(connection, row), False
    run = Run(id=uuid.uuid4().hex, source_id=source_id, state=RunState.RUNNING, started_at=now)
    values = {field: getattr(run, field) for field in Run.__slots__ if field != "waiting"}
    values |= {"listed": listed, "refused": False, "attempts": 0, "claimed_by": None}
    values["claimed_until"] = now + timedelta(seconds=lease_s)
    connection.execute(insert(RUNS).values(**values))
    if not listed:
        connection.execute(update(SOURCES).where(SourceRow.id == source_id).values(last_run_at=now))
    return run, True


def _running(source_id: str) -> Select[Any]:
    return select(RUNS).where(RunRow.source_id == source_id, RunRow.finished_at.is_(None))


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
    retried = func.coalesce(func.sum(case((DocumentRow.retried, 1), else_=0)), 0)
    statement = select(DocumentRow.outcome, func.count(), retried).where(DocumentRow.run_id == row.id)
    found = connection.execute(statement.group_by(DocumentRow.outcome)).all()
    by_outcome = {outcome: count for outcome, count, _ in found}
    return {
        **{outcome: by_outcome.get(outcome, 0) for outcome in _OUTCOMES},
        "seen": sum(by_outcome.values()) + row.deleted,
        "retried": sum(int(again) for _, _, again in found),
        "warned": count_warned(connection, row.id),
    }
