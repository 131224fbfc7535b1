"""Failures: what could not be ingested, and why."""

from __future__ import annotations

import builtins
from typing import Any

from sqlalchemy import Select, func, select

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
        found = _of(select(FAILURES), source_id).order_by(FailureRow.last_seen.desc(), FailureRow.document_id)
        with self._database.read() as connection:
            return [failure_of(row) for row in connection.execute(found.limit(limit).offset(offset))]

    def count(self, source_id: str | None = None) -> int:
        """How many there are; of one source, or of all."""
        with self._database.read() as connection:
            return int(connection.execute(_of(select(func.count()).select_from(FailureRow), source_id)).scalar_one())


def _of(statement: Select[Any], source_id: str | None) -> Select[Any]:
    """Without those of sources that are being deleted, which go with them."""
    shown = statement.join(SourceRow, SourceRow.id == FailureRow.source_id).where(~SourceRow.deleting)
    return shown if source_id is None else shown.where(FailureRow.source_id == source_id)
