"""The supervisor of a real stack is killed: nothing outlives it, and the next `footnote up` starts all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from api.supervisor.layout import Layout, StackState, marked
from tests.e2e.commands import COMMAND, Footnote, footnote_in
from tests.e2e.test_bad_input import free_port

DEADLINE_S = 120
PROCESSES = 4
"""The queue, the worker, its schedule and the service."""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def begin(footnote: Footnote, before: list[StackState]) -> tuple[subprocess.Popen[bytes], StackState]:
    """`footnote up`, as far as every process runs: loading the models, which it waits for, would only take time."""
    log = footnote.home / "up.log"
    with log.open("wb") as output:
        up = subprocess.Popen([*COMMAND, "up"], cwd=footnote.home, env=footnote.environment, stderr=output)
    layout = Layout(footnote.data_dir.resolve())

    def runs() -> bool:
        assert up.poll() is None, log.read_text()
        state = StackState.read(layout.state_file)
        return state is not None and state.mark not in [one.mark for one in before] and state.phase == "running"

    until(runs)
    state = StackState.read(layout.state_file)
    assert state is not None
    until(lambda: len(marked(layout.mark_of(state))) >= PROCESSES)
    return up, state


def test_up_works_after_every_kill_and_nothing_is_left(tmp_path: Path) -> None:
    footnote = footnote_in(tmp_path, FOOTNOTE_API__PORT=str(free_port()))
    layout, states = Layout(footnote.data_dir.resolve()), []
    try:
        for attempt in range(5):
            up, state = begin(footnote, states[-1:])
            states.append(state)
            # With the worker gone as well, its schedule has nobody left who would stop it.
            worker = next(child.pid for child in state.children if child.name == "worker")
            assert worker is not None
            os.kill(state.pid, signal.SIGKILL)
            if attempt % 2:
                os.kill(worker, signal.SIGKILL)
            up.wait(DEADLINE_S)
        until(lambda: not any(marked(layout.mark_of(state)) for state in states))
        assert footnote.json("down") == {"stopped": False}

        up, state = begin(footnote, states[-1:])
        service = next(child.pid for child in state.children if child.name == "api")
        assert service is not None
        os.kill(service, signal.SIGSTOP)  # one that hears nothing has to be ended by somebody else
        os.kill(state.pid, signal.SIGKILL)
        up.wait(DEADLINE_S)
        assert "`footnote down` ends them" in footnote.refusal("status")
        assert f"What it left is ended now (process {service}" in footnote.run("down").stdout
        assert marked(layout.mark_of(state)) == []
    finally:
        footnote.run("down")
