"""Starting, stopping and looking at the supervisor from another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from api.supervisor.children import reachable
from api.supervisor.layout import Layout, StackState, exclusive, is_up, process_of
from api.supervisor.supervisor import end_leftovers, how_it_ended, leftovers
from core.data_dir import in_data_dir
from core.errors import Unavailable
from core.settings import Settings

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0
POLL_S = 0.1
TOO_MANY_RESTARTS = 3
MISCONFIGURED = 2
"""The exit status of a process that its settings keep from running: starting it again changes nothing."""

Report = Callable[[str], None]


def launch(layout: Layout) -> subprocess.Popen[bytes]:
    """Start a supervisor that outlives this process."""
    layout.make()
    with in_data_dir(layout.data_dir), layout.log_of("supervisor").open("ab") as output:
        return subprocess.Popen(
            (sys.executable, "-m", "api.supervisor"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "FOOTNOTE_DATA_DIR": str(layout.data_dir)},
            start_new_session=True,
        )


def wait_until_ready(
    layout: Layout,
    supervisor: subprocess.Popen[bytes],
    is_ready: Callable[[str], str | None],
    report: Report,
    timeout_s: float = START_TIMEOUT_S,
) -> StackState:
    """Wait for the stack that ``supervisor`` runs.

    Args:
        is_ready: given the API's URL, None when it is ready, else what it waits for.
        report: told each time what is being waited for.

    Raises:
        Unavailable: it failed, or wasn't ready in time; the message holds the reason and the log to read.
    """
    deadline = time.monotonic() + timeout_s
    waiting_for = "the supervisor"
    while time.monotonic() < deadline:
        state = StackState.read(layout.state_file)
        if state is not None and state.pid != supervisor.pid:
            state = None  # an earlier one's
        if supervisor.poll() is not None:
            raise Unavailable(_start_failure(layout, state))
        if state is not None:
            for child in state.children:
                if child.restarts >= TOO_MANY_RESTARTS or child.last_exit == how_it_ended(MISCONFIGURED):
                    raise Unavailable(
                        f"The process {child.name!r} keeps ending ({child.last_exit}): "
                        f"read {layout.log_of(child.name)}, whose last line is: {last_line(layout, child.name)}"
                    )
            starting = next((c.name for c in state.children if c.state != "running"), None)
            waiting_for = starting or is_ready(state.url) or ""
            if not waiting_for and state.phase == "running":
                return state
        report(waiting_for or "the processes")
        time.sleep(POLL_S)
    raise Unavailable(f"Footnote wasn't ready after {timeout_s:.0f} s (waiting for {waiting_for}): read {layout.logs}.")


def _start_failure(layout: Layout, state: StackState | None) -> str:
    if state is not None and state.error:
        return state.error
    return f"Footnote's supervisor ended at once: {last_line(layout, 'supervisor')} (more in {layout.logs})"


def last_line(layout: Layout, name: str) -> str:
    """The last line that a process wrote to its log."""
    try:
        with layout.log_of(name).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return "(no log)"
    return lines[-1][:500] if lines else "(nothing was logged)"


def stop(layout: Layout, report: Report, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """Ask the supervisor to stop and wait until all has ended; False when none was running.

    Raises:
        Unavailable: it is still there after ``timeout_s``.
    """
    state = StackState.read(layout.state_file)
    if not is_up(layout) or state is None:
        return False
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not is_up(layout):
            return True
        current = StackState.read(layout.state_file)
        report(next((c.name for c in reversed(current.children) if c.state != "stopped"), "") if current else "")
        time.sleep(POLL_S)
    raise Unavailable(
        f"Footnote's supervisor (process {state.pid}) didn't stop within {timeout_s:.0f} s: read "
        f"{layout.log_of('supervisor')}; `kill -9 {state.pid}` ends it, and the next `footnote up` tidies up."
    )


def leftover_pids(layout: Layout) -> list[int]:
    """The processes that a killed supervisor left behind; none while one is up."""
    if is_up(layout):
        return []
    return [process.pid for process in leftovers(layout)]


def tidy(layout: Layout) -> list[int]:
    """End what a killed supervisor left behind, and say which processes that were; none while one is up.

    Raises:
        Unavailable: one of them can't be ended, or the data directory can't be written.
    """
    if StackState.read(layout.state_file) is None:
        return []
    with in_data_dir(layout.data_dir), exclusive(layout.lock_file) as mine:
        return end_leftovers(layout) if mine else []


def describe(layout: Layout) -> dict[str, Any] | None:
    """The running stack with each process's memory, as JSON; None when nothing runs.

    ``memory_bytes`` counts a process and all it started; pages that they share count once (proportional set size).
    """
    state = StackState.read(layout.state_file)
    if not is_up(layout) or state is None:
        return None
    processes: list[dict[str, Any]] = [
        {
            "name": child.name,
            "state": child.state,
            "pid": child.pid,
            "restarts": child.restarts,
            "last_exit": child.last_exit,
            "memory_bytes": _memory(process_of(child)),
        }
        for child in state.children
    ]
    own: dict[str, Any] = {
        "name": "supervisor",
        "state": state.phase,
        "pid": state.pid,
        "restarts": 0,
        "last_exit": None,
    }
    processes.append({**own, "memory_bytes": _memory(psutil.Process(state.pid), alone=True)})
    return {"url": state.url, "started_at": state.started_at, "phase": state.phase, "processes": processes}


def _memory(process: psutil.Process | None, *, alone: bool = False) -> int:
    if process is None:
        return 0
    total = 0
    try:
        members = [process] if alone else [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for member in members:
        try:
            full = member.memory_full_info()
            total += getattr(full, "pss", 0) or full.rss
        except psutil.Error:
            continue
    return total


def service_url(settings: Settings, layout: Layout) -> str:
    """Where the API of these settings answers: where the running stack says, else where it is configured to."""
    state = StackState.read(layout.state_file)
    if state is not None and is_up(layout):
        return state.url
    host = reachable(settings.api.host)
    return f"http://[{host}]:{settings.api.port}" if ":" in host else f"http://{host}:{settings.api.port}"
