"""Every command, the service and the worker on a data directory that isn't for them: one sentence, no stack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli.main import cli
from api.wiring import wire
from core.errors import FootnoteError, StorageUnavailable
from core.settings import Settings
from ingestion import worker
from tests.unprivileged import unprivileged

COMMANDS = (
    *("up", "down", "status", "keys list", "index list", "sources list", "failures list", "opensearch status"),
    *("ingest a.md", "ask why", "search why", "doctor"),
)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One that an earlier run left, as the commands find it by the settings."""
    found = tmp_path / "data"
    (found / "run").mkdir(parents=True)
    (found / "run" / "supervisor.lock").touch()
    (found / "admin.key").write_text("fn_key")
    (tmp_path / "a.md").write_text("text")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(found))
    monkeypatch.setenv("FOOTNOTE_API__PORT", "1")  # where nothing answers
    yield found
    found.chmod(0o700)


@pytest.mark.parametrize("mode", [0o500, 0o000])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_to_do(data_dir: Path, command: str, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.doctor._model", lambda _: "skipped")
    monkeypatch.setattr("api.doctor._sandbox", lambda _: "skipped")
    monkeypatch.setattr("api.doctor._output", lambda _: "skipped")
    data_dir.chmod(mode)
    with unprivileged():
        result = CliRunner().invoke(cli, command.split())
    assert result.exit_code == (0 if (command, mode) == ("down", 0o500) else 1)
    assert result.exception is None or isinstance(result.exception, FootnoteError | SystemExit), result.exc_info
    said = result.exception.message if isinstance(result.exception, FootnoteError) else result.output
    if mode == 0 or command in ("up", "doctor"):
        assert f"chmod -R u+rwX {data_dir}" in said
    else:  # they only read, and find that nothing runs
        assert "running here" in said


def test_the_service_says_so_of_each_part_that_is_kept_there(data_dir: Path) -> None:
    services = wire(Settings(data_dir=data_dir))
    data_dir.chmod(0o500)
    with unprivileged():
        for part in (services.catalog, services.keys, services.index):
            with pytest.raises(StorageUnavailable, match="chmod -R"):
                part.get()
    services.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_files_that_an_earlier_run_as_root_left_are_told_as_well(data_dir: Path) -> None:
    services = wire(Settings(data_dir=data_dir))
    services.keys.get()
    services.close()
    for file in (data_dir / "admin.key", *data_dir.glob("catalog.sqlite3*")):
        os.chown(file, 65534, 65534)
        file.chmod(0o400)
    again = wire(Settings(data_dir=data_dir))
    with unprivileged():
        with pytest.raises(StorageUnavailable, match="give the data directory and all in it to the user"):
            again.catalog.get()
        with pytest.raises(StorageUnavailable):
            again.keys.get()


def test_the_worker_ends_with_the_sentence(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "_settings", lambda: Settings(data_dir=data_dir))
    data_dir.chmod(0o500)
    with unprivileged(), pytest.raises(SystemExit, match="2"):
        worker._settings_or_end()
    assert capsys.readouterr().err.count("\n") == 1
