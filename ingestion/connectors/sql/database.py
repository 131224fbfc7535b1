"""Connections to a source's database: read-only transactions with limits on time, and errors without secrets."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from core.errors import InvalidRequest
from ingestion.connectors.addresses import check_host
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.sql.errors import translated
from ingestion.connectors.sql.sqlite import SqliteFile

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""What a URL without a driver means: those that Footnote's own extras bring."""
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
_NEVER = frozenset(
    {
        *("local_infile", "read_default_file", "read_default_group", "init_command", "client_flag"),
        *("service", "servicefile", "passfile", "options", "uri", "plugin", "host", "hostaddr", "unix_socket"),
    }
)
"""What a URL may not set: it would read this machine's files, lift the limits, or lead elsewhere than it says."""
_SOCKETS = frozenset({"host", "unix_socket"})
_BUFFERED_ROWS = 20
_CONNECT_S = 10
_MARGIN_S = 10
"""The server is the one to end a statement, with words of its own; the connection gives up so much later."""


class SourceDatabase:
    """A database that is only read.

    Args:
        url: its URL; it may hold a password, which no message repeats.
        protected: where SQLite files may not be.
        allow_private: whether it may be on this machine or in a private network.
        timeout_s: for each statement.

    Raises:
        InvalidRequest: the URL can't be used on this machine. Nothing is connected yet.
    """

    def __init__(self, url: str, *, protected: ProtectedPaths, allow_private: bool, timeout_s: float) -> None:
        self._url = _read_url(url)
        self._timeout_s = timeout_s
        self._allow_private = allow_private
        self._secrets = [str(self._url.password)] if self._url.password else []
        self._file: SqliteFile | None = None
        if self._url.get_backend_name() == "sqlite":
            self._file = SqliteFile(self._url.database, protected)
        else:
            _check_options(self._url, allow_private)
        self._engine = self._make_engine()

    @property
    def name(self) -> str:
        """What messages call it."""
        if self._file is not None:
            return f"The database {self._file.path}"
        return f"The database {self._url.host or self._socket or ''}/{self._url.database or ''}"

    @property
    def base(self) -> str:
        """An address without credentials, to make those of rows from."""
        if self._file is not None:
            return f"sqlite:///{self._file.path.name}"
        port = f":{self._url.port}" if self._url.port else ""
        return f"{self._url.get_backend_name()}://{self._url.host or 'localhost'}{port}/{self._url.database or ''}"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads; rows of its results come a few at a time.

        Raises:
            SourceUnavailable: the database doesn't answer, or not in time.
            SourceRefuses: it doesn't let us in, or can't run a statement.
        """
        with translated(self.name, self._secrets, self._timeout_s), self._engine.connect() as connection:
            self._limit(connection)
            yield connection.execution_options(stream_results=True, max_row_buffer=_BUFFERED_ROWS)

    def close(self) -> None:
        """Close connections."""
        self._engine.dispose()

    @property
    def _socket(self) -> str | None:
        found = next((self._url.query[name] for name in _SOCKETS if name in self._url.query), None)
        return found if isinstance(found, str) else None

    def _make_engine(self) -> Engine:
        options: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 1, "hide_parameters": True}
        try:
            if self._file is not None:
                engine = create_engine("sqlite://", creator=lambda: self._opened(self._timeout_s), **options)
            else:
                engine = create_engine(self._url, pool_pre_ping=True, connect_args=self._timeouts(), **options)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            kind = self._url.drivername
            extra = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}.get(self._url.get_backend_name())
            way = f"pip install 'footnote[{extra}]'" if extra else "install the package of its SQLAlchemy dialect"
            missing = error.name if isinstance(error, ModuleNotFoundError) else kind
            raise InvalidRequest(
                f"The url's {kind!r} needs {missing}, which isn't installed on the worker: {way}."
            ) from None
        except (SQLAlchemyError, TypeError, ValueError):
            raise InvalidRequest("The source's config, 'url': its dialect can't use it. Check its options.") from None
        event.listen(engine, "do_connect", self._check_host)
        return engine

    def _opened(self, timeout_s: float) -> Any:
        assert self._file is not None
        return self._file.open(timeout_s)

    def _timeouts(self) -> dict[str, Any]:
        longest = self._timeout_s + _MARGIN_S
        if self._url.drivername == "postgresql+psycopg":
            keepalives = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
            waits = {"connect_timeout": _CONNECT_S, "tcp_user_timeout": int(longest * 1000)}
            return {**waits, **keepalives, "client_encoding": "utf8", "application_name": "footnote"}
        if self._url.get_driver_name() == "pymysql":
            waits = {"connect_timeout": _CONNECT_S, "read_timeout": int(longest), "write_timeout": int(longest)}
            return {**waits, "charset": "utf8mb4"}
        return {}

    def _check_host(self, dialect: Any, _: Any, __: Any, arguments: dict[str, Any]) -> None:
        """Before each connection: the name may lead elsewhere by now."""
        if self._url.host is None:
            return
        port = self._url.port or _PORTS.get(dialect.name, 0)
        addresses = check_host(self._url.host, port, self._allow_private)
        if self._url.drivername == "postgresql+psycopg":
            # What was checked is dialled; certificates are still checked against the name.
            for name, values in (("host", [self._url.host] * len(addresses)), ("hostaddr", addresses)):
                arguments[name] = ",".join(values)
            arguments["port"] = ",".join([str(port)] * len(addresses))

    def _limit(self, connection: Connection) -> None:
        milliseconds = max(1, int(self._timeout_s * 1000))
        kind = connection.dialect.name
        if self._file is not None:
            self._file.begin(
                cast(sqlite3.Connection, connection.connection.driver_connection), time.monotonic() + self._timeout_s
            )
        elif kind == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")
        elif kind in ("mysql", "mariadb"):
            maria = getattr(connection.dialect, "is_mariadb", False)
            limit = f"max_statement_time = {self._timeout_s:g}" if maria else f"max_execution_time = {milliseconds}"
            connection.exec_driver_sql(f"SET SESSION {limit}")
            connection.exec_driver_sql("START TRANSACTION READ ONLY")


def _read_url(url: str) -> URL:
    try:
        found = make_url(url.strip())
    except (SQLAlchemyError, ValueError):
        # It may hold a password, so it isn't repeated.
        raise InvalidRequest(
            "The source's config, 'url': it is no database URL, as postgresql://user:password@host/database. Write "
            "special characters of the password as %XX."
        ) from None
    return found.set(drivername=_DRIVERS.get(found.drivername, found.drivername))


def _check_options(url: URL, allow_private: bool) -> None:
    local = url.host is None
    given: Mapping[str, Any] = url.query
    for name in given:
        if name.lower() in _NEVER and not (local and name in _SOCKETS):
            raise InvalidRequest(f"The source's config, 'url': the option {name!r} can't be set there.")
    if local and not allow_private:
        raise InvalidRequest(
            "The source's config, 'url': it names no host, and so this machine: set allow_private if it is meant to."
        )
