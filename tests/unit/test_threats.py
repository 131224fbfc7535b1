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
