"""A side in a real process: answers, errors, silence and sudden ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval.bench.peers.process import SideFailed, SideProcess

FAKE = Path(__file__).with_name("fake_peer.py")
LONG = 120.0


@pytest.fixture
def side(tmp_path: Path) -> Iterator[SideProcess]:
    with SideProcess("fake", sys.executable, FAKE, tmp_path / "log", os.environ) as started:
        yield started


def test_calls_are_answered_with_their_cpu_time_and_prints_go_to_the_log(side: SideProcess, tmp_path: Path) -> None:
    side.call("open", timeout_s=LONG, variant="v", url="", index="i", model="m", options={"top": 10})
    documents = [{"id": "a", "title": "", "text": "days of leave"}]
    written = side.call("write", timeout_s=LONG, variant="v", documents=documents)
    assert written["vectors"] == 1
    assert written["cpu_s"] >= 0
    assert side.call("ask", timeout_s=LONG, variant="v", query="leave", limit=10)["documents"] == ["a"]
    side.close()
    assert "prints as it starts" in (tmp_path / "log").read_text()
    assert "prints as it writes" in (tmp_path / "log").read_text()


def test_an_error_is_told_and_the_side_goes_on(side: SideProcess) -> None:
    with pytest.raises(SideFailed, match="fake, fail: ValueError: no such thing"):
        side.call("fail", timeout_s=LONG)
    assert side.call("about", timeout_s=LONG)["fake"] == "1.0"
    with pytest.raises(SideFailed, match="AttributeError"):
        side.call("nothing", timeout_s=LONG)


def test_a_sudden_end_is_told_with_the_last_words_of_the_log(side: SideProcess) -> None:
    with pytest.raises(SideFailed, match=r"ended with status 3 at end.*prints as it starts"):
        side.call("end", timeout_s=LONG)
    with pytest.raises(SideFailed):
        side.call("about", timeout_s=LONG)


def test_silence_ends_the_side(side: SideProcess) -> None:
    with pytest.raises(SideFailed, match=r"wait_for_ever took more than 0\.2 s"):
        side.call("wait_for_ever", timeout_s=0.2)
    with pytest.raises(SideFailed):
        side.call("about", timeout_s=LONG)


def test_what_can_t_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(SideFailed, match="can't be run"):
        SideProcess("fake", str(tmp_path / "no-python"), FAKE, tmp_path / "log", os.environ)
    broken = tmp_path / "broken.py"
    broken.write_text("import a_library_that_is_not_there\n")
    with pytest.raises(SideFailed, match="ModuleNotFoundError: No module named 'a_library_that_is_not_there'"):
        SideProcess("broken", sys.executable, broken, tmp_path / "log", os.environ)
