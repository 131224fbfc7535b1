"""Every benchmark is there, tells what it is, and is imported only when it is called."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from api.cli.main import cli
from eval.cli.bench import BENCHES

HEAVY = "numpy", "torch", "scipy", "pytrec_eval", "core.settings"


@pytest.mark.parametrize("command", [*(f"bench {name}" for name in BENCHES), "eval answers"])
def test_each_says_what_it_needs(command: str) -> None:
    said = CliRunner().invoke(cli, [*command.split(), "--help"])
    assert said.exit_code == 0, said.exception
    assert said.output.startswith(f"Usage: cli {command} ")


@pytest.mark.parametrize("group", ["bench", "eval"])
def test_the_lists_are_printed_without_what_the_commands_need(group: str) -> None:
    told = (
        "import sys; from click.testing import CliRunner; from api.cli.main import cli; "
        f"said = CliRunner().invoke(cli, ['{group}', '--help']); print(said.output); "
        f"print('heavy:', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    assert "heavy: []" in done.stdout
    assert "Commands" in done.stdout


def test_a_name_that_is_none_is_refused() -> None:
    said = CliRunner().invoke(cli, ["bench", "nothing"])
    assert said.exit_code == 2
    assert "No such command" in said.output
