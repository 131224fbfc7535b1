"""``footnote sources groups``: the groups, how many are in each, and as of when."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from api.cli import context
from api.cli.commands.sources import sources
from tests.unit.api.cli.test_failures import Client

SYNC = {
    "begun_at": "2026-03-01T09:00:00Z",
    "done_at": "2026-03-01T09:00:01Z",
    "due_at": "2026-03-01T10:00:00Z",
    "has_groups": True,
    "left_out": 0,
    "failures": 0,
    "error": None,
}
GROUPS = [{"name": "s1/HR", "members": 12}, {"name": "s1/a/b\x1b[2J", "members": 3}]


def run(monkeypatch: pytest.MonkeyPatch, client: Client, *arguments: str) -> str:
    monkeypatch.setattr(context, "client", lambda: client)
    done = CliRunner().invoke(sources, ["groups", "Handbook", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_groups_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(groups=GROUPS, total=5, sync=SYNC)
    printed = run(monkeypatch, client, "--user", "ann@example.com", "--limit", "2", "--offset", "1")
    assert printed.splitlines() == [
        "      12  HR",
        "       3  a/b\N{REPLACEMENT CHARACTER}[2J",
        "... 5 in all: --offset 3 shows the next ones.",
        "As of 2026-03-01T09:00:01Z.",
    ]
    parameters = {"user": "ann@example.com", "limit": 2, "offset": 1}
    assert client.asked[1:] == [("GET", "/v1/sources/s1/groups", parameters)]


@pytest.mark.parametrize(
    ("sync", "said"),
    [
        (None, "Its groups haven't been read yet."),
        ({"begun_at": None, "done_at": None}, "Its groups haven't been read yet."),
        ({"has_groups": False}, "A source of this kind has no groups of its own."),
        ({"left_out": 4}, "As of 2026-03-01T09:00:01Z; 4 members or groups left out."),
        ({"error": "Down.", "failures": 2}, "As of 2026-03-01T09:00:01Z. The last 2 readings failed: Down."),
        (
            {"error": "Down.", "failures": 1, "done_at": None},
            "They couldn't be read so far. The last 1 readings failed: Down.",
        ),
    ],
)
def test_as_of_when(monkeypatch: pytest.MonkeyPatch, sync: dict[str, Any] | None, said: str) -> None:
    client = Client(groups=[], total=0, sync=None if sync is None else {**SYNC, **sync})
    assert run(monkeypatch, client) == said + "\n"


def test_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert '"members": 12' in run(monkeypatch, Client(groups=GROUPS, total=2, sync=SYNC), "--json")
