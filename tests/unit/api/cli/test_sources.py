"""``footnote sources``: how sources stand, and what a dry run, a pause and a cancelled run say."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from api.cli import context
from api.cli.commands.sources import sources

COUNTS = {"seen": 10, "unchanged": 4, "indexed": 3, "failed": 1, "deleted": 0, "retried": 0, "warned": 0}
RUN: dict[str, Any] = {
    **COUNTS,
    "superseded": 0,
    "id": "r1",
    "state": "running",
    "kind": "sync",
    "phase": "processing",
    "open": 2,
    "rate": 0.5,
    "eta_s": 4.0,
    "error": None,
    "waiting": None,
    "plan": None,
    "started_at": "2026-03-01T08:00:00Z",
    "finished_at": None,
}
SOURCE: dict[str, Any] = {
    "id": "s1",
    "kind": "sharepoint",
    "name": "Handbook",
    "documents": {"indexed": 8, "pending": 2},
    "passages": 31,
    "weight": 2,
    "paused_at": None,
    "waits": None,
    "active": [RUN],
    "last_sync": {**RUN, "state": "failed", "error": "The secret has expired: renew it."},
    "lag_s": 60.0,
    "last_success_at": "2026-02-28T08:00:00Z",
    "next_sync_at": "2026-03-01T12:00:00Z",
}
PLAN = {
    "new": {"count": 22, "first": [f"{number}.md" for number in range(20)]},
    "changed": {"count": 1, "first": ["a\x1b[2J.md"]},
    "permissions": {"count": 0, "first": []},
    "deleted": {"count": 9, "first": ["b.md"] * 9},
    "unreadable": {"count": 0, "first": []},
    "unchanged": {"count": 5, "first": []},
    "refused": True,
}


class Client:
    """Answers by path, and remembers what was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    def request(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        self.asked.append((method, path, parameters))
        return {"sources": [SOURCE]} if path == "/v1/sources" else self.answers[path.rsplit("/", 1)[1]]


def run(monkeypatch: pytest.MonkeyPatch, client: Client, *arguments: str, status: int = 0) -> str:
    monkeypatch.setattr(context, "client", lambda: client)
    done = CliRunner().invoke(sources, arguments)
    assert done.exit_code == status, done.output
    return done.stdout


def test_a_source_is_told_with_its_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, Client(), "list").splitlines() == [
        "s1  sharepoint  Handbook",
        "    documents: 8 indexed, 2 pending; 31 passages; weight 2",
        "    sync processing: 10 seen, 3 indexed, 4 unchanged, 1 failed, 0 deleted; 2 on their way at 0.5 documents a "
        "second, 0:00:04 left",
        "    last sync: failed, begun 2026-03-01 08:00 UTC; 10 seen, 3 indexed, 4 unchanged, 1 failed, 0 deleted: The "
        "secret has expired: renew it.",
        "    everything from before 2026-02-28 08:00 UTC is known",
        "    next sync: 2026-03-01 12:00 UTC",
    ]


def test_a_dry_run_is_waited_for_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = {**RUN, "kind": "plan"}
    planned = {**begun, "state": "planned", "finished_at": "2026-03-01T08:01:00Z", "plan": PLAN}
    client = Client(sync=begun, runs={"runs": [planned]})
    printed = run(monkeypatch, client, "sync", "Handbook", "--dry-run", "--full").splitlines()
    assert client.asked[1] == ("POST", "/v1/sources/s1/sync", {"full": True, "dry_run": True})
    assert printed[:2] == ["22 new", "    0.md"]
    assert "    ... and 2 more" in printed
    assert not any("\x1b" in line for line in printed)
    assert printed[-1].startswith("So many deletions would be refused")


def test_a_dry_run_that_failed_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = {**RUN, "state": "failed", "finished_at": "2026-03-01T08:01:00Z", "error": "It is offline."}
    monkeypatch.setattr(context, "client", lambda: Client(sync=failed, runs={"runs": [failed]}))
    done = CliRunner().invoke(sources, ["sync", "Handbook", "--dry-run"])
    assert "It is offline." in str(done.exception)


def test_what_is_asked_for_reaches_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(sync=RUN, cancel={"runs": [RUN]}, pause=SOURCE, resume=SOURCE, s1={**SOURCE, "weight": 5})
    run(monkeypatch, client, "sync", "s1", "--confirm-delete")
    assert client.asked[-1] == ("POST", "/v1/sources/s1/sync", {"confirm_delete": True})
    assert "Cancelled r1" in run(monkeypatch, client, "cancel", "Handbook")
    assert "footnote sources resume Handbook" in run(monkeypatch, client, "pause", "Handbook")
    assert "goes on" in run(monkeypatch, client, "resume", "Handbook")
    assert "weight of 5" in run(monkeypatch, client, "weight", "Handbook", "5")
    run(monkeypatch, client, "weight", "Handbook", "0", status=2)
    run(monkeypatch, client, "sync", "s1", "--confirm-delete", "--dry-run", status=2)
    assert "Nothing goes on" in run(monkeypatch, Client(cancel={"runs": []}), "cancel", "Handbook")
