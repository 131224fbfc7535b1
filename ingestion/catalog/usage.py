"""How much of the language model was used: sums of a day, by key, department and model. No people, no questions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, cast

from sqlalchemy import BigInteger, Date, String, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from ingestion.catalog.database import Database
from ingestion.catalog.tables import Base

UsageBy = Literal["day", "key", "department", "model"]


class UsageRow(Base):
    """The sums of one day (UTC), key, department and model; an empty text where there is none."""

    __tablename__ = "usage"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    department: Mapped[str] = mapped_column(String(200), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    answers: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)


_TABLE = cast(Table, UsageRow.__table__)
_SUMS = ("answers", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True, order=True)
class UsageOf:
    """Whose usage it is, and of what."""

    day: date
    key_id: str
    department: str
    model: str


@dataclass(frozen=True, slots=True)
class Used:
    """Sums."""

    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Used) -> Used:
        return Used(*(getattr(self, name) + getattr(other, name) for name in _SUMS))


class UsageStore:
    """Adds up. Methods raise :class:`core.errors.StorageUnavailable` when the catalog is down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, used: Mapping[UsageOf, Used]) -> None:
        """Add to the sums; several processes may at the same time."""
        dialect: Any = sqlite if self._database.is_sqlite else postgresql
        with self._database.write() as connection:
            for whose, what in sorted(used.items()):  # in one order, so that no two transactions wait for each other
                names = ("day", "key_id", "department", "model")
                values = {name: getattr(whose, name) for name in names} | {name: getattr(what, name) for name in _SUMS}
                adding = dialect.insert(_TABLE).values(**values)
                sums = {name: _TABLE.c[name] + adding.excluded[name] for name in _SUMS}
                connection.execute(adding.on_conflict_do_update(index_elements=list(names), set_=sums))

    def sums(self, by: UsageBy, since: date, until: date) -> list[tuple[str, str, Used]]:
        """What it is summed by, the model, and the sums, from a day to another, both included; in order."""
        column = _TABLE.c["key_id" if by == "key" else by]
        query = (
            select(column, _TABLE.c.model, *(func.sum(_TABLE.c[name]) for name in _SUMS))
            .where(_TABLE.c.day >= since, _TABLE.c.day <= until)
            .group_by(*dict.fromkeys((column, _TABLE.c.model)))
            .order_by(column, _TABLE.c.model)
        )
        with self._database.read() as connection:
            return [(str(row[0]), row[1], Used(*map(int, row[2:]))) for row in connection.execute(query)]
