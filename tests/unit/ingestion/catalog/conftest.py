"""The catalog on both databases: every test that asks for ``catalog`` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog


class SteppedClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings for an empty catalog."""
    values: dict[str, object] = {"data_dir": tmp_path / "data"}
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
        values["catalog"] = {"url": url}
    return Settings.model_validate(values)


@pytest.fixture
def open_more(catalog_settings: Settings, clock: SteppedClock) -> Iterator[Callable[[], Catalog]]:
    """Opens the same catalog again, as another process would."""
    opened: list[Catalog] = []

    def open_one() -> Catalog:
        opened.append(open_catalog(catalog_settings, clock))
        return opened[-1]

    yield open_one
    if opened and not opened[0].database.is_sqlite:
        with opened[0].database.write() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    for catalog in opened:
        catalog.close()


@pytest.fixture
def catalog(open_more: Callable[[], Catalog]) -> Catalog:
    return open_more()
