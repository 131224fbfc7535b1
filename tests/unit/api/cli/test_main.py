from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from api.cli.main import COMMANDS, cli

HEAVY = ("torch", "sentence_transformers", "lancedb", "celery", "sqlalchemy", "fastapi", "opensearchpy", "pydantic")

TABLES_ALONE = {
    *("answers", "latency", "question-threads", "ingest", "footprint", "overload", "catalog", "filtered"),
    *("verification", "answer-cache", "permissions"),
}
"""Measurements that print a table for people; those that are kept or gated have JSON."""


def commands() -> list[tuple[str, ...]]:
    """The path of every command, those of groups included."""
    found: list[tuple[str, ...]] = []
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        inner = command.list_commands(click.Context(command)) if isinstance(command, click.Group) else []
        found += [(name, sub) for sub in inner] or [(name,)]
    return found


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example_and_json(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    assert "Example:" in result.output
    assert "--json" in result.output or (path[0] in ("bench", "eval") and path[-1] in TABLES_ALONE)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from api.cli.main import cli\n"
        "assert CliRunner().invoke(cli, ['--help']).exit_code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "[]"


def test_an_unknown_command_is_refused() -> None:
    result = CliRunner().invoke(cli, ["aks"])
    assert result.exit_code == 2
    assert "aks" in result.output
