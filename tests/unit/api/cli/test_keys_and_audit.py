"""``footnote keys list`` and ``footnote audit list``: everything that is known, in a line each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from api.cli import context
from api.cli.commands.audit import audit
from api.cli.commands.keys import keys
from api.cli.commands.usage import usage
from ingestion.catalog.audit_entries import GENESIS, digest
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


class AuditClient(Client):
    """A log of three entries, the last of them broken if it is asked for."""

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__()
        self.broken = broken
        self.entries = [{"number": number, "user": "=1+1", "detail": {}, "hash": f"h{number}"} for number in (1, 2, 3)]

    def request(self, method: str, path: str, **parameters: Any) -> Any:
        self.asked.append((method, path, parameters))
        after = parameters.get("after", 0)
        if path == "/v1/audit/entries":
            return {"entries": [one for one in self.entries if one["number"] > after][: parameters["limit"]]}
        last = min(after + 2, 3)
        found = {"checked": last - after, "last": last, "hash": f"h{last}", "left": 3 - last, "removed": 5}
        if self.broken and last == 3:
            return {**found, "broken": 3, "reason": "It was changed."}
        return {**found, "broken": None, "reason": None}


def test_verifying_goes_on_to_the_end_and_says_where_it_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(monkeypatch, audit, AuditClient(), "verify", "--expect", "2:h2")
    assert said == ("3 entries are as they were written. 5 older ones were removed by retention.\nThe last one: 3:h3\n")
    for client, expect, wanted in (
        (AuditClient(broken=True), "2:h2", "Entry 3 is broken: It was changed."),
        (AuditClient(), "2:other", "Entry 2 is broken: It isn't there any more"),
        (AuditClient(), "9:h9", "Entry 9 is broken: It isn't there any more"),
    ):
        monkeypatch.setattr(context, "client", lambda client=client: client)
        done = CliRunner().invoke(audit, ["verify", "--expect", expect])
        assert done.exit_code == 1
        assert wanted in done.stdout
    assert CliRunner().invoke(audit, ["verify", "--expect", "nonsense"]).exit_code == 2


def test_an_export_is_all_of_it_and_no_spreadsheet_runs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = AuditClient()
    lines = run(monkeypatch, audit, client, "export").splitlines()
    assert [json.loads(line) for line in lines] == client.entries
    file = tmp_path / "audit.csv"
    said = run(monkeypatch, audit, client, "export", "--format", "csv", "--output", str(file), "--after", "1")
    assert "2 entries" in said
    assert file.read_text().splitlines() == ["number,user,detail,hash", "2,'=1+1,{},h2", "3,'=1+1,{},h3"]


def test_a_file_is_verified_without_a_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    entry = {"user": "ann"}
    first = digest(GENESIS, 1, entry)
    file.write_text(json.dumps({"number": 1, **entry, "hash": first}) + "\n")
    told = json.loads(run(monkeypatch, audit, Client(), "verify", "--file", str(file), "--json"))
    assert (told["checked"], told["hash"], told["broken"]) == (1, first, None)
    file.write_text(file.read_text().replace("ann", "bob"))
    assert CliRunner().invoke(audit, ["verify", "--file", str(file)]).exit_code == 1


def test_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    used = {"name": "HR", "answers": 2, "input_tokens": 2000, "output_tokens": 200, "cost": 0.006}
    client = Client(
        since="2026-03-01", until="2026-03-31", by="department", currency="EUR", usage=[used, {**used, "cost": None}]
    )
    assert run(monkeypatch, usage, client, "--since", "2026-03-01").splitlines() == [
        "2026-03-01 to 2026-03-31, by department:",
        "  HR: 2 answers, 2,000 + 200 tokens, 0.01 EUR",
        "  HR: 2 answers, 2,000 + 200 tokens, no price",
    ]
