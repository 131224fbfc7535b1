"""The epoch of what a reader may find: it moves with every change of a document that one of their terms opens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Index,
    Integer,
    Table,
    Text,
    delete,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.epoch import Epoch
from ingestion.catalog.database import Database
from ingestion.catalog.documents import DocumentStore
from ingestion.catalog.tables import Base
from ingestion.catalog.tallies import sum_up

EVERYBODY = ""
"""Stands for all terms: no access list holds it."""
_NOW = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "extract(epoch FROM clock_timestamp())::float8",
}


class MoveRow(Base):
    """So many changes of documents that a term opens, the last of them at ``moved_at`` (seconds since 1970).

    Triggers of the database write them in the transaction that changes documents: when permissions or the state of
    deletion change, when the index is to be told of something, when it has heard of it, and when content is in it.
    PostgreSQL's triggers only ever add rows, so a term's moves are a sum. A highest id wouldn't do: a transaction that
    began earlier may commit later.
    """

    __tablename__ = "visibility_moves"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    term: Mapped[str] = mapped_column(Text)
    moves: Mapped[int] = mapped_column(BigInteger)
    moved_at: Mapped[float] = mapped_column(Float)

    __table_args__ = (Index(None, "term"),)


MOVES = cast(Table, MoveRow.__table__)


class Visibility:
    """Tells the epoch of readers, and whether they may still read what was found for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._documents = DocumentStore(database)

    def epoch(self, terms: Collection[str]) -> Epoch:
        """The epoch of a reader with these terms.

        Each term's moves only ever grow, so two equal sums of the same terms mean that none has moved.
        """
        age = self._now() - func.max(MoveRow.moved_at)
        wanted = select(func.sum(MoveRow.moves), age).where(MoveRow.term.in_({*terms, EVERYBODY}))
        with self._database.read() as connection:
            moves, age_s = connection.execute(wanted).one()
        return Epoch(int(moves or 0), float("inf") if age_s is None else float(age_s))

    def readable(self, document_ids: Collection[str], terms: Collection[str]) -> bool:
        """Whether a reader with these terms may read all of these documents now."""
        return self._documents.all_readable(document_ids, terms)

    def move_all(self) -> None:
        """Move every reader's epoch: the index was changed otherwise than by way of the catalog's documents."""
        with self._database.write() as connection:
            connection.execute(insert(MOVES).values(term=EVERYBODY, moves=1, moved_at=self._now()))

    def sum_up(self) -> None:
        """Put one row of each term in the place of many, once there are."""
        sum_up(self._database, MoveRow.id, self._sum_up_oldest)

    def _sum_up_oldest(self, most: int) -> tuple[int, int]:
        oldest = select(MoveRow.id).order_by(MoveRow.id).limit(most).with_for_update(skip_locked=True)
        moves: dict[str, int] = defaultdict(int)
        moved_at: dict[str, float] = defaultdict(float)
        with self._database.write() as connection:
            taken = delete(MOVES).where(MoveRow.id.in_(oldest.scalar_subquery()))
            rows = connection.execute(taken.returning(MoveRow.term, MoveRow.moves, MoveRow.moved_at)).all()
            for term, count, at in rows:
                moves[term] += count
                moved_at[term] = max(moved_at[term], at)
            sums = [{"term": term, "moves": moves[term], "moved_at": moved_at[term]} for term in moves]
            if sums:
                connection.execute(insert(MOVES), sums)
        return len(rows), len(sums)

    def _now(self) -> ColumnElement[float]:
        # The database's own time: processes on several machines needn't agree.
        return literal_column(_NOW[self._database.engine.dialect.name], Float)
