"""Warnings: secrets that were found in documents, and files that are none because they are secret.

A document with a warning is in the index as any other. A file that was withheld is not, and its warning is written anew
by each listing that meets it. No warning repeats a secret: it says what kind of one stands where.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, or_, select, update

from core.clock import Clock
from ingestion.catalog.database import Database
from ingestion.catalog.records import DocumentWarning, document_id
from ingestion.catalog.tables import DOCUMENTS, WARNINGS, DocumentRow, SourceRow, WarningRow
from ingestion.connectors.port import Withheld


class WarningStore:
    """Reads warnings, and writes those of listings."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self, source_id: str | None = None, limit: int = 100, offset: int = 0) -> builtins.list[DocumentWarning]:
        """Warnings, the latest first; of one source, or of all."""
        found = _of(select(WARNINGS), source_id).order_by(WarningRow.last_seen.desc(), WarningRow.document_id)
        with self._database.read() as connection:
            rows = connection.execute(found.limit(limit).offset(offset)).all()
        return [_warning(row) for row in rows]

    def count(self, source_id: str | None = None) -> int:
        """How many there are; of one source, or of all."""
        with self._database.read() as connection:
            return int(connection.execute(_of(select(func.count()).select_from(WarningRow), source_id)).scalar_one())

    def of(self, document_id: str) -> DocumentWarning | None:
        """A document's warning, if it has one."""
        with self._database.read() as connection:
            row = connection.execute(select(WARNINGS).where(WarningRow.document_id == document_id)).first()
        return None if row is None else _warning(row)

    def withhold(self, source_id: str, run_id: str, withheld: Iterable[Withheld]) -> None:
        """Note what a listing met that is never a document."""
        now = self._clock.now()
        with self._database.write() as connection:
            for one in withheld:
                name = one.external_id or "/"
                message = f"It was left out, for it is never a document: {one.reason}."
                key = {"document_id": document_id(source_id, name), "source_id": source_id, "external_id": name}
                write_warning(connection, **key, run_id=run_id, message=message, withheld=True, now=now)

    def forget_unmet(self, source_id: str, run_id: str) -> None:
        """Forget what was withheld before and a complete listing didn't meet."""
        before = or_(WarningRow.run_id.is_(None), WarningRow.run_id != run_id)
        with self._database.write() as connection:
            connection.execute(delete(WARNINGS).where(WarningRow.source_id == source_id, WarningRow.withheld, before))


def _warning(row: Row[Any]) -> DocumentWarning:
    return DocumentWarning(**{name: getattr(row, name) for name in DocumentWarning.__slots__})


def write_warning(connection: Connection, *, document_id: str, now: datetime, **values: Any) -> None:
    """Write the warning of a document; one that had a warning before keeps when it first did.

    Takes the columns of ``warnings``.
    """
    existing = update(WARNINGS).where(WarningRow.document_id == document_id)
    if connection.execute(existing.values(last_seen=now, **values)).rowcount == 0:
        row = {"document_id": document_id, "first_seen": now, "last_seen": now, **values}
        connection.execute(insert(WARNINGS).values(**row))


def clear_warnings(connection: Connection, document_ids: Collection[str], *, gone: bool = False) -> None:
    """Forget the warnings of documents that hold no secret any more.

    Args:
        gone: or that are gone; one that went because it is never a document is still said to be withheld.
    """
    statement = delete(WARNINGS).where(WarningRow.document_id.in_(document_ids))
    connection.execute(statement.where(~WarningRow.withheld) if gone else statement)


def count_warned(connection: Connection, source_id: str, run_id: str) -> int:
    """How many of what a run saw has a warning: its documents, and what its listing withheld."""
    met = and_(WarningRow.withheld, WarningRow.run_id == run_id)
    joined = WARNINGS.outerjoin(DOCUMENTS, DocumentRow.id == WarningRow.document_id)
    statement = (
        select(func.count())
        .select_from(joined)
        .where(WarningRow.source_id == source_id, or_(met, DocumentRow.run_id == run_id, DocumentRow.seen_by == run_id))
    )
    return int(connection.execute(statement).scalar_one())


def _of(statement: Select[Any], source_id: str | None) -> Select[Any]:
    """Without those of sources that are being deleted, which go with them."""
    shown = statement.join(SourceRow, SourceRow.id == WarningRow.source_id).where(~SourceRow.deleting)
    return shown if source_id is None else shown.where(WarningRow.source_id == source_id)
