"""Sources of rows on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.principal import AccessList
from ingestion.connectors.port import ConnectorContext
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.sql.config import SqlConfig
from ingestion.connectors.sql.connector import SqlConnector

Open = Callable[..., SqlConnector]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a table of tickets, empty."""
    path = tmp_path / "tickets.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE tickets (id INTEGER PRIMARY KEY, title TEXT, body, readers TEXT, tags TEXT, at TEXT)"
        )
    connection.close()
    return path


@pytest.fixture
def run(file: Path) -> Callable[..., None]:
    """Runs a statement on it, once or for many rows."""

    def run(statement: str, *rows: tuple[Any, ...]) -> None:
        connection = sqlite3.connect(file)
        with connection:
            connection.executemany(statement, rows or [()])
        connection.close()

    return run


@pytest.fixture
def opened(file: Path) -> Iterator[Open]:
    """Opens a source of the tickets."""
    connectors: list[SqlConnector] = []

    def opened(protected: ProtectedPaths | None = None, max_file_bytes: int = 1_000_000, **config: Any) -> SqlConnector:
        values = {"url": f"sqlite:///{file}", "key": "id", "template": "# {{ title }}\n\n{{ body }}\n", **config}
        if "query" not in values:
            values.setdefault("table", "tickets")
        context = ConnectorContext(
            source_id="s1",
            max_file_bytes=max_file_bytes,
            default_acl=AccessList.everyone(),
            clock=SystemClock(),
            protected=protected or ProtectedPaths(),
        )
        connectors.append(SqlConnector.open(SqlConfig.model_validate(values), context))
        return connectors[-1]

    yield opened
    for connector in connectors:
        connector.close()
