"""How an extra is installed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from core.extras import installing


def test_a_clone_is_installed_again_with_the_extra_by_the_python_that_runs_it(tmp_path: Path) -> None:
    clone = tmp_path / "my clone"
    clone.mkdir()
    (clone / "constraints.txt").touch()
    python, *words = shlex.split(installing("eval", clone))
    assert python == sys.executable
    assert words == ["-m", "pip", "install", "-c", f"{clone}/constraints.txt", "-e", f"{clone}[eval]"]


def test_a_package_is_named(tmp_path: Path) -> None:
    assert installing("eval", tmp_path) == "pip install 'footnote[eval]'"
