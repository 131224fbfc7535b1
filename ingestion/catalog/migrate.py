"""Bringing the catalog's schema up to date, from code: nobody has to run a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from core.errors import ConfigurationError
from ingestion.catalog.database import Database

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x466F6F74


def migrate(database: Database) -> None:
    """Apply the steps that are missing. Safe to run from several processes at once: one works, the others wait.

    Raises:
        StorageUnavailable: the database doesn't answer.
        ConfigurationError: a newer Footnote has changed the schema in ways that this one doesn't know.
    """
    with database.write() as connection:  # on SQLite this holds the write lock
        if not database.is_sqlite:
            # A step may take minutes in a large catalog, and so may the wait for another process that is at it.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _refuse_newer(connection)
        command.upgrade(alembic_config(connection), "head")


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The step that a database is at, None where it has no schema yet, and the last step that this Footnote knows."""

    present: str | None
    latest: str

    @property
    def current(self) -> bool:
        """Whether there is nothing to be done."""
        return self.present == self.latest


def schema_state(database: Database) -> SchemaState:
    """Where a database is; nothing is changed.

    Raises:
        StorageUnavailable: the database doesn't answer.
        ConfigurationError: a newer Footnote has changed it.
    """
    with database.read() as connection:
        _refuse_newer(connection)
        latest = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
        assert latest is not None
        return SchemaState(_present(connection), latest)


def _present(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(connection: Connection) -> None:
    present = _present(connection)
    scripts = ScriptDirectory.from_config(alembic_config(connection))
    if present is not None and present not in {step.revision for step in scripts.walk_revisions()}:
        raise ConfigurationError(
            f"The catalog was changed by a newer Footnote (its schema is at {present}, this one knows steps up to "
            f"{scripts.get_current_head()}): run that newer version, or restore a backup from before the upgrade."
        )


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for running on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
