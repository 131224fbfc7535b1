"""The bar for work that goes on elsewhere: looks until it is over, and says once why it waits."""

from __future__ import annotations

import pytest

from api.cli.commands.ingest import counted
from api.cli.progress import Standing, follow

STEPS = [
    Standing(over=False, label="filling", done=1, total=3),
    Standing(over=False, label="filling", done=1, total=3, waits_for="the index is down"),
    Standing(over=False, label="filling", done=1, total=3, waits_for="the index is down"),
    Standing(over=False, label="filling", done=2, total=3),
    Standing(over=True, label="done", done=3, total=3),
]


def test_it_looks_until_the_end_and_says_what_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    looks = []

    def look(step: int) -> int:
        looks.append(step)
        return step + 1

    assert follow(0, look, STEPS.__getitem__, poll_s=0, quiet=False) == len(STEPS) - 1
    assert looks == [0, 1, 2, 3]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("Waiting: the index is down") == 1
    assert printed.err.count("It goes on.") == 1


def test_what_is_over_is_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(4, lambda _: pytest.fail("looked"), STEPS.__getitem__, poll_s=0, quiet=False) == 4
    follow(0, lambda step: step + 1, STEPS.__getitem__, poll_s=0, quiet=True)
    assert "Waiting" not in capsys.readouterr().err


def test_documents_that_were_tried_again_are_told_where_there_are_any() -> None:
    run = {"seen": 5, "indexed": 2, "unchanged": 2, "failed": 1, "deleted": 0, "retried": 0, "warned": 0}
    assert counted(run) == "5 seen, 2 indexed, 2 unchanged, 1 failed, 0 deleted"
    assert counted({**run, "warned": 3}).endswith("0 deleted; 3 with a warning about secrets")
    assert counted({**run, "retried": 2}).endswith("0 deleted (2 of them tried again)")
