"""Bringing the catalog's schema up to date, from code: nobody has to run a command.

Programs of two releases work on one catalog while an installation is upgraded. So each step says in ``compatible_from``
which step the oldest program has to know that may work on the schema behind it. A step that only adds keeps what the
step before it says; one that takes away what older programs use raises it. The database keeps the last one's word: an
older program that finds a step it doesn't know reads there whether it may go on (docs/deploy/upgrades.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from core.errors import ConfigurationError, StorageUnavailable
from ingestion.catalog.database import Database
from ingestion.catalog.tables import schema_compatibility

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x466F6F74
_LOCK_NOT_AVAILABLE = "55P03"
_TRIES, _LOCK_WAIT_S, _PAUSE_S = 60, 3, 5.0
"""For a table that others use: while a step waits for it, everybody who comes later waits behind the step."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The step that a database is at, None where it has no schema yet, and the last step that this Footnote knows.

    Attributes:
        newer: a newer Footnote has changed the schema, and left it as this one can work with it.
    """

    present: str | None
    latest: str
    newer: bool = False

    @property
    def current(self) -> bool:
        """Whether there is nothing to be done."""
        return self.newer or self.present == self.latest


def schema_state(database: Database) -> SchemaState:
    """Where a database is; nothing is changed.

    Raises:
        StorageUnavailable: the database doesn't answer.
        ConfigurationError: a newer Footnote has changed it in ways that this one can't work with.
    """
    with database.read() as connection:
        return _state(connection)


def migrate(database: Database, *, only_new: bool = False, pause: Callable[[float], None] = time.sleep) -> None:
    """Apply the steps that are missing. Safe to run from several processes at once: one works, the others wait.

    Nobody waits long for a step that waits for a table itself: it gives up after three seconds, and tries again.

    Args:
        only_new: fill an empty database, but refuse one that an older Footnote has made.
        pause: waits so many seconds between tries.

    Raises:
        StorageUnavailable: the database doesn't answer, or a table was in use for five minutes.
        ConfigurationError: a newer Footnote has changed the schema in ways that this one can't work with; or an older
            one has made it, and ``only_new``.
    """
    for left in reversed(range(_TRIES)):
        state = schema_state(database)
        if state.current:
            return
        if only_new and state.present is not None:
            raise ConfigurationError(
                f"The catalog's schema is at {state.present}, this Footnote needs {state.latest}: run `footnote "
                "migrate` of this version first, once, then start it (Helm and Compose do; older processes go on "
                "meanwhile)."
            )
        try:
            _apply(database)
        except StorageUnavailable as error:
            if getattr(getattr(error.__cause__, "orig", None), "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            if not left:
                raise StorageUnavailable(
                    "The catalog's schema wasn't changed: a table was in use all the time. End what uses it for so "
                    "long, such as a backup, and run `footnote migrate` again."
                ) from error
            pause(_PAUSE_S)
        else:
            return


def _apply(database: Database) -> None:
    with database.write() as connection:  # on SQLite this holds the write lock
        if not database.is_sqlite:
            # A step may take minutes in a large catalog, and so may the wait for another process that is at it.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT_S}s'"))
        if not _state(connection).current:  # another process has been at it meanwhile
            command.upgrade(alembic_config(connection), "head")


def _state(connection: Connection) -> SchemaState:
    present = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(alembic_config(connection))
    latest = scripts.get_current_head()
    assert latest is not None
    known = {step.revision for step in scripts.walk_revisions()}
    if present is None or present in known:
        return SchemaState(present, latest)
    oldest = None
    if inspect(connection).has_table(schema_compatibility.name):
        oldest = connection.execute(select(schema_compatibility.c.compatible_from)).scalar()
    if oldest in known:
        return SchemaState(present, latest, newer=True)
    raise ConfigurationError(
        f"The catalog was changed by a newer Footnote (its schema is at {present}, for programs that know step "
        f"{oldest or present}; this one knows steps up to {latest}): run that newer version, or restore a backup from "
        "before the upgrade."
    )


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for running on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
