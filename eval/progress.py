"""How far something is, told on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""
T = TypeVar("T")
_LINE_S = 30.0


@contextmanager
def bars() -> Iterator[Progress]:
    """Progress bars on standard error, one for each thing that is being done; lines now and then where it is a file."""
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(time.monotonic)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Bars(*columns, console=console) as shown:
        tasks = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=total or None)
            shown.update(tasks[what], completed=done, total=total or None)

        yield report


def _lines(monotonic: Callable[[], float]) -> Progress:
    """Tells each thing by lines: once it is done, and else every half a minute, with the time that is left."""
    began: dict[str, tuple[float, int]] = {}
    told: dict[str, float] = {}

    def report(what: str, done: int, total: int) -> None:
        now = monotonic()
        since, at = began.setdefault(what, (now, done))
        if done < total and now - told.setdefault(what, now) < _LINE_S:
            return
        told[what] = now
        left = (now - since) / (done - at) * (total - done) if done > at else 0.0
        rest = f", about {left / 60:.0f} min left" if done < total and left else ""
        sys.stderr.write(f"{what}: {done:,} of {total:,}{rest}\n")
        sys.stderr.flush()

    return report


def tracked(items: Sequence[T], what: str, progress: Progress) -> Iterator[T]:
    """The items, telling how many are done."""
    for done, item in enumerate(items):
        progress(what, done, len(items))
        yield item
    progress(what, len(items), len(items))


def unseen(what: str, done: int, total: int) -> None:
    """Tells nobody."""
