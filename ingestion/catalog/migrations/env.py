"""Alembic's entry point: runs on the connection that the caller opened, inside its transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import delete, insert

from ingestion.catalog.tables import Base, schema_compatibility

connection = context.config.attributes["connection"]


def note_compatibility(
    ctx: MigrationContext,  # noqa: ARG001 - Alembic passes all of them, by name
    step: MigrationInfo,  # noqa: ARG001
    heads: Collection[Any],
    run_args: Mapping[str, Any],  # noqa: ARG001
) -> None:
    """Write down which programs the schema is for, as the step that it is at now says."""
    for head in heads:
        oldest = getattr(context.script.get_revision(str(head)).module, "compatible_from", None)
        if oldest is not None:  # steps before 0029 don't say
            connection.execute(delete(schema_compatibility))
            connection.execute(insert(schema_compatibility).values(compatible_from=oldest))


# One transaction for all steps, SQLite included: a step that fails leaves the schema as it was.
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    transactional_ddl=True,
    on_version_apply=note_compatibility,
)
context.run_migrations()
