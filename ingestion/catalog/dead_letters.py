"""Writing failures, inside the transaction that fails or finishes their document."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, insert, literal, update

from ingestion.catalog.tables import FAILURES, FailureRow


def write_failure(
    connection: Connection, *, document_id: str, now: datetime, parser: int | None = None, **values: Any
) -> None:
    """Record why a document failed; a document that failed before keeps when it first did.

    Takes the columns of ``failures``. The caller holds the document's row, so that no other writer is at it.

    Args:
        parser: the number of what read it; None where nothing did.
    """
    existing = update(FAILURES).where(FailureRow.document_id == document_id)
    known = values if parser is None else {**values, "parser": newest(parser)}
    if connection.execute(existing.values(last_seen=now, **known)).rowcount == 0:
        row = {"document_id": document_id, "first_seen": now, "last_seen": now, "parser": parser, **values}
        connection.execute(insert(FAILURES).values(**row))


def newest(parser: int) -> ColumnElement[int | None]:
    """The newer of this parser and the one that the failure has."""
    return case((FailureRow.parser > parser, FailureRow.parser), else_=literal(parser))


def clear_failures(connection: Connection, document_ids: Collection[str]) -> None:
    """Forget the failures of documents that are indexed now, or gone."""
    connection.execute(delete(FAILURES).where(FailureRow.document_id.in_(document_ids)))
