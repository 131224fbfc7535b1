"""Failures: what could not be ingested, and why."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, func, or_, select

from core.errors import InvalidRequest, NotFound
from ingestion.catalog.database import Database
from ingestion.catalog.records import Failure
from ingestion.catalog.rows import failure_of
from ingestion.catalog.tables import FAILURES, DocumentRow, FailureRow, SourceRow

_MOST_NAMED = 10
"""Documents of one name that are told apart."""


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

    def reasons(self, document_ids: Collection[str]) -> dict[str, str]:
        """Why those of these documents failed that did."""
        failed = select(FailureRow.document_id, FailureRow.message).where(FailureRow.document_id.in_(document_ids))
        with self._database.read() as connection:
            return {row.document_id: row.message for row in connection.execute(failed)}

    def find(self, named: str) -> Failure:
        """The failure of a document: by its id, by its address, or by its name in its source.

        Raises:
            NotFound: no document of that name has failed.
            InvalidRequest: several have, in different sources.
        """
        same = or_(FailureRow.document_id == named, FailureRow.external_id == named, DocumentRow.uri == named)
        both = DocumentRow.id == FailureRow.document_id
        failed = _of(select(FAILURES), None).outerjoin(DocumentRow, both).where(same)
        with self._database.read() as connection:
            found = connection.execute(failed.order_by(FailureRow.document_id).limit(_MOST_NAMED)).all()
        if not found:
            raise NotFound(f"No document named {named!r} has failed; `footnote failures list` shows those that have.")
        if len(found) > 1:
            ids = ", ".join(row.document_id for row in found)
            raise InvalidRequest(f"{named!r} has failed in several sources. Name one by its id: {ids}.")
        return failure_of(found[0])


def _of(statement: Select[Any], source_id: str | None) -> Select[Any]:
    """Without those of sources that are being deleted, which go with them."""
    shown = statement.join(SourceRow, SourceRow.id == FailureRow.source_id).where(~SourceRow.deleting)
    return shown if source_id is None else shown.where(FailureRow.source_id == source_id)
