"""A bar for work that goes on in the service, until it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Work = TypeVar("Work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far some work is.

    Attributes:
        total: of what is counted in ``done``; None while that isn't known.
        waits_for: why it doesn't go on; None while it does.
    """

    over: bool
    label: str
    done: int
    total: int | None
    waits_for: str | None = None


def follow(
    work: Work, look: Callable[[Work], Work], standing: Callable[[Work], Standing], *, poll_s: float, quiet: bool
) -> Work:
    """Show a bar on standard error, and say when it waits and for what, until the work is over; how it then is.

    Args:
        work: as it is now.
        look: asks the service how it is.
        poll_s: seconds between two looks.
        quiet: show nothing.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    now = standing(work)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True) as progress:
        bar = progress.add_task(now.label, total=now.total, completed=now.done)
        while not now.over:
            time.sleep(poll_s)
            work = look(work)
            before, now = now.waits_for, standing(work)
            if now.waits_for != before:
                said = f"Waiting: {now.waits_for}" if now.waits_for else "It goes on."
                progress.console.print(said, markup=False, highlight=False)
            progress.update(bar, description=now.label, completed=now.done, total=now.total)
    return work
