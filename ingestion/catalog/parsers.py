"""The versions of what reads documents, by number."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import Table, Text, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.tables import Base


class ParserRow(Base):
    """A version of what reads documents."""

    __tablename__ = "parsers"

    number: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(Text, unique=True)
    first_seen: Mapped[datetime]


PARSERS = cast(Table, ParserRow.__table__)


class ParserStore:
    """Numbers versions.

    A failure keeps the number of the parser that it was last tried with, and a sync that finds another one in its place
    notes that one and has the document read again. It is the syncs' word that counts: where those that read documents
    differ from those that list them, a document is tried once all the same, and not sent back and forth for ever.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, int] = {}

    def number(self, version: str) -> int:
        """The number of a version; one that was never seen gets the next."""
        if version not in self._known:
            self._known[version] = self._find(version) or self._add(version)
        return self._known[version]

    def _find(self, version: str) -> int | None:
        with self._database.read() as connection:
            return connection.execute(select(ParserRow.number).where(ParserRow.version == version)).scalar()

    def _add(self, version: str) -> int:
        row = {"version": version, "first_seen": self._clock.now()}
        try:
            with self._database.write() as connection:
                added: int = connection.execute(insert(PARSERS).values(**row).returning(ParserRow.number)).scalar_one()
                return added
        except IntegrityError:  # another process was quicker
            found = self._find(version)
            assert found is not None
            return found
