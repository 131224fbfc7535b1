from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from api.supervisor import control
from api.supervisor.layout import MARK, ChildState, Layout, StackState, exclusive
from core.errors import Unavailable
from core.settings import Settings


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    made.make()
    return made


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    code = "import signal; print(flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # before that it may have no memory of its own yet
    yield process
    process.stdout.close()
    process.kill()
    process.wait()


def settings_with(port: int) -> Settings:
    return Settings.model_validate({"api": {"port": port}})


def test_up_waits_for_processes_and_readiness(layout: Layout, sleeper: subprocess.Popen[bytes]) -> None:
    worker = ChildState("worker")
    state = StackState(sleeper.pid, "http://127.0.0.1:1", "now", "starting", None, [worker])
    state.write(layout.state_file)
    waited: list[str] = []
    answers = iter(["the model", None])

    def report(what: str) -> None:
        waited.append(what)
        if what == "worker":
            worker.state, state.phase = "running", "running"
            state.write(layout.state_file)

    control.wait_until_ready(layout, sleeper, lambda _: next(answers), report)
    assert waited == ["worker", "the model"]


def test_a_process_that_keeps_dying_is_named_with_its_last_words(
    layout: Layout, sleeper: subprocess.Popen[bytes]
) -> None:
    layout.log_of("api").write_text("first\nNo module named 'x'\n")
    dying = ChildState("api", state="waiting", restarts=3, last_exit="exit status 1")
    StackState(sleeper.pid, "", "now", children=[dying]).write(layout.state_file)
    with pytest.raises(Unavailable, match=r"'api' keeps ending \(exit status 1\).*No module named 'x'"):
        control.wait_until_ready(layout, sleeper, lambda _: None, lambda _: None)


def test_a_process_that_its_settings_keep_from_running_is_not_waited_for(
    layout: Layout, sleeper: subprocess.Popen[bytes]
) -> None:
    layout.log_of("api").write_text("Setting retrieval.pipeline: there is no 'hybird'.\n")
    wrong = ChildState("api", state="waiting", last_exit="exit status 2")
    StackState(sleeper.pid, "", "now", children=[wrong]).write(layout.state_file)
    with pytest.raises(Unavailable, match=r"'hybird'"):
        control.wait_until_ready(layout, sleeper, lambda _: None, lambda _: None)


def test_the_reason_of_an_earlier_supervisor_is_not_this_one_s(
    layout: Layout, sleeper: subprocess.Popen[bytes]
) -> None:
    StackState(sleeper.pid + 1, "", "now", "failed", "The disk is full.").write(layout.state_file)
    sleeper.kill()
    sleeper.wait()
    with pytest.raises(Unavailable, match="ended at once"):
        control.wait_until_ready(layout, sleeper, lambda _: None, lambda _: None)


def test_the_reason_of_a_supervisor_that_ended_is_passed_on(layout: Layout, sleeper: subprocess.Popen[bytes]) -> None:
    StackState(sleeper.pid, "", "now", "failed", "The disk is full.").write(layout.state_file)
    sleeper.kill()
    sleeper.wait()
    with pytest.raises(Unavailable, match=r"The disk is full\."):
        control.wait_until_ready(layout, sleeper, lambda _: None, lambda _: None)


def test_waiting_ends(layout: Layout, sleeper: subprocess.Popen[bytes]) -> None:
    with pytest.raises(Unavailable, match="wasn't ready after 0 s"):
        control.wait_until_ready(layout, sleeper, lambda _: None, lambda _: None, timeout_s=0.2)


def test_down_says_when_nothing_was_running(layout: Layout) -> None:
    assert not control.stop(layout, lambda _: None)


def test_down_ends_what_a_killed_supervisor_left(layout: Layout) -> None:
    state = StackState(os.getpid(), "", "now", "running")
    state.write(layout.state_file)
    code = "import signal; print(flush=True); signal.pause()"
    environment = {**os.environ, MARK: layout.mark_of(state)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as left:
        assert left.stdout is not None
        left.stdout.readline()
        with exclusive(layout.lock_file):
            assert control.leftover_pids(layout) == []  # its supervisor is up: they are in good hands
        assert control.leftover_pids(layout) == [left.pid]
        assert control.tidy(layout) == [left.pid]
    assert control.tidy(layout) == []


def test_there_is_nothing_to_end_where_nothing_ever_was(tmp_path: Path) -> None:
    assert control.tidy(Layout(tmp_path / "nothing")) == []


def test_the_url_is_the_running_stack_s_else_the_configured_one(layout: Layout) -> None:
    StackState(os.getpid(), "http://127.0.0.1:4711", "now").write(layout.state_file)
    assert control.service_url(settings_with(8400), layout) == "http://127.0.0.1:8400"
    with exclusive(layout.lock_file):
        assert control.service_url(settings_with(8400), layout) == "http://127.0.0.1:4711"


def test_the_description_has_each_process_with_its_memory(layout: Layout, sleeper: subprocess.Popen[bytes]) -> None:
    api = ChildState("api", sleeper.pid, psutil.Process(sleeper.pid).create_time())
    StackState(os.getpid(), "u", "now", "running", children=[api]).write(layout.state_file)
    assert control.describe(layout) is None
    with exclusive(layout.lock_file):
        described = control.describe(layout)
    assert described is not None
    assert [process["name"] for process in described["processes"]] == ["api", "supervisor"]
    assert all(process["memory_bytes"] > 1_000_000 for process in described["processes"])
