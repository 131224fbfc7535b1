"""A disk that is really full: catalog, blobs and embedded index on a small file system."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import StorageUnavailable
from ingestion.catalog.records import Run, RunState, Source
from tests.integration.stacks import Stack, started, until

FILE_LIMIT = 1_000_000


@dataclass
class Disk:
    """How to fill a disk and make room on it again; the stack is what uses it."""

    path: Path
    fill: Callable[[Stack], None]
    make_room: Callable[[Stack], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A file system of 24 MB, or, where none may be mounted, a limit on what the worker may write."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(path)], capture_output=True, check=False, timeout=30
    )
    if mounted.returncode != 0:
        yield Disk(path, _limit, _lift)
        return
    filler = path / "filler"

    def fill(_: Stack) -> None:
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(os.statvfs(path).f_bsize))
            except OSError:
                return

    try:
        yield Disk(path, fill, lambda _: filler.unlink())
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True, timeout=30)


def _limit(stack: Stack) -> None:
    """Let a new worker write no file beyond a size: the kernel refuses it as a quota would. One document is larger."""
    stack.kill_worker()
    stack.write("5.html", f"<h1>Rule 5</h1><p>Rule number 5 is about topic5.</p><!-- {'x' * 2 * FILE_LIMIT} -->")
    (stack.folder / "5.md").unlink()
    stack.start_worker(file_limit=FILE_LIMIT)


def _lift(stack: Stack) -> None:
    stack.kill_worker()
    stack.start_worker()


@pytest.fixture
def on_disk(home: Path, disk: Disk) -> Iterator[Stack]:
    with started(home, data_dir=disk.path / "d") as stack:
        yield stack


def test_a_full_disk_is_named_nothing_is_lost_and_it_goes_on_once_there_is_room(on_disk: Stack, disk: Disk) -> None:
    on_disk.write_rules(range(5))
    source = on_disk.add_source()
    assert on_disk.sync(source).indexed == 5
    on_disk.write_rules(range(5, 45))
    disk.fill(on_disk)
    _is_refused_or_waits(on_disk, source)
    assert on_disk.found("topic3") == ["3.md"]  # questions are answered meanwhile
    assert on_disk.ingestion.catalog.failures.list() == []
    disk.make_room(on_disk)
    done = on_disk.sync(source)
    assert (done.state, done.seen, done.failed) == (RunState.FINISHED, 45, 0)
    on_disk.assert_indexed_once(45)


def _is_refused_or_waits(stack: Stack, source: Source) -> None:
    """With room for the run's row it begins and waits, without it is refused; both say that the disk is full."""
    try:
        run: Run = stack.ingestion.sync(source.id)
    except StorageUnavailable as error:
        told = error.message
    else:
        until(lambda: stack.state(run).waiting is not None or "gave_up" in stack.log.read_text(), "a word on the disk")
        assert stack.state(run).state is RunState.RUNNING
        told = stack.state(run).waiting or stack.log.read_text()
    assert "full" in told
    assert "free some space" in told
