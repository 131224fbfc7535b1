"""What a run's counts are made of: documents that stand for themselves, and numbers for those that no longer do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, update

from ingestion.catalog.tables import RUNS, DocumentRow, RunRow, TallyRow

OUTCOMES = ("unchanged", "indexed", "failed", "superseded")
"""What a document can be in a run; ``deleted`` is counted when its row goes."""


class Credits:
    """Numbers to be added to runs that aren't finished, for documents that no longer count in them by themselves.

    Args:
        runs: the runs that aren't finished; others keep the counts that they ended with.
    """

    def __init__(self, runs: Collection[str]) -> None:
        self._runs = frozenset(runs)
        self._added: Counter[tuple[str, str]] = Counter()

    def is_open(self, run_id: str | None) -> bool:
        """Whether a run still counts."""
        return run_id in self._runs

    def leave(self, row: Row[Any], by: str | None) -> None:
        """A document leaves the run that it counts in, for another one or for good: what it was there stays counted.

        Args:
            by: the run that takes it over.
        """
        if row.run_id == by:
            return
        self.add(row.run_id, row.outcome or "superseded")
        if row.outcome == "indexed":
            self.add(row.run_id, "bytes", row.size)
        if row.retried:
            self.add(row.run_id, "retried")
        if row.seen_by == by:
            # That one had passed it by, as on its way for another run.
            self.add(by, "unchanged", -1)

    def add(self, run_id: str | None, what: str, count: int = 1) -> None:
        """Add to a count of a run."""
        if run_id in self._runs:
            self._added[run_id, what] += count

    def write(self, connection: Connection) -> None:
        """Write what was collected. Rows of runs are locked last, and in one order, so that nobody waits in a ring."""
        for (run_id, what), count in sorted(self._added.items()):
            column = RUNS.c[what]
            same = (RunRow.id == run_id, RunRow.finished_at.is_(None))
            connection.execute(update(RUNS).where(*same).values({column: column + count}))


def open_credits(connection: Connection, source_ids: Iterable[str]) -> Credits:
    """Credits for the runs of these sources that aren't finished."""
    open_runs = select(RunRow.id).where(RunRow.source_id.in_(set(source_ids)), RunRow.finished_at.is_(None))
    return Credits(set(connection.execute(open_runs).scalars()))


def leaving(which: ColumnElement[bool]) -> Select[Any]:
    """What :meth:`Credits.leave` has to know of documents, which are locked."""
    known: list[Any] = [DocumentRow.id, DocumentRow.source_id, DocumentRow.run_id, DocumentRow.seen_by]
    known += [DocumentRow.outcome, DocumentRow.retried, DocumentRow.size]
    return select(*known).where(which).order_by(DocumentRow.id).with_for_update()


def counts_of(connection: Connection, row: Row[Any]) -> dict[str, int]:
    """The counts of a run that isn't finished, as they are now; ``open`` are those that have no outcome yet."""
    sums = func.sum(TallyRow.documents), func.sum(TallyRow.retried), func.sum(TallyRow.bytes)
    of_run = TallyRow.source_id == row.source_id, TallyRow.run_id == row.id
    found = connection.execute(select(TallyRow.outcome, *sums).where(*of_run).group_by(TallyRow.outcome)).all()
    by_outcome = {outcome: int(count) for outcome, count, _, _ in found}
    counted = {outcome: getattr(row, outcome) + by_outcome.get(outcome, 0) for outcome in OUTCOMES}
    still_open = by_outcome.get(None, 0)
    return {
        **counted,
        "seen": sum(counted.values()) + still_open + row.deleted,
        "retried": row.retried + sum(int(again) for _, _, again, _ in found),
        "bytes": row.bytes + sum(int(size) for outcome, _, _, size in found if outcome == "indexed"),
        "open": still_open,
    }
