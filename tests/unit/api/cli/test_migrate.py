"""``footnote migrate``, and images and catalogs that don't fit each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from api import serve
from api.cli.main import cli
from core.errors import ConfigurationError, Conflict
from core.settings import Settings
from ingestion import worker
from ingestion.catalog.build import database_of, open_catalog


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return Settings(data_dir=tmp_path / ".footnote")


def run(*arguments: str) -> dict[str, object]:
    done = CliRunner().invoke(cli, ["migrate", "--json", *arguments], catch_exceptions=False)
    found: dict[str, object] = json.loads(done.output)
    return found


def test_a_catalog_is_brought_up_to_date(settings: Settings) -> None:
    (settings.data_dir).mkdir()
    with pytest.raises(Conflict, match="not there yet"):
        CliRunner().invoke(cli, ["migrate", "--check"], catch_exceptions=False)
    assert run()["current"] is True
    assert run("--check") == run()


def test_an_image_refuses_a_catalog_that_a_newer_one_has_changed_too_far(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    open_catalog(settings).close()
    database = database_of(settings)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'm9999'"))
    found = run("--check")
    assert (found["present"], found["current"], found["newer"]) == ("m9999", True, True)
    assert "this one can work with it" in CliRunner().invoke(cli, ["migrate"], catch_exceptions=False).output
    with database.write() as connection:
        connection.execute(text("UPDATE schema_compatibility SET compatible_from = 'm9998'"))
    database.close()
    for arguments in ([], ["--check"]):
        with pytest.raises(ConfigurationError, match=r"newer Footnote.*m9999.*step m9998.*run that newer version"):
            CliRunner().invoke(cli, ["migrate", *arguments], catch_exceptions=False)
    with pytest.raises(ConfigurationError, match="newer Footnote"):
        open_catalog(settings)
    monkeypatch.setattr(serve, "load_settings", lambda: settings)
    monkeypatch.setattr(worker, "_settings", lambda: settings)
    assert serve.main() == 2
    with pytest.raises(SystemExit, match="2"):
        worker._check_catalog()
    assert capsys.readouterr().err.count("run that newer version") == 2
