"""Runs: one sync of a source, from listing it to its last document.

A listing begins once the one before has *ended*, though documents of it may be on their way for days: what was revoked
or deleted meanwhile doesn't wait for them. Two listings of one source never overlap.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.clock import Clock
from core.errors import NotFound
from ingestion.catalog.database import Database
from ingestion.catalog.listings import is_listing, lock_working, open_listing, open_plan, works
from ingestion.catalog.queue import Holds
from ingestion.catalog.records import Run, RunState
from ingestion.catalog.rows import run_of
from ingestion.catalog.run_ends import finish, through, unfinished, with_counts
from ingestion.catalog.tables import RUNS, SOURCES, RunRow, SourceRow


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
            return with_counts(connection, row)

    def list(self, source_id: str, limit: int = 20) -> builtins.list[Run]:
        """A source's runs, the latest first."""
        newest = select(RUNS).where(RunRow.source_id == source_id).order_by(RunRow.started_at.desc()).limit(limit)
        with self._database.read() as connection:
            return [with_counts(connection, row) for row in connection.execute(newest).all()]

    def active(self) -> builtins.list[Run]:
        """Every run that isn't finished, without its counts."""
        with self._database.read() as connection:
            return [run_of(row) for row in connection.execute(unfinished(None))]

    def begin(self, source_id: str, lease_s: float, *, full: bool = False, confirmed: bool = False) -> tuple[Run, bool]:
        """A run whose listing begins after this call, and whether this call made it.

        That is the one that waits to be listed, or a new one. While the source is being listed, a new one is queued,
        once however often this is asked; :meth:`start_queued` starts it when that listing has ended.

        The lease is for the message that asks a worker to list the source: after it, it counts as lost.

        Args:
            full: list from the start, whatever is known.
            confirmed: it may delete however much the source no longer has.

        Raises:
            NotFound: there is no such source.
            Conflict: it is paused.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            lock_working(connection, source_id)
            return open_listing(connection, source_id, now, lease_s, full=full, confirmed=confirmed)

    def begin_plan(self, source_id: str, lease_s: float, *, full: bool = False) -> Run:
        """A dry run, which lists the source and changes nothing. The lease is as for :meth:`begin`.

        Raises:
            NotFound: there is no such source.
            Conflict: it is paused, is being listed or about to be.
        """
        with self._database.write() as connection:
            lock_working(connection, source_id)
            return open_plan(connection, source_id, self._clock.now(), lease_s, full=full)

    def start_queued(self, lease_s: float, source_id: str | None = None) -> builtins.list[str]:
        """Start the queued runs whose source is no longer being listed; their ids, to be sent to a worker.

        Args:
            source_id: only that source's.
        """
        now = self._clock.now()
        other = RUNS.alias()
        listing = exists().where(other.c.source_id == RunRow.source_id, is_listing(other.c))
        queued = and_(RunRow.state == RunState.QUEUED, RunRow.finished_at.is_(None), ~listing, works(RunRow))
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
        """Take on listing for a run; None when it is listed, finished, paused, or another worker is alive at it."""
        now = self._clock.now()
        free = or_(RunRow.claimed_by.is_(None), RunRow.claimed_until < now)
        statement = update(RUNS).where(RunRow.id == run_id, is_listing(RunRow), free, works(RunRow))
        claimed = statement.values(
            claimed_by=owner, claimed_until=now + timedelta(seconds=lease_s), attempts=RunRow.attempts + 1
        )
        with self._database.write() as connection:
            row = connection.execute(claimed.returning(RUNS)).first()
        return None if row is None else run_of(row)

    def hold(self, run_id: str, owner: str, lease_s: float) -> bool:
        """Extend the claim on a run; False when it ended, was taken over, or is to stop: see :meth:`let_go`."""
        until = self._clock.now() + timedelta(seconds=lease_s)
        mine = and_(RunRow.id == run_id, RunRow.claimed_by == owner, RunRow.finished_at.is_(None))
        held = update(RUNS).where(mine, ~RunRow.cancelled, works(RunRow))
        with self._database.write() as connection:
            return connection.execute(held.values(claimed_until=until)).rowcount == 1

    def let_go(self, run_id: str, owner: str) -> str | None:
        """Give a listing back that was to stop; what stopped it, ``cancelled`` or ``paused``, None if neither.

        A cancelled one is over then, once what it had begun is; a paused one goes on when its source does.
        """
        mine = and_(RunRow.id == run_id, RunRow.claimed_by == owner, RunRow.finished_at.is_(None))
        with self._database.write() as connection:
            ended = update(RUNS).where(mine, RunRow.cancelled).values(listed=True, claimed_by=None)
            if connection.execute(ended).rowcount:
                return "cancelled"
        paused = exists().where(SourceRow.id == RunRow.source_id, SourceRow.paused_at.is_not(None))
        with self._database.write() as connection:
            given = {"claimed_by": None, "claimed_until": self._clock.now(), "attempts": RunRow.attempts - 1}
            return "paused" if connection.execute(update(RUNS).where(mine, paused).values(**given)).rowcount else None

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

    def end_plan(self, run_id: str, owner: str, plan: Mapping[str, Any]) -> bool:
        """End a dry run with what it found; False when it is no longer this owner's."""
        mine = update(RUNS).where(RunRow.id == run_id, RunRow.claimed_by == owner, RunRow.finished_at.is_(None))
        values = {"listed": True, "state": RunState.PLANNED, "finished_at": self._clock.now(), "claimed_by": None}
        with self._database.write() as connection:
            return connection.execute(mine.values(**values, plan=dict(plan))).rowcount == 1

    def done(self, source_id: str | None = None) -> builtins.list[Run]:
        """The runs of a source, or of all, that wait for nothing any more, and for no run before them.

        What a listing saw on its way for an earlier run counts in that one. So they end in the order in which they
        began, and what a finished run saw is in the index.
        """
        with self._database.read() as connection:
            rows = through(connection, connection.execute(unfinished(source_id)).all())
            return [with_counts(connection, row) for row in rows]

    def finish_done(self, source_id: str | None = None, among: Collection[str] | None = None) -> builtins.list[Run]:
        """Finish the runs that are :meth:`done`; those that this call finished.

        Args:
            among: only these.
        """
        wanted = [run.id for run in self.done(source_id) if among is None or run.id in among]
        if not wanted:
            return []
        with self._database.write() as connection:
            chosen = unfinished(source_id).where(RunRow.id.in_(wanted)).with_for_update()
            # Asked again with the runs' rows locked: documents may have been added to one since.
            rows = through(connection, connection.execute(chosen).all())
            return [finish(connection, row, self._clock) for row in rows]

    def fail(self, run_id: str, error: str) -> None:
        """End a run that can't go on. Documents that it brought on their way go on."""
        with self._database.write() as connection:
            running = select(RUNS).where(RunRow.id == run_id, RunRow.finished_at.is_(None))
            row = connection.execute(running.with_for_update()).first()
            if row is not None:
                finish(connection, row, self._clock, error)

    def fail_all(self, source_id: str, error: str) -> None:
        """End every run of a source that is going away."""
        with self._database.write() as connection:
            for row in connection.execute(unfinished(source_id).with_for_update()).all():
                finish(connection, row, self._clock, error)

    def take_lost(self, lease_s: float, is_lost: Holds) -> builtins.list[str]:
        """Runs to be listed whose lease ran out, or whose owner ``is_lost``; each with a new message's lease.

        The attempt doesn't count: what ended it says nothing of the source.
        """
        now = self._clock.now()
        unlisted = select(RUNS).where(is_listing(RunRow), works(RunRow))
        with self._database.read() as connection:
            if not connection.execute(unlisted.limit(1)).first():
                return []
        with self._database.write() as connection:
            rows = connection.execute(unlisted.with_for_update(skip_locked=True)).all()
            lost = [row for row in rows if row.claimed_until <= now or is_lost(row.claimed_by)]
            values = {"claimed_by": None, "claimed_until": now + timedelta(seconds=lease_s)}
            connection.execute(update(RUNS).where(RunRow.id.in_([row.id for row in lost])).values(**values))
            begun = [row.id for row in lost if row.claimed_by is not None]
            uncounted = update(RUNS).where(RunRow.id.in_(begun))
            connection.execute(uncounted.values(attempts=RunRow.attempts - 1))
        return [row.id for row in lost]
