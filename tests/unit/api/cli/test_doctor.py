from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.auth.keys import KeyStore
from api.cli.main import cli
from api.doctor import _admin_key
from core.clock import SystemClock
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.partitioning.sandbox.programs import PROGRAMS


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "data"))


def doctor(*options: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", *options])


def findings(result: Result) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}


def test_what_is_there_and_what_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = doctor("--json")
    found = findings(result)

    assert result.exit_code == 0, "without these programs Footnote runs"
    for program in PROGRAMS:
        assert not found[program.name]["ok"]
        assert set(found[program.name]["install"]) == {"apt", "dnf", "brew"}
    for name in ("Python", "Valkey", "embedding model", "index", "parser sandbox"):
        assert found[name]["ok"], found[name]
    assert not (tmp_path / "data" / "run").exists(), "looking changes nothing"


def test_what_is_required_and_missing_ends_with_status_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__MODEL", str(tmp_path / "no-model"))
    result = doctor()

    assert result.exit_code == 1
    assert "MISSING  embedding model" in result.stdout
    assert "no-model" in result.stdout


def test_a_missing_program_comes_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = doctor().stdout.splitlines()

    place = next(number for number, line in enumerate(lines) if line.startswith("missing  Pandoc"))
    assert "needed for RTF" in lines[place + 1]
    assert "Debian, Ubuntu: apt-get install pandoc" in "\n".join(lines[place : place + 5])


@pytest.mark.parametrize("place", ["api.admin_key", "admin.key"])
def test_a_revoked_administrator_s_key_is_named_with_the_way_out(tmp_path: Path, place: str) -> None:
    plain = "k" * 30
    values = {"data_dir": tmp_path, "api": {"admin_key": plain if place == "api.admin_key" else None}}
    settings = Settings.model_validate(values)
    assert list(_admin_key(settings)) == [], "without a catalog there is nothing to say"
    catalog = open_catalog(settings)
    keys = KeyStore(catalog.engine, SystemClock(), settings.api.standing_keys)
    if place == "admin.key":
        _, plain = keys.create("footnote up", admin=True)
        (tmp_path / "admin.key").write_text(plain)
    [unused] = _admin_key(settings)
    assert unused.ok
    assert len(catalog.audit.list()) == 0, "looking changes nothing"
    keys.revoke(keys.verify(plain).id)
    [revoked] = _admin_key(settings)
    assert not revoked.ok
    assert place in revoked.detail
    assert ("put another" if place == "api.admin_key" else "`footnote up` makes a new one") in revoked.detail
    catalog.close()
