"""Opening the catalog."""

from __future__ import annotations

import contextlib
from pathlib import Path

from core.clock import Clock, SystemClock
from core.data_dir import make_usable
from core.errors import FootnoteError, StorageUnavailable
from core.settings import Settings
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.database import Database, sqlite_url
from ingestion.catalog.migrate import migrate


def open_catalog(settings: Settings, clock: Clock | None = None, *, upgrade: bool = False) -> Catalog:
    """Open the catalog that the settings name, with its schema brought up to date.

    In production processes fill an empty catalog, and leave it to ``footnote migrate`` to change one.

    Args:
        upgrade: change it in production too.

    Raises:
        ConfigurationError: the URL is not one of a supported database; a newer Footnote has changed the schema in ways
            that this one can't work with; or an older one has made it, in production.
        StorageUnavailable: the database doesn't answer, or the data directory can't be written.
    """
    if settings.catalog.url is None:
        make_usable(settings.data_dir)
    database = database_of(settings)
    try:
        migrate(database, only_new=settings.environment == "production" and not upgrade)
    except FootnoteError:
        database.close()
        raise
    return Catalog(database, clock or SystemClock())


def check_catalog(settings: Settings) -> None:
    """Open the catalog once, before a process takes any work. One that doesn't answer is waited for later.

    Raises:
        ConfigurationError: as :func:`open_catalog`.
    """
    with contextlib.suppress(StorageUnavailable):
        open_catalog(settings).close()


def database_of(settings: Settings) -> Database:
    """The catalog's database as it is; nothing is made or migrated.

    Raises:
        ConfigurationError: the URL is not one of a supported database.
    """
    if settings.catalog.url is not None:
        return Database(settings.catalog.url.get_secret_value())
    return Database(sqlite_url(sqlite_file(settings)))


def sqlite_file(settings: Settings) -> Path:
    """Where the embedded catalog is."""
    return settings.data_dir.absolute() / "catalog.sqlite3"
