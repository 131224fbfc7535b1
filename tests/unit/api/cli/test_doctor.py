from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.cli.main import cli
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
