"""What the commands of the evaluation share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.errors import ConfigurationError
from core.extras import installing

if TYPE_CHECKING:
    from core.settings import Settings

json_option = click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON.")
_EXTRA = frozenset({"pytrec_eval", "scipy", "matplotlib", "jinja2"})


@contextmanager
def extra() -> Iterator[None]:
    """Import what only the ``eval`` extra brings; says how to get it where it is missing.

    Raises:
        ConfigurationError: it isn't installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise ConfigurationError(
            f"`footnote eval` needs {error.name}, which isn't installed: {installing('eval')}"
        ) from error


def settings() -> Settings:
    """The settings of the working directory and the environment."""
    from core.settings_source import load_settings  # noqa: PLC0415 - pydantic, which --help can do without

    return load_settings()


def runs_folder(named: Path | None, current: Settings) -> Path:
    """Where runs are kept: the folder that was named, or the one in the data directory."""
    return named or current.data_dir / "eval" / "runs"


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars on standard error, one for each thing that is being done."""
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield report
