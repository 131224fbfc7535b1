"""The bar for work that goes on elsewhere: looks until it is over, and says once why it waits."""

from __future__ import annotations

from functools import partial

import click
import pytest

from api.cli import progress
from api.cli.commands.ingest import counted
from api.cli.progress import Standing

STEPS = [
    Standing(over=False, label="filling", done=1, total=3),
    Standing(over=False, label="filling", done=1, total=3, waits_for="the index is down"),
    Standing(over=False, label="filling", done=1, total=3, waits_for="the index is down"),
    Standing(over=False, label="filling", done=2, total=3),
    Standing(over=True, label="done", done=3, total=3),
]


GOES_ON = "It goes on in the service."
follow = partial(progress.follow, poll_s=0, goes_on=GOES_ON)


def test_it_looks_until_the_end_and_says_what_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    looks = []

    def look(step: int) -> int:
        looks.append(step)
        return step + 1

    assert follow(0, look, STEPS.__getitem__, quiet=False) == len(STEPS) - 1
    assert looks == [0, 1, 2, 3]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("Waiting: the index is down") == 1
    assert printed.err.count("It goes on.") == 1


def test_what_is_over_is_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert follow(4, lambda _: pytest.fail("looked"), STEPS.__getitem__, quiet=False) == 4
    follow(0, lambda step: step + 1, STEPS.__getitem__, quiet=True)
    assert "Waiting" not in capsys.readouterr().err


def test_without_a_terminal_lines_tell_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_S", 0)
    steps = [
        Standing(over=False, label="handbook", done=0, total=None),
        Standing(over=False, label="handbook", done=0, total=888, half_done=120, half="read"),
        Standing(over=False, label="handbook", done=0, total=888, half_done=120, half="read"),
        Standing(over=False, label="handbook", done=300, total=888, half_done=100, half="read"),
        Standing(over=True, label="handbook", done=888, total=888),
    ]
    follow(0, lambda step: step + 1, steps.__getitem__, quiet=False)
    lines = capsys.readouterr().err.split("\n")
    assert lines[:2] == ["handbook: 0 of ?", "handbook: 0 of 888, 120 more read"]
    assert lines[2].startswith("handbook: 300 of 888, 100 more read")
    assert "left" in lines[2]
    assert [line for line in lines[3:] if line.strip()] == []


def test_lines_come_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [Standing(over=step == 50, label="handbook", done=step, total=50) for step in range(51)]
    follow(0, lambda step: step + 1, steps.__getitem__, quiet=False)
    assert capsys.readouterr().err.split() == ["handbook:", "0", "of", "50"]


def test_what_is_half_way_there_counts_half() -> None:
    assert Standing(over=False, label="", done=3, total=10, half_done=4, half="read").completed == 5


def test_an_interruption_ends_the_watching_and_says_that_the_work_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(click.exceptions.Exit) as ended:
        follow(0, interrupt, STEPS.__getitem__, quiet=True)
    assert ended.value.exit_code == 130
    assert GOES_ON in capsys.readouterr().err


def test_documents_that_were_tried_again_are_told_where_there_are_any() -> None:
    run = {
        "seen": 5,
        "indexed": 2,
        "unchanged": 2,
        "failed": 1,
        "deleted": 0,
        "retried": 0,
        "warned": 0,
        "superseded": 0,
    }
    assert counted(run) == "5 seen, 2 indexed, 2 unchanged, 1 failed, 0 deleted"
    assert counted({**run, "warned": 3}).endswith("0 deleted; 3 with a warning about secrets")
    assert counted({**run, "retried": 2}).endswith("0 deleted (2 of them tried again)")
