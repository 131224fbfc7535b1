"""Measuring as if all cores were equally fast and the machine had nothing else to do, on one where neither is so.

The measured processes run before everything else on the machine (real-time priority), and processes of the lowest
priority keep busy what they leave idle. Of two cores that are hyperthreads of one, each is slowed by whatever the
other does; here the other is always at work, whether one process is measured or two. A ratio of throughputs is then
that of two cores of equal speed; what the second of two hyperthreads gives on an idle machine is not in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

_BURN = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile True: pass"


@contextmanager
def equal_cores(wanted: bool) -> Iterator[None]:
    """While the block runs, let this process and all that it has started run first, with every core busy.

    Linux only; needs the right to raise priorities. Other programs all but stand still meanwhile.
    """
    if not wanted:
        yield
        return
    with ExitStack() as stack:
        stack.callback(_schedule, os.SCHED_OTHER, 0)
        _schedule(os.SCHED_RR, 1)
        for _ in range(os.cpu_count() or 1):
            burning = subprocess.Popen([sys.executable, "-c", _BURN])  # noqa: S603
            stack.callback(burning.wait)
            stack.callback(burning.kill)
        yield


def _schedule(policy: int, priority: int) -> None:
    """This process and all that it has started; what they start later inherits it."""
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        for thread in Path(f"/proc/{process.pid}/task").glob("*"):
            with suppress(ProcessLookupError):
                os.sched_setscheduler(int(thread.name), policy, os.sched_param(priority))
