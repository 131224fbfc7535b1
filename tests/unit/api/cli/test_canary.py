"""``footnote canary``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from api.cli import context
from api.cli.commands.canary import canary
from eval.judging.cases import read_cases

ARM = {"conversations": 200, "failures": 20, "answers": 300, "errors": 4, "unsupported": 1200, "slow": 7}
FOUND = {
    "id": "c1",
    "share": 100,
    "share_today": 5,
    "running": False,
    "stopped_at": "2026-03-01T08:00:00Z",
    "reason": "It fails.",
    "baseline": ARM,
    "candidate": {**ARM, "conversations": 0},
    "shadow": {**ARM, "answers": 0},
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
        "Candidate c1, 5 % of conversations, up to 100 %: not running.",
        "Stopped on 2026-03-01 08:00 UTC: It fails.",
        "  baseline: 20 of 200 conversations began with a failure (10.0%); of 300 answers 4 errors, 1,200 "
        "unsupported, 7 slow",
        "  candidate: 20 of 0 conversations began with a failure; of 300 answers 4 errors, 1,200 unsupported, 7 slow",
        "Over 3 finished days: the candidate fails more often (p = 0.04, at any time).",
    ]


def test_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, {"stopped": True}, "stop") == ["The candidate is stopped."]
    assert run(monkeypatch, {"stopped": False}, "stop") == ["It was stopped before."]


def test_shadows_become_cases_for_judges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer = {"answer": "24 weeks.", "citations": [{"number": 1, "quote": "24 weeks of leave"}]}
    pair = {"id": "a1", "question": "How long?", "baseline": answer, "candidate": {"answer": "", "citations": []}}
    pages = [{"pairs": [pair], "withheld": 1, "more": True}, {"pairs": [], "withheld": 0, "more": False}]

    class Client:
        def request(self, method: str, path: str, **page: int) -> Any:
            assert (method, path) == ("GET", "/v1/canary/shadows")
            assert page == {"limit": 100, "offset": 100 * (2 - len(pages))}
            return pages.pop(0)

    monkeypatch.setattr(context, "client", lambda reader: Client())
    file = tmp_path / "pairs.jsonl"
    done = CliRunner().invoke(canary, ["shadows", "--answers", str(file)])
    assert done.exit_code == 0, done.output
    cases = read_cases(file)
    assert list(cases) == ["baseline", "candidate"]
    assert cases["baseline"][0].passages == ("24 weeks of leave",)
    refused = CliRunner().invoke(canary, ["shadows"])
    assert "Name a file with --answers" in refused.output
