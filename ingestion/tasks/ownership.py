"""Who holds a claim, whether they still live, and keeping a claim while long work goes on."""

from __future__ import annotations

import contextvars
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from core.errors import Unavailable
from core.logs import get_logger

log = get_logger(__name__)


class Owners:
    """Names for the tasks of this process, under which they claim work: ``host|pid|start of the process|ids``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = ""
        self._active: set[str] = set()

    @contextmanager
    def new(self) -> Iterator[str]:
        """A name for one run of one task, alive while the block runs."""
        with self._lock:
            if not self._process:
                self._process = f"{_host()}|{os.getpid()}|{_start_of(os.getpid())}|{uuid.uuid4().hex}"
            owner = f"{self._process}|{uuid.uuid4().hex}"
            self._active.add(owner)
        try:
            yield owner
        finally:
            with self._lock:
                self._active.discard(owner)

    def has_ended(self, owner: str | None) -> bool:
        """Whether the owner was a task of this process that ended without giving back what it had claimed."""
        if owner is None:
            return False
        with self._lock:
            return bool(self._process) and owner.startswith(self._process) and owner not in self._active


def is_dead(owner: str | None) -> bool:
    """Whether the owner is a process of this host that is no more. Only sound where all workers share this host."""
    if owner is None:
        return False
    host, pid, began, *_ = owner.split("|")
    return host == _host() and _start_of(int(pid)) != began


def _host() -> str:
    return socket.gethostname()[:60]


def _start_of(pid: int) -> str:
    """When a process began; a pid is given out again, but not with the same start."""
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return "gone"


@contextmanager
def kept_alive(extend: Callable[[], object], lease_s: float) -> Iterator[None]:
    """Call ``extend`` from a thread, three times a lease, while the block runs."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(lease_s / 3):
            try:
                extend()
            except Unavailable as error:
                log.warning("lease.not_extended", reason=error.message)
            except Exception:  # the boundary of a thread: its end would be the lease's, unseen
                log.exception("lease.not_extended")

    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(beat), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
