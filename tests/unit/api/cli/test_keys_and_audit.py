"""``footnote keys list`` and ``footnote audit list``: everything that is known, in a line each."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from api.cli import context
from api.cli.commands.audit import audit
from api.cli.commands.keys import keys
from tests.unit.api.cli.test_failures import Client

KEY = {
    "id": "k1",
    "name": "CI",
    "user": None,
    "groups": [],
    "roles": ["admin"],
    "admin": True,
    "may_act": False,
    "routes": [],
    "sources": [],
    "expires_at": None,
    "last_used_at": None,
    "revoked_at": None,
    "from_configuration": False,
    "in_configuration": False,
}
EVENT = {
    "id": 12,
    "at": "2026-03-01T08:00:00Z",
    "action": "key.create",
    "outcome": "done",
    "reason": None,
    "key_id": "k1",
    "name": "CI",
    "user": "ida",
    "client": "10.0.0.7",
    "request_id": "r",
    "object_id": "k2",
    "object_name": "CI",
    "detail": {"admin": True, "user": None, "groups": ["hr", "eng"]},
}


def run(monkeypatch: pytest.MonkeyPatch, command: click.Command, client: Client, *arguments: str) -> str:
    monkeypatch.setattr(context, "client", lambda: client)
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "k1  CI: administrator; last used never"),
        ({"revoked_at": "T"}, "k1  CI: administrator; revoked T"),
        (
            {"revoked_at": "T", "from_configuration": True, "in_configuration": True},
            "k1  CI: administrator; revoked T; api.admin_key still names it: put another there, or take it out",
        ),
        (
            {"from_configuration": True},
            "k1  CI: administrator; refused, the service's configuration no longer names it; last used never",
        ),
        ({"from_configuration": True, "in_configuration": True}, "k1  CI: administrator; last used never"),
        (
            {"admin": False, "user": "ida", "roles": ["reader", "auditor"], "groups": ["hr"], "routes": ["search"]},
            "k1  CI: ida, auditor, groups hr, only search; last used never",
        ),
        (
            {"may_act": True, "expires_at": "2026-01-01T00:00:00Z"},
            "k1  CI: administrator, may act for others; expired 2026-01-01T00:00:00Z, last used never",
        ),
    ],
)
def test_how_a_key_stands(monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], said: str) -> None:
    assert run(monkeypatch, keys, Client(keys=[{**KEY, **changed}]), "list") == said + "\n"


def test_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {"key_id": None, "name": "footnote up", "user": None, "client": None, "object_name": None, "detail": {}}
    failed = {**EVENT, **alone, "action": "index.drop", "outcome": "failed", "reason": "not-found"}
    client = Client(events=[EVENT, failed], next=11)
    assert run(monkeypatch, audit, client, "list", "--limit", "2", "--before", "13").splitlines() == [
        "    12  2026-03-01 08:00:00  key.create k2 CI (admin: yes, groups: hr eng): done, by CI of ida from 10.0.0.7",
        "    12  2026-03-01 08:00:00  index.drop k2: failed (not-found), by footnote up",
        "... and older ones: footnote audit list --before 11",
    ]
    assert client.asked == [("GET", "/v1/audit", {"limit": 2, "before": 13})]


def test_that_nothing_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, audit, Client(events=[], next=None), "list") == "Nothing was done so far.\n"
