"""Writing failures, inside the transaction that fails or finishes their document."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, update

from ingestion.catalog.tables import FAILURES, FailureRow


def write_failure(
    connection: Connection, *, document_id: str, now: datetime, parser: int | None = None, **values: Any
) -> None:
    """Record why a document failed; a document that failed before keeps when it first did.

    Takes the columns of ``failures``. The caller holds the document's row, so that no other writer is at it.

    Args:
        parser: the number of what read it; None where nothing did. It doesn't replace what a sync has noted: see
            :mod:`ingestion.catalog.parsers`.
    """
    existing = update(FAILURES).where(FailureRow.document_id == document_id)
    noted = func.coalesce(FailureRow.parser, parser)
    if connection.execute(existing.values(last_seen=now, parser=noted, **values)).rowcount == 0:
        row = {"document_id": document_id, "first_seen": now, "last_seen": now, "parser": parser, **values}
        connection.execute(insert(FAILURES).values(**row))


def clear_failures(connection: Connection, document_ids: Collection[str]) -> None:
    """Forget the failures of documents that are indexed now, or gone."""
    connection.execute(delete(FAILURES).where(FailureRow.document_id.in_(document_ids)))
