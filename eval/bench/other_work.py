"""How many of a machine's cores others keep busy while something is measured: a ratio of times is worth less for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil


def _all_s() -> float:
    used = psutil.cpu_times()
    return sum(used) - used.idle - getattr(used, "iowait", 0.0)


def _own_s() -> float:
    """Of this process and all that it has started, directly or not."""
    found, own = 0.0, psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            found += sum(process.cpu_times()[:4])
    return found


@contextmanager
def other_work() -> Iterator[Callable[[], float]]:
    """Gives what tells, once the block has ended, how many processors others kept busy on average while it ran.

    Processes that this one starts in the block must still run at its end, or have been waited for by then.
    """
    began, everyone, own = time.monotonic(), _all_s(), _own_s()
    found: list[float] = []
    yield lambda: found[0]
    busy = _all_s() - everyone - (_own_s() - own)
    found.append(max(0.0, busy / (time.monotonic() - began)))
