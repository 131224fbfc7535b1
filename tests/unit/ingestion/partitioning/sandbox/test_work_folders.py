"""Folders of parsers whose owners were killed: real processes, really killed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ingestion.partitioning.sandbox.process import Child
from ingestion.partitioning.sandbox.work_folders import PREFIX, make_folder, sweep

ROOT = Path(__file__).parents[5]
OWNER = """
import sys, threading
from core.settings import ParsingSettings
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
pool = ChildProcessPartitioner(ParsingSettings())
pool.partition(b"# Title\\n\\nText.\\n", name="a.md")
child, _ = pool._idle[0]
(child.folder / "secret").write_text("what a document says")
print(child.pid, child.folder, flush=True)
if sys.argv[1] == "busy":
    slow = b"".join(b"- item *%d* of [a list](x)\\n\\n  more\\n\\n" % number for number in range(200_000))
    threading.Thread(target=pool.partition, args=(slow,), kwargs={"name": "slow.md"}, daemon=True).start()
    while not child._errors.closed and pool._idle:
        pass
    print("busy", flush=True)
threading.Event().wait()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def start(temporary: Path) -> Iterator[Callable[[str], tuple[subprocess.Popen[str], int, Path]]]:
    """Starts a process with a parser child; gives the process, the child's id and the child's folder."""
    started: list[tuple[subprocess.Popen[str], int]] = []

    def begin(what: str) -> tuple[subprocess.Popen[str], int, Path]:
        command = [sys.executable, "-c", OWNER, what]
        owner = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        started.append((owner, int(pid)))
        if what == "busy":
            assert owner.stdout.readline() == "busy\n"
        return owner, int(pid), Path(folder)

    yield begin
    for owner, pid in started:
        owner.kill()
        owner.wait(60)
        assert owner.stdout is not None
        owner.stdout.close()
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def wait_until(holds: Callable[[], object], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not in time"
        threading.Event().wait(0.02)


def is_stopped(pid: int) -> bool:
    """Each thread of it: they stop one after the other."""
    states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").iterdir()]
    return set(states) == {"T"}


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_unused(folder: Path) -> bool:
    """Nobody holds its lock; a process that ends lets go of it at the very last."""
    try:
        with (folder / "stderr").open("r+b") as locked:
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@pytest.mark.parametrize("what", ["idle", "busy"])
def test_a_child_clears_its_folder_and_ends_when_its_parent_is_killed(
    start: Callable[[str], tuple[subprocess.Popen[str], int, Path]], what: str
) -> None:
    owner, pid, folder = start(what)
    assert (folder / "secret").exists()
    owner.kill()
    wait_until(lambda: not list(folder.glob("*")), "the clearing of the folder")
    wait_until(lambda: not is_running(pid), "the child's end")
    sweep()
    assert not folder.exists()


def test_what_is_left_when_both_are_killed_is_swept_by_the_next_child(
    start: Callable[[str], tuple[subprocess.Popen[str], int, Path]],
) -> None:
    owner, pid, folder = start("idle")
    os.killpg(pid, signal.SIGSTOP)  # so that it can't clear up
    wait_until(lambda: is_stopped(pid), "the child's stop")
    owner.kill()
    owner.wait(60)
    assert sweep() == []  # the child is still there
    os.killpg(pid, signal.SIGKILL)
    wait_until(lambda: is_unused(folder), "the child's end")
    assert (folder / "secret").read_text() == "what a document says"
    child = Child(memory_mb=1024, max_reply_bytes=1_000_000)
    try:
        assert not folder.exists()
        assert child.folder.exists()
        assert sweep() == [], "one that is in use is left alone"
        assert child.folder.exists()
    finally:
        child.kill()
    assert not child.folder.exists()


def test_only_folders_that_nobody_uses_are_swept(temporary: Path) -> None:
    used, errors = make_folder()
    (temporary / "other").mkdir()
    (temporary / f"{PREFIX}file").write_text("not a folder")
    target = temporary / "target"
    target.mkdir()
    (target / "kept").write_text("x")
    (temporary / f"{PREFIX}link").symlink_to(target)
    hostile = temporary / f"{PREFIX}hostile"
    hostile.mkdir()
    (hostile / "stderr").symlink_to(target / "kept")
    piped = temporary / f"{PREFIX}piped"
    piped.mkdir()
    os.mkfifo(piped / "stderr")
    assert sorted(sweep()) == [hostile.name, piped.name]
    assert {path.name for path in temporary.iterdir()} == {
        used.name,
        "other",
        f"{PREFIX}file",
        "target",
        f"{PREFIX}link",
    }
    assert (target / "kept").read_text() == "x"
    errors.close()
    assert sweep() == [used.name]


def test_a_folder_of_somebody_else_is_left_alone(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, errors = make_folder()
    errors.close()
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert sweep() == []
    monkeypatch.undo()
    assert folder.exists()
