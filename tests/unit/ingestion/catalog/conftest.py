"""The catalog on both databases: every test that asks for ``catalog`` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
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


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if found:
        return found[-1]
    on_path = shutil.which("initdb")
    assert on_path, "PostgreSQL is not installed: apt-get install postgresql (CI does)"
    return Path(on_path).parent


def _as_user() -> dict[str, object]:
    """PostgreSQL refuses to run as root: Debian's package brings a user for it."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL server of its own, on a socket in a folder of its own."""
    home = Path(tempfile.mkdtemp(prefix="footnote-pg-"))
    user = _as_user()
    if user:
        os.chown(home, int(str(user["user"])), int(str(user["group"])))
    data = home / "data"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, timeout=60, cwd=home, capture_output=True, **user)  # type: ignore[call-overload]

    binaries = _binaries()
    run(f"{binaries}/initdb", "-D", str(data), "-U", "footnote", "-A", "trust", "--no-sync", "-E", "UTF8")
    options = f"-k {home} -h '' -c fsync=off"
    run(f"{binaries}/pg_ctl", "-D", str(data), "-w", "-l", str(home / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://footnote@/postgres?host={home}"
    finally:
        run(f"{binaries}/pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


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
