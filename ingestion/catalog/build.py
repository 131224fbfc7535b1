"""Opening the catalog."""

from __future__ import annotations

from core.clock import Clock, SystemClock
from core.data_dir import make_usable
from core.settings import Settings
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.database import Database, sqlite_url
from ingestion.catalog.migrate import migrate


def open_catalog(settings: Settings, clock: Clock | None = None) -> Catalog:
    """Open the catalog that the settings name, with its schema brought up to date.

    Raises:
        ConfigurationError: the URL is not one of a supported database.
        StorageUnavailable: the database doesn't answer, or the data directory can't be written.
    """
    if settings.catalog.url is not None:
        url = settings.catalog.url.get_secret_value()
    else:
        make_usable(settings.data_dir)
        url = sqlite_url(settings.data_dir.absolute() / "catalog.sqlite3")
    database = Database(url)
    migrate(database)
    return Catalog(database, clock or SystemClock())
