"""A bar for work that goes on in the service, until it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Work = TypeVar("Work")
LINE_S = 10.0
"""Seconds between two lines where there is no terminal."""
INTERRUPTED = 130
"""The exit status of a command that Ctrl-C ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far some work is.

    Attributes:
        total: of what is counted in ``done``; None while that isn't known.
        half_done: how many more are half-way there; ``half`` says what has been done with them.
        waits_for: why it doesn't go on; None while it does.
    """

    over: bool
    label: str
    done: int
    total: int | None
    half_done: int = 0
    half: str = ""
    waits_for: str | None = None

    @property
    def completed(self) -> float:
        """How much is done, with half of what is half-way there."""
        return self.done + self.half_done / 2

    @property
    def counts(self) -> str:
        """How far it is, in words."""
        of = f"{self.done} of {'?' if self.total is None else self.total}"
        return f"{of}, {self.half_done} more {self.half}" if self.half_done else of


def follow(
    work: Work,
    look: Callable[[Work], Work],
    standing: Callable[[Work], Standing],
    *,
    poll_s: float,
    quiet: bool,
    goes_on: str,
) -> Work:
    """Tell on standard error how far the work is and what it waits for, until it is over; how it then is.

    A terminal gets a bar; a file or a pipe gets a line every now and then. ``look`` asks the service, each ``poll_s``.
    Ctrl-C ends the watching alone: ``goes_on`` is what the user is told then of the work.

    Raises:
        Exit: it was interrupted.
    """
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True, quiet=quiet)
    now = standing(work)
    with _bar(console) as progress:
        bar = progress.add_task(now.label, total=now.total, counts=now.counts)
        told = _Lines(console, progress)
        try:
            while True:
                progress.update(bar, description=now.label, completed=now.completed, total=now.total, counts=now.counts)
                told.tell(now)
                if now.over:
                    return work
                time.sleep(poll_s)
                work = look(work)
                now = standing(work)
        except KeyboardInterrupt:
            progress.stop()
            click.echo(goes_on, err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


class _Lines:
    """What is told in lines: what is waited for, and on anything but a terminal how far it is."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._waits_for: str | None = None
        self._last = ""
        self._at = -LINE_S

    def tell(self, now: Standing) -> None:
        """Print what there is to say."""
        if now.waits_for != self._waits_for:
            self._waits_for = now.waits_for
            self._print(f"Waiting: {now.waits_for}" if now.waits_for else "It goes on.")
        line = f"{now.label}: {now.counts}"
        if self._console.is_terminal or now.over or line == self._last or time.monotonic() < self._at + LINE_S:
            return
        self._last, self._at = line, time.monotonic()
        left = self._progress.tasks[0].time_remaining
        self._print(f"{line}, {timedelta(seconds=round(left))} left" if left else line)

    def _print(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _bar(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[counts]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
