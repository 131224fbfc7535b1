"""Alembic's entry point: runs on the connection that the caller opened, inside its transaction."""

from alembic import context

from ingestion.catalog.tables import Base

connection = context.config.attributes["connection"]
# One transaction for all steps, SQLite included: a step that fails leaves the schema as it was.
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
context.run_migrations()
