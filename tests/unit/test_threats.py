"""What docs/threats.md names as proof is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = {"u": "unit", "i": "integration"}
NAMED = sorted(set(re.findall(r"`((?:u|i|e2e|contract)/[\w/.]+(?:::\w+)?)`", (ROOT / "docs/threats.md").read_text())))


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_a_threat_names_exists(named: str) -> None:
    where, _, name = named.partition("::")
    top, _, rest = where.partition("/")
    path = ROOT / "tests" / SHORT.get(top, top) / rest
    assert path.exists(), "name the test where it is now"
    if name:
        assert f"def {name}(" in path.read_text()


def test_every_promise_names_its_test() -> None:
    promises = (ROOT / "SECURITY.md").read_text().partition("## What Footnote promises")[2].partition("\n## ")[0]
    lines = re.findall(r"^- (.*)$", promises, re.MULTILINE)
    table = (ROOT / "docs/threats.md").read_text().partition("## What SECURITY promises")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (?!promise|---)(.*?) \| (.*) \|$", table, re.MULTILINE))
    assert all(re.search(r"`(?:u|i|e2e|contract)/", tests) for tests in rows.values())
    for line in lines:
        assert [row for row in rows if line.startswith(row)], f"name its test in docs/threats.md: {line}"
    assert [row for row in rows if not any(line.startswith(row) for line in lines)] == []
