"""Bringing the catalog's schema up to date, from code: nobody has to run a command."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from ingestion.catalog.database import Database

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x466F6F74


def migrate(database: Database) -> None:
    """Apply the steps that are missing. Safe to run from several processes at once: one works, the others wait.

    Raises:
        StorageUnavailable: the database doesn't answer.
    """
    with database.write() as connection:  # on SQLite this holds the write lock
        if not database.is_sqlite:
            # A step may take minutes in a large catalog, and so may the wait for another process that is at it.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        command.upgrade(alembic_config(connection), "head")


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for running on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
