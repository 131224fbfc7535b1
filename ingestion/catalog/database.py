"""Connections of the catalog: short transactions, and errors in Footnote's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from core.errors import ConfigurationError, StorageUnavailable

BUSY_TIMEOUT_S = 30.0
POOL_TIMEOUT_S = 30.0
KEPT_CONNECTIONS = 5
MOST_CONNECTIONS = 40
"""Of one process, and only while they are at work: more than the service has threads that ask the catalog."""
_READ = "footnote_read"


class _Pool(QueuePool):
    """A pool that is empty for too long is a database that doesn't answer, for everybody who uses the engine."""

    def connect(self) -> PoolProxiedConnection:
        try:
            return super().connect()
        except PoolTimeout as error:
            raise StorageUnavailable(
                f"All {MOST_CONNECTIONS} connections to the catalog have been at work for {POOL_TIMEOUT_S:g} s: its "
                "database is overloaded or hangs. Try again soon."
            ) from error


_POOL: dict[str, Any] = {
    "poolclass": _Pool,
    "pool_size": KEPT_CONNECTIONS,
    "max_overflow": MOST_CONNECTIONS - KEPT_CONNECTIONS,
    "pool_timeout": POOL_TIMEOUT_S,
}


class Database:
    """An engine, and the two kinds of transaction on it.

    Attributes:
        engine: for the parts that bring their own statements. On SQLite each of its transactions takes the write
            lock when it begins (``BEGIN IMMEDIATE``): one that reads first and writes later would fail at once
            with "database is locked" when another wrote in between, whatever the busy timeout.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._reading = self.engine.execution_options(**{_READ: True})

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: on SQLite it waits for no writer.

        Raises:
            StorageUnavailable: the database doesn't answer.
        """
        with _translated(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; committed when the block ends, rolled back when it raises.

        Raises:
            StorageUnavailable: the database doesn't answer, or its disk is full; nothing was written.
        """
        with _translated(), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close pooled connections."""
        self.engine.dispose()


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite+pysqlite:///{path}"


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except SQLAlchemyError:
        # The URL may hold a password: it is not repeated.
        raise ConfigurationError("catalog.url is not a database URL, as postgresql+psycopg://user@host/db.") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S}, **_POOL)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend == "postgresql":
        timeouts = {"connect_timeout": 10, "options": "-c statement_timeout=60000 -c lock_timeout=30000"}
        return create_engine(parsed, connect_args=timeouts, pool_pre_ping=True, **_POOL)
    raise ConfigurationError(f"catalog.url: {backend} is not supported; use postgresql+psycopg:// or none (SQLite).")


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The driver's own transactions would begin late and deferred; _begin_sqlite decides instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get(_READ, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise StorageUnavailable(_explain(error)) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StorageUnavailable(_explain(error)) from error
        raise


def _explain(error: DBAPIError) -> str:
    reason = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
    if "disk is full" in reason or "No space left" in reason:
        return f"The disk of the catalog is full ({reason}): free some space; what was not stored is done again."
    if "readonly database" in reason or "unable to open database file" in reason:
        return (
            f"The catalog's file can't be written ({reason}): give the data directory and all in it to the user that "
            "Footnote runs as, or run it as theirs."
        )
    if "disk I/O error" in reason:  # SQLite's word for a quota as well
        return f"The disk of the catalog fails or is full ({reason}): free some space, or look into the system's log."
    return f"The catalog doesn't answer ({reason}): check catalog.url and that the database runs."
