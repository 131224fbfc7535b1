"""What the commands of the evaluation share."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.errors import ConfigurationError
from core.extras import installing

if TYPE_CHECKING:
    from core.settings import Settings

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
json_option = click.option("--json", "as_json", is_flag=True, help="Print machine-readable JSON.")
_EXTRA = frozenset({"pytrec_eval", "scipy", "matplotlib", "jinja2"})


# click names the arguments of these methods.
# ruff: noqa: ARG002


class LazyGroup(click.Group):
    """Knows its commands by name, and imports the one that is called: what measures needs much, and help nothing.

    Args:
        within: where each command is, and a line about it; the module has it under its own name.
    """

    def __init__(self, *, within: Mapping[str, tuple[str, str]], **about: Any) -> None:
        super().__init__(**about)
        self._within = within

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Its names, in the order in which they were given."""
        return list(self._within)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name.

        Raises:
            ConfigurationError: what it needs isn't installed.
        """
        if cmd_name not in self._within:
            return None
        with extra():
            module = importlib.import_module(self._within[cmd_name][0])
        found = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._within.items()])


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


def until(minutes: float | None, clock: Callable[[], float]) -> Callable[[], bool]:
    """Tells whether there is time left of so many minutes; None: there always is."""
    deadline = None if minutes is None else clock() + 60 * minutes
    return lambda: deadline is None or clock() < deadline
