"""``footnote sources add`` and ``check``: settings from files, options and prompts; secrets never on the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from api.cli import context
from api.cli.commands.sources import sources

FOUND = [
    {"uri": "https://wiki/a", "title": "A\x1b[2J", "readers": ["group:hr"], "fault": None},
    {"uri": "https://wiki/b", "title": "B", "readers": None, "fault": "its permissions can't be read"},
]


class Client:
    """Answers everything, and keeps what it was asked."""

    def __init__(self, reason: str | None = None) -> None:
        self.asked: list[tuple[str, Any, dict[str, Any]]] = []
        self.reason = reason

    def request(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        self.asked.append((f"{method} {path}", body, parameters))
        if path == "/v1/sources/check":
            return {"reachable": True, "let_in": self.reason is None, "reason": self.reason, "documents": FOUND}
        if path == "/v1/sources/rotate-secrets":
            return {"renewed": 1}
        if method == "GET":
            return {"sources": [{"id": "s1", "name": "Wiki"}]}
        return {"id": "s1", "name": "Wiki", "documents_found": FOUND}


def run(monkeypatch: pytest.MonkeyPatch, client: Client, *arguments: str, text: str | None = None) -> Result:
    monkeypatch.setattr(context, "client", lambda: client)
    return CliRunner().invoke(sources, arguments, input=text)


def test_settings_come_from_a_file_options_and_prompts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "wiki.toml"
    file.write_text('base_url = "https://wiki"\nspaces = ["HR"]\n[login]\nuser = "bot"\n')
    client = Client()
    options = ("--config", str(file), "--set", "limit=5", "--set", "login.host=a=b", "--secret", "login.token")
    done = run(monkeypatch, client, "add", "confluence", "Wiki", *options, "--no-check", text="s3cret\n")
    assert done.exit_code == 0, done.output
    assert "s3cret" not in done.output
    login = {"user": "bot", "host": "a=b", "token": "s3cret"}
    config = {"base_url": "https://wiki", "spaces": ["HR"], "limit": 5, "login": login}
    body = {"kind": "confluence", "name": "Wiki", "config": config}
    assert client.asked == [("POST /v1/sources", body, {"check": False, "sync": False})]
    assert "readers: group:hr" in done.output
    assert "readers: nobody\n    can't be taken in: its permissions" in done.output
    assert "\x1b" not in done.output


def test_settings_of_a_source_or_of_a_kind_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    assert "lets Footnote in" in run(monkeypatch, client, "check", "Wiki").output
    run(monkeypatch, client, "check", "s3", "--config", "-", text='{"bucket": "b"}')
    asked = [body for path, body, _ in client.asked if path == "POST /v1/sources/check"]
    assert asked == [{"source_id": "s1"}, {"kind": "s3", "config": {"bucket": "b"}}]
    refused = run(monkeypatch, Client("The token is wrong."), "check", "Wiki")
    assert (refused.exit_code, str(refused.exception)) == (1, "The token is wrong.")


@pytest.mark.parametrize(
    ("options", "text", "message"),
    [
        (("--set", "alone"), None, "write KEY=VALUE"),
        (("--config", "-"), "neither = ", "neither TOML nor JSON"),
        (("--set", "a=1", "--set", "a.b=2"), None, "lies in 'a', which is a value"),
    ],
)
def test_what_is_no_setting_is_said(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], text: str | None, message: str
) -> None:
    done = run(monkeypatch, Client(), "add", "s3", "S", *options, text=text)
    assert message in str(done.exception)


def test_secrets_are_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, Client(), "rotate-secrets")
    assert done.output == "Encrypted the secrets of 1 source with the newest key.\n"
