"""The benchmark of real workers: the window that it counts in, its set-ups, what it tells, and what else ran."""

from __future__ import annotations

import math
import subprocess
import sys
import time

import psutil
import pytest

from eval import other_work as other_work_module
from eval.equal_cores import equal_cores
from eval.other_work import other_work
from eval.parsing_workers import SetUp, rate, report, set_ups


def test_neither_the_start_nor_a_long_last_document_counts() -> None:
    started_late = [(0.0, 0), (50.0, 10), (60.0, 50), (70.0, 90)]
    assert rate([*started_late, (500.0, 100)]) == 4.0


def test_documents_that_are_all_done_at_once_have_no_rate() -> None:
    assert math.isnan(rate([(0.0, 0), (1.0, 100)]))


def test_every_set_up_says_what_it_is() -> None:
    names = [str(set_up) for set_up in set_ups()]
    assert len(set(names)) == len(names)
    assert names[0] == "1 worker with 1 parser"
    assert names[-1] == "2 workers with 1 parser, nothing in common"


def test_ratios_are_of_the_same_round(capsys: pytest.CaptureFixture[str]) -> None:
    one, two, apart = SetUp(1, 1), SetUp(2, 1), SetUp(2, 1, apart=True)
    report({one: [10.0, 20.0], two: [15.0, 40.0], apart: [20.0, 40.0]})

    told = capsys.readouterr().out
    assert f"{two}, times {one}: 1.75 (median of 2; 1.50 to 2.00)" in told
    assert f"{two}, times {apart}: 0.88 (median of 2; 0.75 to 1.00)" in told
    assert "on a core each" not in told


def test_what_this_process_and_its_own_do_is_not_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    own_s = other_work_module._own_s
    monkeypatch.setattr(other_work_module, "_all_s", lambda: 2 * time.monotonic() + own_s())
    burn = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    with other_work() as others:
        subprocess.run([sys.executable, "-c", burn], check=True)
    assert others() == pytest.approx(2, abs=0.2)


def test_nothing_is_rescheduled_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_setscheduler", lambda *_: pytest.fail("no priority may change"), raising=False)
    with equal_cores(wanted=False):
        pass


def test_measured_processes_run_first_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr("os.SCHED_RR", 2, raising=False)
    monkeypatch.setattr("os.SCHED_OTHER", 0, raising=False)
    monkeypatch.setattr("os.sched_param", lambda priority: priority, raising=False)
    monkeypatch.setattr("os.sched_setscheduler", lambda _, policy, __: calls.append(policy), raising=False)
    before = psutil.Process().children()
    with equal_cores(wanted=True):
        during = set(calls)
        calls.clear()
        assert len(psutil.Process().children()) > len(before)
    assert during == {2}
    assert set(calls) == {0}
    assert psutil.Process().children() == before
