"""Fair times on a machine that isn't one's own: by turns, idle and beside another program, with what others did."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray

from eval.progress import Progress

T = TypeVar("T")
_BUSY = "import torch\nprint(flush=True)\na = torch.rand(1024, 1024)\nwhile True: a @ a"


def in_turn(items: Sequence[T], turn: int) -> Iterator[T]:
    """All of them, each turn beginning with another one."""
    at = turn % len(items)
    yield from (*items[at:], *items[:at])


def milliseconds(work: Callable[[], object]) -> float:
    """How long the work takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def by_turns(
    ways: Sequence[Callable[[T], object]], items: Sequence[T], progress: Progress, what: str = "measuring"
) -> NDArray[np.float64]:
    """Milliseconds, one row an item and one column a way: what else the machine does meets all ways alike."""
    times = np.empty((len(items), len(ways)))
    for row, item in enumerate(items):
        for column, way in in_turn(list(enumerate(ways)), row):
            times[row, column] = milliseconds(lambda way=way, item=item: way(item))  # type: ignore[misc]
        progress(what, row + 1, len(items))
    return times


def conditions(measure: Callable[[], T], *, beside: bool) -> Mapping[str, T]:
    """What is measured when this program has the machine for itself and, on request, beside a busy process.

    By condition, which tells how many cores others kept busy meanwhile: the more, the less the figures are worth.
    """
    found = {}
    for name, company in (("idle", nullcontext), ("beside a busy process", busy))[: 2 if beside else 1]:
        with other_work() as others, company():
            measured = measure()
        found[f"{name} (others: {others():.1f} cores)"] = measured
    return found


@contextmanager
def busy() -> Iterator[None]:
    """Another process multiplies matrices without a pause while the block runs, as one that embeds passages does."""
    process = subprocess.Popen([sys.executable, "-c", _BUSY], stdout=subprocess.PIPE)  # noqa: S603
    try:
        assert process.stdout is not None  # asked for above
        process.stdout.readline()  # it has begun
        yield
    finally:
        process.kill()
        process.communicate()


@contextmanager
def other_work() -> Iterator[Callable[[], float]]:
    """Gives what tells, once the block has ended, how many processors others kept busy on average while it ran.

    Processes that this one starts in the block must still run at its end, or have been waited for by then.
    """
    began, everyone, own = time.monotonic(), _all_s(), _own_s()
    found: list[float] = []
    yield lambda: found[0]
    used = _all_s() - everyone - (_own_s() - own)
    found.append(max(0.0, used / (time.monotonic() - began)))


def _all_s() -> float:
    used = psutil.cpu_times()
    return float(sum(used) - used.idle - getattr(used, "iowait", 0.0))


def _own_s() -> float:
    """Of this process and all that it has started, directly or not."""
    found, own = 0.0, psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            found += sum(process.cpu_times()[:4])
    return found
