"""Failures: what could not be ingested, and why."""

from __future__ import annotations

import builtins

from sqlalchemy import func, select

from ingestion.catalog.database import Database
from ingestion.catalog.records import Failure
from ingestion.catalog.rows import failure_of
from ingestion.catalog.tables import FAILURES, FailureRow, SourceRow


class FailureStore:
    """Reads failures. They are written and cleared with the state of their document, in the same transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, source_id: str | None = None, limit: int = 100, offset: int = 0) -> builtins.list[Failure]:
        """Failures, the latest first; of one source, or of all."""
        statement = select(FAILURES).join(SourceRow, SourceRow.id == FailureRow.source_id)
        statement = statement.where(~SourceRow.deleting)
        if source_id is not None:
            statement = statement.where(FailureRow.source_id == source_id)
        ordered = statement.order_by(FailureRow.last_seen.desc(), FailureRow.document_id).limit(limit).offset(offset)
        with self._database.read() as connection:
            return [failure_of(row) for row in connection.execute(ordered)]

    def count(self, source_id: str | None = None) -> int:
        """How many there are."""
        statement = select(func.count()).select_from(FailureRow)
        if source_id is not None:
            statement = statement.where(FailureRow.source_id == source_id)
        with self._database.read() as connection:
            return connection.execute(statement).scalar_one()
