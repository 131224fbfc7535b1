"""Running ``footnote`` as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ROOT / "deploy" / "demo" / "documents"
COMMAND = (sys.executable, "-c", "from api.cli.main import main; main()")
COMMAND_S = 240


@dataclass(frozen=True)
class Footnote:
    """Runs ``footnote`` in a directory of its own, with settings from environment variables."""

    home: Path
    environment: Mapping[str, str]

    @property
    def data_dir(self) -> Path:
        return self.home / "data"

    def run(self, *arguments: str | bytes, status: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command that must exit with ``status``; a failing one must say why on standard error."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.home,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=COMMAND_S,
            check=False,
        )
        assert done.returncode == status, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str, status: int = 0) -> Any:
        """What the command prints with ``--json``."""
        return json.loads(self.run(*arguments, "--json", status=status).stdout)

    def refusal(self, *arguments: str | bytes, **variables: str) -> str:
        """The one line that a command fails with."""
        done = self.run(*arguments, status=1, **variables)
        assert "Traceback" not in done.stderr
        lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, done.stderr
        return lines[0].removeprefix("Error: ")


def footnote_in(home: Path, **variables: str) -> Footnote:
    """A ``footnote`` whose data directory is below ``home`` and whose port is any free one."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("FOOTNOTE_")}
    own = {"FOOTNOTE_DATA_DIR": str(home / "data"), "FOOTNOTE_API__PORT": "0", "PYTHONPATH": str(ROOT)}
    return Footnote(home, {**ours, **own, **variables})


@dataclass(frozen=True)
class RunningStack(Footnote):
    """A :class:`Footnote` that is up, with the demo documents ingested.

    Attributes:
        url: the service's address.
        documents: the copy of the demo documents that was ingested; a test may add files and must remove them.
    """

    url: str
    documents: Path

    @property
    def admin_key(self) -> str:
        """The administrator's key of this machine."""
        return (self.data_dir / "admin.key").read_text().strip()
