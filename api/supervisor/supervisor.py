"""Keeps the stack's processes alive, and stops them in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

import psutil

from api.supervisor.children import READY_AFTER_S, Child
from api.supervisor.layout import MARK, ChildState, Layout, StackState, marked
from core.errors import Unavailable
from core.logs import get_logger
from core.tether import tethered

log = get_logger(__name__)

BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
STEADY_AFTER_S = 60.0
TICK_S = 0.1
LOG_BYTES = 10_000_000
LEFTOVER_S = 10.0
"""How long what a killed supervisor left may take to end, each time it is told."""


@dataclass(slots=True)
class _Slot:
    """A child with its live process and its place in the backoff."""

    child: Child
    state: ChildState
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    start_at: float = 0.0


class Supervisor:
    """Starts the children one after the other, restarts what dies, and ends on SIGTERM or SIGINT.

    Args:
        children: in the order to start; stopped in the reverse order.
        layout: where state and logs go.
        state: what is written to the state file; the supervisor fills in the children.
    """

    def __init__(self, children: Sequence[Child], layout: Layout, state: StackState) -> None:
        self._layout = layout
        self._state = state
        self._slots = [_Slot(child, ChildState(child.name)) for child in children]
        self._stopping = threading.Event()
        state.children = [slot.state for slot in self._slots]

    def run(self) -> None:
        """Run until told to stop. Returns once every child has ended."""
        try:
            self._start_all()
            while not self._stopping.is_set():
                for slot in self._slots:
                    self._tend(slot)
                self._stopping.wait(TICK_S)
        finally:
            self._stop_all()

    def handle_signal(self, signum: int, frame: FrameType | None) -> None:
        """The handler for SIGTERM and SIGINT."""
        del signum, frame
        self._stopping.set()

    def _start_all(self) -> None:
        for slot in self._slots:
            self._start(slot)
            deadline = time.monotonic() + READY_AFTER_S
            while not self._stopping.is_set() and time.monotonic() < deadline:
                self._tend(slot)
                if slot.process is not None and slot.child.ready():
                    break
                self._stopping.wait(TICK_S)
            if self._stopping.is_set():
                return
        self._set_phase("running")

    def _start(self, slot: _Slot) -> None:
        try:
            process = self._spawn(slot.child)
        except OSError as error:  # a full disk, or no memory to fork: the next attempt may find it better
            self._wait_after_death(slot, f"not started: {error}")
            return
        slot.process, slot.started = process, time.monotonic()
        slot.state.pid, slot.state.created = process.pid, psutil.Process(process.pid).create_time()
        slot.state.state = "running"
        self._write()
        log.info("process started", process=slot.child.name, pid=process.pid)

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        path = self._layout.log_of(child.name)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as output:
            # A session of its own: Ctrl-C at the terminal reaches the supervisor alone, which stops them in order.
            return subprocess.Popen(  # noqa: S603 - commands of our own making
                tethered(child.command, child.stop[0][0]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **child.environment, MARK: self._layout.mark_of(self._state)},
                start_new_session=True,
            )

    def _tend(self, slot: _Slot) -> None:
        """Notice a death, and start again when its time has come."""
        if slot.process is None:
            if time.monotonic() >= slot.start_at:
                slot.state.restarts += 1
                self._start(slot)
            return
        code = slot.process.poll()
        if code is None:
            return
        _end_group(slot.process.pid)
        self._wait_after_death(slot, how_it_ended(code))

    def _wait_after_death(self, slot: _Slot, how: str) -> None:
        now = time.monotonic()
        slot.deaths = 1 if now - slot.started > STEADY_AFTER_S else slot.deaths + 1
        wait = BACKOFF_S[min(slot.deaths, len(BACKOFF_S)) - 1]
        slot.process, slot.start_at = None, now + wait
        slot.state.pid, slot.state.created, slot.state.state = None, None, "waiting"
        slot.state.last_exit = how
        self._write()
        log.warning("process ended", process=slot.child.name, how=how, restart_in_s=wait)

    def _stop_all(self) -> None:
        self._set_phase("stopping")
        for slot in reversed(self._slots):
            if slot.process is not None:
                _stop(slot.process, slot.child)
            slot.state.pid, slot.state.created, slot.state.state = None, None, "stopped"
            self._write()
        self._set_phase("stopped")

    def _set_phase(self, phase: str) -> None:
        self._state.phase = phase
        self._write()

    def _write(self) -> None:
        """A full disk must not end the supervisor: the state is for people, the processes are what counts."""
        try:
            self._state.write(self._layout.state_file)
        except OSError as error:
            log.warning("state not written", reason=str(error))


def leftovers(layout: Layout) -> list[psutil.Process]:
    """What runs of a stack of this data directory, given that its supervisor is gone.

    The mark alone says so. A pid may name a stranger by now, and a copied data directory names another one's processes.
    """
    state = StackState.read(layout.state_file)
    return marked(layout.mark_of(state)) if state is not None else []


def end_leftovers(layout: Layout) -> list[int]:
    """End what a killed supervisor left running, so that two workers never share one data directory.

    Returns:
        The pids of the processes that were ended.

    Raises:
        Unavailable: one can't be ended: it is another user's, or hangs in the kernel.
    """
    left = leftovers(layout)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=LEFTOVER_S)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _, unending = psutil.wait_procs(stubborn, timeout=LEFTOVER_S)
    if unending:
        pids = " ".join(str(process.pid) for process in unending)
        raise Unavailable(
            f"What an earlier run of Footnote left here can't be ended (process {pids}): end it as the user who "
            f"started it, or as root, with `kill -9 {pids}`, and try again."
        )
    return [process.pid for process in left]


def _stop(process: subprocess.Popen[bytes], child: Child) -> None:
    for number, patience_s in child.stop:
        if process.poll() is not None:
            break
        process.send_signal(number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            log.warning("process slow to stop", process=child.name, signal=number.name, waited_s=patience_s)
    _end_group(process.pid)
    process.wait()


def _end_group(pid: int) -> None:
    """Kill what the process started and didn't take with it; every child leads a group of its own."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def how_it_ended(code: int) -> str:
    """A process's end, by its status as :mod:`subprocess` gives it."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
