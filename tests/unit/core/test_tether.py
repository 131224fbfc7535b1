"""What is tethered ends with its parent, and is otherwise the command that it was."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core import tether as module
from core.tether import tether, tethered

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part is Linux's")


def test_a_tethered_command_runs_as_it_would_have(tmp_path: Path) -> None:
    code = "import sys; print(sys.argv[1:], sys.stdin.read()); sys.exit(3)"
    command = tethered((sys.executable, "-c", code, "a b", "--c"), signal.SIGTERM)
    done = subprocess.run(command, input="sent", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "['a b', '--c'] sent\n")


@linux
def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    command = tethered((str(tmp_path / "nothing"),), signal.SIGTERM)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert done.stderr == f"{tmp_path}/nothing can't be started: No such file or directory\n"


@linux
def test_a_parent_that_is_gone_already_ends_it_too() -> None:
    nobody = str(2**22 + 1)  # above every pid
    command = (sys.executable, "-I", "-S", str(module.__file__), nobody, str(int(signal.SIGTERM)), "true")
    assert subprocess.run(command, check=False).returncode == -signal.SIGTERM


def test_elsewhere_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tethered(("valkey-server", "--port", "0"), signal.SIGTERM) == ("valkey-server", "--port", "0")
    tether(-1, signal.SIGKILL)  # and this process goes on
