"""``footnote conversations``, ``footnote outdated`` and ``footnote ask --continue``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from api.cli import context
from api.cli.commands.ask import ask
from api.cli.commands.conversations import conversations
from api.cli.commands.outdated import outdated
from core.errors import FootnoteError

HEAD = {
    "id": "c1", "title": "How much\x1b[2J leave?", "created_at": "2026-03-01T08:00:00Z",
    "updated_at": "2026-03-02T09:30:00Z", "mine": True, "shared": None,
}  # fmt: skip
WITHHELD = {
    "answer_id": "a1", "number": 1, "question": "How much leave?", "filters": None, "pipeline": None,
    "asked_at": "2026-03-01T08:00:00Z", "state": "done", "withheld": True, "answer": None, "sources": [],
    "feedback": None,
}  # fmt: skip


class Client:
    """Answers by path, and remembers what was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, Any]] = []

    def request(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        self.asked.append((method, path, body or parameters))
        return self.answers[path]


def run(monkeypatch: pytest.MonkeyPatch, command: click.Command, answers: dict[str, Any], *arguments: str) -> Any:
    client = Client(answers)
    monkeypatch.setattr(context, "client", lambda reader=None: client)
    return CliRunner().invoke(command, arguments), client


def test_listing_tells_ids_and_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"/v1/conversations": {"conversations": [HEAD], "total": 3, "kept": True}}
    done, client = run(monkeypatch, conversations, listed, "list", "--search", "leave")
    assert done.output.splitlines() == [
        "c1  2026-03-02 09:30  How much[2J leave?",
        "... and 2 more: --limit shows them.",
    ]
    assert client.asked == [("GET", "/v1/conversations", {"q": "leave", "limit": 50})]
    none = {"/v1/conversations": {"conversations": [], "total": 0, "kept": False}}
    assert "None are kept" in run(monkeypatch, conversations, none, "list")[0].output


def test_the_latest_is_exported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers = {
        "/v1/conversations": {"conversations": [HEAD], "total": 1, "kept": True},
        "/v1/conversations/c1": {**HEAD, "turns": [WITHHELD]},
    }
    done, _ = run(monkeypatch, conversations, answers, "export", "latest")
    assert "## How much leave?\n\n*This answer isn't shown" in done.output
    to = tmp_path / "x.json"
    assert (
        run(monkeypatch, conversations, answers, "export", "c1", "--format", "json", "--to", str(to))[0].exit_code == 0
    )
    assert json.loads(to.read_text())["turns"][0]["withheld"] is True
    again, _ = run(monkeypatch, conversations, answers, "export", "c1", "--to", str(to))
    assert isinstance(again.exception, FootnoteError)
    assert json.loads(to.read_text())


def test_deleting_one_or_all_but_never_by_a_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"/v1/conversations/c1": {"deleted": 1}, "/v1/conversations": {"deleted": 4}}
    assert run(monkeypatch, conversations, gone, "delete", "c1")[0].output == "Deleted 1 conversation.\n"
    assert run(monkeypatch, conversations, gone, "delete", "--all")[0].output == "Deleted 4 conversations.\n"
    assert run(monkeypatch, conversations, gone, "delete")[0].exit_code == 2
    assert run(monkeypatch, conversations, gone, "delete", "c1", "--all")[0].exit_code == 2


def test_asking_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, Any] = {
        "/v1/conversations": {"conversations": [HEAD], "total": 1, "kept": True}, "/v1/answers": {"answer": "28"},
    }  # fmt: skip
    done, client = run(monkeypatch, ask, answers, "And?", "--continue", "--json")
    assert done.exit_code == 0
    assert client.asked[-1] == ("POST", "/v1/answers", {"question": "And?", "conversation_id": "c1"})
    answers["/v1/conversations"]["conversations"] = []
    assert "no conversation" in str(run(monkeypatch, ask, answers, "And?", "--continue")[0].exception)
    assert run(monkeypatch, ask, answers, "And?", "--continue", "--conversation", "c2")[0].exit_code == 2


def test_outdated_documents_are_listed_and_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {
        "document_id": "d1", "external_id": "hr/leave.md", "title": "Leave", "readers": 2,
        "comments": ["It says\n2019."], "last_said": "2026-03-02T09:30:00Z", "changed": True,
    }  # fmt: skip
    answers = {"/v1/outdated": {"documents": [document], "total": 1}, "/v1/outdated/d1": {"settled": 2}}
    assert run(monkeypatch, outdated, answers, "list")[0].output.splitlines() == [
        "d1  Leave (hr/leave.md)",
        "    2 readers say so, last on 2026-03-02 09:30 UTC; its document has changed since",
        "    - It says 2019.",
    ]
    assert run(monkeypatch, outdated, answers, "settle", "d1")[0].output == "It is off the list.\n"
