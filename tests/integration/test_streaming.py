"""A large original is never in a worker's memory, and its parser gets a copy that it can't do harm by."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import StorageUnavailable, UnreadableDocument
from core.settings import ParsingSettings
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from ingestion.partitioning.sandbox.process import Child

ROOT = Path(__file__).parents[2]


def test_a_worker_that_may_take_little_memory_takes_a_large_file_in(tmp_path: Path) -> None:
    """200 MB through a process that may take 64 MB more than it has."""
    command = [sys.executable, str(Path(__file__).with_name("streaming_worker.py")), str(tmp_path / "w"), "200", "64"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["said"] == ["big.bin is application/x-executable, which is not read."]
    assert found["originals"][-1] == 200_000_000
    assert found["grown_mb"] < 64


@pytest.fixture(scope="module")
def partitioner() -> Iterator[ChildProcessPartitioner]:
    made = ChildProcessPartitioner(ParsingSettings())
    yield made
    made.close()


def large(folder: Path, text: str) -> Path:
    file = folder / "large.txt"
    file.write_text(f"# {text}\n\n" + "word " * 400_000)
    return file


def test_a_file_is_read_as_its_bytes_are(partitioner: ChildProcessPartitioner, tmp_path: Path) -> None:
    for text in ("one", "two"):  # by the same child
        file = large(tmp_path, text)
        with file.open("rb") as content:
            content.read(1000)
            assert partitioner.partition(content, name="large.md") == partitioner.partition(
                file.read_bytes(), name="large.md"
            )
            assert not content.closed
    small = tmp_path / "small.md"
    small.write_text("# Small")
    with small.open("rb") as content:
        assert partitioner.partition(content, name="small.md").elements[0].text == "Small"
    [(child, _)] = partitioner._idle
    assert not [path.name for path in child.folder.iterdir() if path.name.startswith("original")]


def test_a_child_that_dies_is_given_the_whole_file_again(
    partitioner: ChildProcessPartitioner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []
    ask = Child.ask

    def dying(self: Child, head: dict[str, Any], content: Any, timeout_s: float) -> bytes:
        tries.append(self.pid)
        if len(tries) == 1:
            self.interrupt()
        return ask(self, head, content, timeout_s)

    monkeypatch.setattr(Child, "ask", dying)
    with large(tmp_path, "again").open("rb") as content:
        found = partitioner.partition(content, name="large.md")
    assert found.elements[0].text == "again"
    assert len(set(tries)) == 2


def test_the_parser_gets_a_copy_and_no_link_to_follow(
    partitioner: ChildProcessPartitioner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parser that read a hostile document may do what it likes in its folder, also to what comes next."""
    victim = tmp_path / "victim"
    victim.write_text("kept")
    file = large(tmp_path, "copied")
    put = Child._put
    seen: list[tuple[int, int]] = []

    def looked_at(self: Child, content: Any) -> str:
        name = put(self, content)
        seen.append((self.folder.joinpath(name).stat().st_ino, file.stat().st_ino))
        return name

    monkeypatch.setattr(Child, "_put", looked_at)
    with file.open("rb") as content:
        partitioner.partition(content, name="large.md")
    assert seen[0][0] != seen[0][1]

    class Known:
        hex = "known"

    monkeypatch.setattr("ingestion.partitioning.sandbox.process.uuid.uuid4", Known)
    [(child, _)] = partitioner._idle
    (child.folder / "original-known").symlink_to(victim)
    with file.open("rb") as content, pytest.raises(StorageUnavailable, match="can't be handed to its parser"):
        partitioner.partition(content, name="large.md")
    assert victim.read_text() == "kept"


def test_a_kind_that_is_not_read_is_refused_from_a_file_too(
    partitioner: ChildProcessPartitioner, tmp_path: Path
) -> None:
    file = tmp_path / "program"
    file.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(3_000_000))
    with file.open("rb") as content, pytest.raises(UnreadableDocument, match="application/x-executable"):
        partitioner.partition(content, name="program")
