"""Starting the process: what can be known to be wrong is said in a sentence, at once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from api import serve


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serve, "configure_logs", lambda _: None)


def test_a_port_in_use(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("FOOTNOTE_API__PORT", str(port))
        assert serve.main() == 1
    assert f"can't serve on port {port} of 127.0.0.1: Address already in use." in capsys.readouterr().err


def test_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FOOTNOTE_API__PROT", "1")
    assert serve.main() == 2
    assert "Did you mean FOOTNOTE_API__PORT?" in capsys.readouterr().err


def test_a_pipeline_that_there_is_not(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FOOTNOTE_RETRIEVAL__PIPELINE", "hybird")
    monkeypatch.setattr(serve, "_bind", lambda *_: pytest.fail("it began to serve"))
    assert serve.main() == 2
    assert "retrieval.pipeline names 'hybird', which there is not: use one of lexical" in capsys.readouterr().err
