"""Keeps the rows of tables few to which triggers only ever add, as to ``document_tallies``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import InstrumentedAttribute

from ingestion.catalog.database import Database
from ingestion.catalog.tables import TALLIES, TallyRow

MOST_ROWS = 1000
AT_ONCE = 10_000


def sum_up(
    database: Database, ids: InstrumentedAttribute[int], sum_up_oldest: Callable[[int], tuple[int, int]]
) -> None:
    """Put one row in the place of those that say the same, once there are many.

    Args:
        ids: the key of the table.
        sum_up_oldest: sums up at most so many rows, and tells how many it took and how many it left in their place.
            It removes just what it has read: what others add meanwhile stays, and what they sum up is left to them.
    """
    some = select(ids).limit(MOST_ROWS + 1).subquery()
    with database.read() as connection:
        rows = connection.execute(select(func.count()).select_from(some)).scalar_one()
    while rows > MOST_ROWS:
        taken, left = sum_up_oldest(AT_ONCE)
        if taken < AT_ONCE:
            return
        rows = taken - left


class Tallies:
    """Sums up what the triggers wrote."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sum_up(self) -> None:
        """Put one row in the place of those that say the same, once there are many."""
        sum_up(self._database, TallyRow.id, self._sum_up_oldest)

    def _sum_up_oldest(self, most: int) -> tuple[int, int]:
        oldest = select(TallyRow.id).order_by(TallyRow.id).limit(most).with_for_update(skip_locked=True)
        kind = TallyRow.source_id, TallyRow.run_id, TallyRow.state, TallyRow.outcome
        names = [column.key for column in kind]
        counted = TallyRow.documents, TallyRow.retried, TallyRow.chunks, TallyRow.bytes
        totals: dict[tuple[object, ...], Counter[str]] = {}
        with self._database.write() as connection:
            taken = delete(TALLIES).where(TallyRow.id.in_(oldest.scalar_subquery()))
            rows = connection.execute(taken.returning(*kind, *counted)).all()
            for row in rows:
                added = {column.key: row[len(kind) + place] for place, column in enumerate(counted)}
                totals.setdefault(tuple(row[: len(kind)]), Counter()).update(added)
            sums = [
                {**dict(zip(names, key, strict=True)), **total} for key, total in totals.items() if any(total.values())
            ]
            if sums:
                connection.execute(insert(TALLIES), sums)
        return len(rows), len(sums)
