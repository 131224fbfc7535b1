"""Judged questions as a gate before a generation of the index goes live."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from core.errors import FootnoteError, InvalidRequest

EVALUATION = "eval.cli.generations"
"""Only named, as in ``api/cli/main.py``: the evaluation is an extra, and the service runs without it."""

Command = TypeVar("Command", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Gate:
    """What was asked for; ``questions`` is None where there is no gate."""

    questions: Path | None
    qrels: Path | None
    reader: tuple[str | None, tuple[str, ...]]
    allow_equal: bool
    latency_ratio: float

    def open(self, *, quiet: bool) -> Callable[[str, str], dict[str, Any]] | None:
        """Read the questions; what is returned compares two generations by them, None without a gate.

        Raises:
            FootnoteError: the questions aren't there or can't be used.
            InvalidRequest: an option of the gate without it.
        """
        if self.questions is None:
            if self.qrels or self.allow_equal or self.reader != (None, ()):
                raise InvalidRequest("--qrels, --allow-equal, --as and --group go with --gate QUESTIONS.")
            return None
        weigh: Callable[[str, str], dict[str, Any]] = importlib.import_module(EVALUATION).open_gate(
            self.questions,
            qrels=self.qrels,
            reader=self.reader,
            allow_equal=self.allow_equal,
            latency_ratio=self.latency_ratio,
            quiet=quiet,
        )
        return weigh


def gate_options(wrapped: Command) -> Command:
    """Adds ``--gate`` and what goes with it; the command gets them as ``gate: Gate``."""

    @functools.wraps(wrapped)
    def gathered(*, user: str | None, groups: tuple[str, ...], **others: Any) -> Any:
        names = ("questions", "qrels", "allow_equal", "latency_ratio")
        said = {name: others.pop(name) for name in names}
        return wrapped(gate=Gate(reader=(user, groups), **said), **others)

    command = cast("Command", gathered)
    ratio = click.FloatRange(0)
    for option in (
        click.option("--group", "groups", multiple=True, metavar="GROUP", help="... who is in this group. Repeatable."),
        click.option(
            "--as", "user", metavar="USER", help="With --gate: search as this user; else only what is public."
        ),
        click.option(
            "--latency-ratio", type=ratio, default=1.25, show_default=True, help="With --gate: the slowest; 0: any."
        ),
        click.option("--allow-equal", is_flag=True, help="With --gate: pass without being better, if it isn't worse."),
        click.option("--qrels", type=_FILE, help="With --gate: more judgments of these questions."),
        click.option(
            "--gate",
            "questions",
            type=click.Path(path_type=Path),
            metavar="QUESTIONS",
            help="Swap it in only if it passes the rule of `footnote eval gate` on these judged questions.",
        ),
    ):
        command = option(command)
    return command


def refused(name: str, weighed: dict[str, Any]) -> FootnoteError:
    """What is raised where a generation didn't pass."""
    why = " ".join(weighed["faults"])
    return FootnoteError(
        f"{name} is complete, and was not swapped in, because it did not pass the gate. {why} Serve it all the same: "
        f"footnote index swap {name}. Give it up: footnote index drop {name}."
    )
