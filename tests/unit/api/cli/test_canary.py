"""``footnote canary``."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from api.cli import context
from api.cli.commands.canary import canary

ARM = {"conversations": 200, "failures": 20, "answers": 300, "errors": 4, "unsupported": 1200}
FOUND = {
    "id": "c1",
    "share": 5,
    "running": False,
    "stopped_at": "2026-03-01T08:00:00Z",
    "reason": "It fails.",
    "baseline": ARM,
    "candidate": {**ARM, "conversations": 0},
    "days": 3,
    "verdict": "worse",
    "e_value": 25.0,
    "p_value": 0.04,
    "alpha": 0.05,
}


def run(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], *arguments: str) -> list[str]:
    class Client:
        def request(self, method: str, path: str) -> Any:
            assert (method, path) == (("POST", "/v1/canary/stop") if "stop" in arguments else ("GET", "/v1/canary"))
            return answer

    monkeypatch.setattr(context, "client", Client)
    done = CliRunner().invoke(canary, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def test_status(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, FOUND, "status") == [
        "Candidate c1, 5 % of conversations: not running.",
        "Stopped on 2026-03-01 08:00 UTC: It fails.",
        "  baseline: 20 of 200 conversations began with a failure (10.0%); of 300 answers 4 errors, 1,200 unsupported",
        "  candidate: 20 of 0 conversations began with a failure; of 300 answers 4 errors, 1,200 unsupported",
        "Over 3 finished days: the candidate fails more often (p = 0.04, at any time).",
    ]


def test_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, {"stopped": True}, "stop") == ["The candidate is stopped."]
    assert run(monkeypatch, {"stopped": False}, "stop") == ["It was stopped before."]
