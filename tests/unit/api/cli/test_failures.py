"""``footnote failures``: every fact of a failure, and what a retry says."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from api.cli import context
from api.cli.commands.failures import failures

FAILURE = {
    "external_id": "hr/old.pdf",
    "message": "hr/old.pdf is encrypted.",
    "stage": "parse",
    "error_class": "UnreadableDocument",
    "retryable": False,
    "attempts": 1,
    "first_seen": "2026-03-01T08:00:00Z",
    "last_seen": "2026-03-02T09:30:59+01:00",
}

NO_WARNINGS: dict[str, Any] = {"warnings": [], "total_warnings": 0}


class Client:
    """Answers with what it is given, and remembers what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def request(self, method: str, path: str, **parameters: Any) -> Any:
        self.asked.append((method, path, parameters))
        return {"sources": [{"id": "s1", "name": "Handbook"}]} if path == "/v1/sources" else self.answers


def run(monkeypatch: pytest.MonkeyPatch, client: Client, *arguments: str) -> str:
    monkeypatch.setattr(context, "client", lambda: client)
    done = CliRunner().invoke(failures, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_failure_is_told_with_all_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = run(monkeypatch, Client(**NO_WARNINGS, failures=[FAILURE], total=3), "list", "--limit", "1")
    assert printed.splitlines() == [
        "hr/old.pdf: hr/old.pdf is encrypted.",
        "    UnreadableDocument in stage parse, tried once, first on 2026-03-01 08:00, last on 2026-03-02 08:30 UTC",
        "    It is tried again once the document changes, or what reads it.",
        "... and 2 more: --limit shows them.",
    ]


def test_warnings_follow_the_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings = [
        {"external_id": "keys/id_rsa", "message": "It was left out, for it is never a document: a private SSH key."},
        {"external_id": "notes.md", "message": "It holds a GitHub token: line 3 of its text."},
    ]
    client = Client(failures=[], total=0, warnings=warnings, total_warnings=3)
    assert run(monkeypatch, client, "list", "--limit", "2").splitlines() == [
        "No failures.",
        "Warnings:",
        "  keys/id_rsa: It was left out, for it is never a document: a private SSH key.",
        "  notes.md: It holds a GitHub token: line 3 of its text.",
        "  ... and 1 more: --limit shows them.",
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"retryable": True, "attempts": 4, "last_seen": "2026-03-01T08:00:30Z"},
            "tried 4 times, on 2026-03-01 08:00 UTC",
        ),
        ({"retryable": True}, "the next sync tries it again"),
        ({"stage": "list"}, "Every sync looks at it again."),
    ],
)
def test_what_would_help(monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], said: str) -> None:
    assert said in run(monkeypatch, Client(**NO_WARNINGS, failures=[{**FAILURE, **changed}], total=1), "list")


def test_of_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(**NO_WARNINGS, failures=[], total=0)
    assert run(monkeypatch, client, "list", "--source", "Handbook") == "No failures.\n"
    assert client.asked[-1] == ("GET", "/v1/sources/s1/failures", {"limit": 100})


@pytest.mark.parametrize(("count", "said"), [(1, "1 document is being"), (0, "0 documents are being")])
def test_a_retry_says_how_many(monkeypatch: pytest.MonkeyPatch, count: int, said: str) -> None:
    client = Client(retried=count)
    assert run(monkeypatch, client, "retry", "--source", "s1").startswith(said)
    assert client.asked[-1] == ("POST", "/v1/failures/retry", {"source_id": "s1"})


@pytest.mark.parametrize(("count", "said"), [(1, "1 document is being"), (0, "A sync that is running has it")])
def test_one_document_is_tried_again(monkeypatch: pytest.MonkeyPatch, count: int, said: str) -> None:
    client = Client(retried=count)
    assert run(monkeypatch, client, "retry", "--document", "hr/old.pdf").startswith(said)
    assert client.asked == [("POST", "/v1/failures/retry", {"document_id": "hr/old.pdf"})]


def test_a_source_or_a_document() -> None:
    done = CliRunner().invoke(failures, ["retry", "--document", "a", "--source", "b"])
    assert (done.exit_code, "not both" in done.output) == (2, True)
