"""Who answers on the port: the key goes to the Footnote that the settings mean, and to nobody else."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from api.cli import context
from api.supervisor.layout import Layout, instance_of
from core.errors import Unavailable


@dataclass
class Service:
    """What /healthz is answered with, and who was asked for what."""

    port: int
    body: bytes = b'{"status": "ok"}'
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    def is_of(self, instance: str | None) -> None:
        self.body = json.dumps({"status": "ok", "instance": instance}).encode()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.seen.append((self.path, self.headers.get("authorization")))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        told = Service(http.server_port)
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("FOOTNOTE_API__PORT", str(told.port))
        yield told
        http.shutdown()


def started_once(folder: Path) -> str:
    """The name of a data directory in which `footnote up` has been."""
    layout = Layout(folder)
    layout.make()
    layout.admin_key_file.write_text("fn_secret")
    name = instance_of(folder)
    assert name is not None
    return name


def test_a_data_directory_keeps_its_name_and_no_two_have_one(tmp_path: Path) -> None:
    assert instance_of(tmp_path / "a") is None
    names = [started_once(tmp_path / folder) for folder in ("a", "b", "a")]
    assert names[0] == names[2] != names[1]
    assert str(tmp_path) not in names[0]
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    assert instance_of(tmp_path / "copy") not in (None, *names)


def test_one_s_own_is_asked_with_the_key_and_without_a_word(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.is_of(started_once(tmp_path / ".footnote"))
    context.client().request("GET", "/v1/me")
    assert service.seen == [("/healthz", None), ("/v1/me", "Bearer fn_secret")]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("answer", [b'{"instance": "another"}', b'{"status": "ok"}', b"<html>", b"[]"])
def test_another_is_refused_before_it_gets_the_key(service: Service, tmp_path: Path, answer: bytes) -> None:
    started_once(tmp_path / ".footnote")
    service.body = answer
    with pytest.raises(Unavailable, match=rf"{service.port} \(process {os.getpid()}, data in .*isn't the Footnote of"):
        context.client()
    assert service.seen == [("/healthz", None)]


def test_one_is_refused_where_the_settings_name_a_folder_that_was_never_up(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.is_of("another")
    monkeypatch.setenv("FOOTNOTE_DATA_DIR", str(tmp_path / "mine"))
    with pytest.raises(Unavailable, match="start that with `footnote up`"):
        context.client()


def test_where_nothing_is_set_up_it_is_told_who_is_asked(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.is_of("another")
    context.client().request("GET", "/v1/me")
    said = capsys.readouterr().err
    assert f"asking the Footnote at http://127.0.0.1:{service.port} (process {os.getpid()}, data in " in said


@pytest.mark.parametrize(("told", "refused"), [(None, False), ("a laptop's", True)])
def test_a_shared_service_has_no_data_directory_of_its_own(
    service: Service, monkeypatch: pytest.MonkeyPatch, told: Any, refused: bool
) -> None:
    monkeypatch.setenv("FOOTNOTE_CATALOG__URL", "postgresql+psycopg://db/footnote")
    service.is_of(told)
    if refused:
        with pytest.raises(Unavailable):
            context.client()
    else:
        context.client()
