"""Settings of a source, tried out by a real worker over a real broker."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.errors import InvalidRequest, Unavailable
from tests.integration.stacks import Stack, started, until


def test_a_worker_answers_and_its_absence_is_said(home: Path) -> None:
    with started(home, sources={"check_s": 5}) as stack:
        stack.write_rules(range(3))
        check = stack.ingestion.check_source
        until(lambda: bool(_soon(stack)), "a worker")
        begun = time.monotonic()
        found = check("folder", {"path": str(stack.folder)})
        assert [item.title for item in found] == ["0.md", "1.md", "2.md"]
        with pytest.raises(InvalidRequest, match="does not exist"):
            check("folder", {"path": str(stack.folder / "nowhere")}, items=0)
        assert time.monotonic() - begun < 5
        stack.stop_worker()
        with pytest.raises(Unavailable, match="No worker took the check on within 5 s"):
            check("folder", {"path": str(stack.folder)})


def _soon(stack: Stack) -> bool:
    try:
        stack.ingestion.check_source("folder", {"path": str(stack.folder)}, items=0)
    except Unavailable:
        return False
    return True
