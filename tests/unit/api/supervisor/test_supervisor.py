"""The supervisor over real processes: small ones of Python, in place of the stack's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from api.supervisor import supervisor as module
from api.supervisor.children import Child
from api.supervisor.layout import MARK, ChildState, Layout, StackState, process_of
from api.supervisor.supervisor import Supervisor, end_leftovers
from core.errors import Unavailable

FOREVER = "import signal; signal.pause()"
DEADLINE_S = 20


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    made.make()
    return made


def child(name: str, code: str, **options: object) -> Child:
    return Child(name, (sys.executable, "-c", code), **options)


@contextmanager
def running(layout: Layout, *children: Child) -> Iterator[StackState]:
    state = StackState(os.getpid(), "http://127.0.0.1:1", "2025-01-01T00:00:00+00:00")
    supervisor = Supervisor(children, layout, state)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        yield state
    finally:
        supervisor.handle_signal(signal.SIGTERM, None)
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def test_a_child_that_is_killed_is_started_again(layout: Layout) -> None:
    with running(layout, child("one", FOREVER)) as state:
        wait_for(lambda: state.phase == "running")
        first = state.children[0].pid
        assert first
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: state.children[0].pid not in (None, first))
        assert state.children[0].restarts == 1
        assert state.children[0].last_exit == "killed by SIGKILL"
    assert state.phase == "stopped"


def test_the_wait_before_a_restart_grows(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", (0.01, 0.02, 1000.0))
    with running(layout, child("fails", "raise SystemExit(3)")) as state:
        wait_for(lambda: state.children[0].restarts == 2 and state.children[0].state == "waiting")
        assert state.children[0].last_exit == "exit status 3"


def test_children_start_when_the_one_before_is_ready_and_stop_in_reverse(layout: Layout, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    code = (
        "import signal, sys\n"
        "def note(what):\n"
        f"    open({str(notes)!r}, 'a').write(what + '\\n')\n"
        "def stop(*_):\n"
        "    note('stop ' + NAME)\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "note('start ' + NAME)\n"
        "signal.pause()\n"
    )

    def noted(what: str) -> bool:
        return notes.exists() and what in notes.read_text().splitlines()

    children = [child(n, f"NAME = {n!r}\n" + code, ready=lambda n=n: noted(f"start {n}")) for n in ("a", "b")]
    with running(layout, *children) as state:
        wait_for(lambda: state.phase == "running")
    assert notes.read_text().split("\n")[:-1] == ["start a", "start b", "stop b", "stop a"]


def test_a_child_that_ignores_the_signal_is_killed_with_all_it_started(layout: Layout, tmp_path: Path) -> None:
    pid_file = tmp_path / "grandchild"
    code = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"other = subprocess.Popen([sys.executable, '-c', {FOREVER!r}])\n"
        f"open({str(pid_file) + '.tmp'!r}, 'w').write(str(other.pid))\n"
        f"import os; os.replace({str(pid_file) + '.tmp'!r}, {str(pid_file)!r})\n"
        "while True: signal.pause()\n"
    )
    stubborn = child("stubborn", code, ready=pid_file.exists, stop=((signal.SIGTERM, 0.1),))
    with running(layout, stubborn) as state:
        wait_for(lambda: state.phase == "running")
        grandchild = psutil.Process(int(pid_file.read_text()))
    wait_for(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_a_command_that_cannot_be_started_does_not_end_the_others(layout: Layout, tmp_path: Path) -> None:
    missing = Child("missing", (str(tmp_path / "no-such-program"),))
    with running(layout, child("good", FOREVER), missing) as state:
        wait_for(lambda: state.children[1].last_exit is not None)
        words = f"{state.children[1].last_exit} {layout.log_of('missing').read_text()}"
        assert "no-such-program" in words
        assert state.children[0].state == "running"


@contextmanager
def marked(mark: str, code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that carries a mark, once it has printed a line."""
    environment = {**os.environ, MARK: mark}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def noted(layout: Layout, *children: ChildState) -> StackState:
    """What a supervisor that is gone has written of itself."""
    state = StackState(1, "", "", children=list(children))
    state.write(layout.state_file)
    return state


def test_what_a_killed_supervisor_left_is_asked_to_end(layout: Layout) -> None:
    # The exit status can't be asked for: ending a leftover waits for it, and the one who waits takes the status.
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('asked to stop', flush=True)))\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    with marked(layout.mark_of(noted(layout)), code) as process:
        assert end_leftovers(layout) == [process.pid]
        assert process.stdout is not None
        assert process.stdout.read() == b"asked to stop\n"
    assert end_leftovers(layout) == []


def test_one_that_does_not_listen_is_ended_all_the_same(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEFTOVER_S", 0.2)
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)\nwhile 1: signal.pause()"
    )
    with marked(layout.mark_of(noted(layout)), stubborn) as process:
        assert end_leftovers(layout) == [process.pid]
        wait_for(lambda: process.poll() is not None)


def test_strangers_are_left_alone(layout: Layout, tmp_path: Path) -> None:
    """One with the noted pid, one of another run, one of the data directory that this one is a copy of."""
    state = noted(layout, ChildState("worker", os.getpid(), psutil.Process().create_time(), "running"))
    waiting = "print(flush=True); " + FOREVER
    elsewhere = Layout(tmp_path / "original").mark_of(state)
    with marked(layout.mark_of(StackState(1, "", "")), waiting) as other, marked(elsewhere, waiting) as original:
        assert end_leftovers(layout) == []
        assert (other.poll(), original.poll()) == (None, None)


def test_one_that_cannot_be_ended_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: psutil.Process) -> None:
        raise psutil.AccessDenied

    with marked(layout.mark_of(noted(layout)), "print(flush=True); " + FOREVER) as process:
        monkeypatch.setattr(module, "LEFTOVER_S", 0)
        monkeypatch.setattr(psutil.Process, "terminate", refuse)
        monkeypatch.setattr(psutil.Process, "kill", refuse)
        with pytest.raises(Unavailable, match=f"kill -9 {process.pid}"):
            end_leftovers(layout)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next `footnote up` ends them")
def test_children_end_with_a_supervisor_that_is_killed(layout: Layout) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from api.supervisor.children import Child\n"
        "from api.supervisor.layout import Layout, StackState\n"
        "from api.supervisor.supervisor import Supervisor\n"
        f"child = Child('one', (sys.executable, '-c', {FOREVER!r}))\n"
        f"Supervisor([child], Layout(Path({str(layout.data_dir)!r})), StackState(1, '', '')).run()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as supervisor:
        wait_for(lambda: (state := StackState.read(layout.state_file)) is not None and state.phase == "running")
        state = StackState.read(layout.state_file)
        assert state is not None
        left = process_of(state.children[0])
        assert left is not None
        supervisor.kill()
    wait_for(lambda: process_of(state.children[0]) is None)


def test_each_child_has_a_log_that_cannot_grow_for_ever(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_BYTES", 10)
    layout.log_of("talks").write_text("a long line of an earlier run\n")
    with running(layout, child("talks", "print('hello', flush=True); " + FOREVER)) as state:
        wait_for(lambda: state.phase == "running" and layout.log_of("talks").read_text() == "hello\n")
    assert (layout.logs / "talks.log.1").read_text() == "a long line of an earlier run\n"
