"""The pool of child processes: limits, crashes, replacement, an environment without secrets."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from core.errors import DocumentTooLarge, Unavailable, UnreadableDocument
from core.settings import ParsingSettings
from ingestion.partitioning.port import Partitioner
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner

SMALL = b"# Title\n\nText.\n"
SLOW = b"".join(b"- item *%d* of [a list](x)\n\n  more\n\n" % number for number in range(200_000))
"""A Markdown file that takes minutes."""


@contextmanager
def pool(**limits: float) -> Iterator[ChildProcessPartitioner]:
    built = ChildProcessPartitioner(ParsingSettings.model_validate(limits))
    try:
        yield built
    finally:
        built.close()


def wait_until(holds: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it didn't happen in time"
        threading.Event().wait(0.01)


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if is_parser(child)}


def is_parser(process: psutil.Process) -> bool:
    try:
        return "ingestion.partitioning.sandbox.child" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):  # it ended meanwhile
        return False


def test_over_time_the_child_is_killed_and_the_next_document_is_read() -> None:
    before = children()
    with pool(timeout_s=0.5) as partitioner:
        partitioner.partition(SMALL, name="a.md")
        (first,) = children() - before
        with pytest.raises(DocumentTooLarge, match=r"slow\.md takes longer .* parsing\.timeout_s = 0\.5"):
            partitioner.partition(SLOW, name="slow.md")
        assert not psutil.pid_exists(first)
        assert partitioner.partition(SMALL, name="a.md").metadata.title == "Title"
    assert children() == before


def test_over_memory_the_child_is_killed() -> None:
    before = children()
    with pool(memory_mb=60) as partitioner:
        with pytest.raises(DocumentTooLarge, match=r"big\.md needs more memory .* parsing\.memory_mb = 60"):
            partitioner.partition(SLOW, name="big.md")
        assert children() == before


def test_more_text_or_bytes_than_may_be_are_refused() -> None:
    with pool(max_text_mb=1, max_file_mb=2) as limited:
        with pytest.raises(DocumentTooLarge, match="max_text_mb"):
            limited.partition(b"word " * 250_000, name="a.txt")
        with pytest.raises(DocumentTooLarge, match="max_file_mb"):
            limited.partition(b"x" * 2_000_001, name="a.txt")


def test_a_document_that_ends_two_children_is_at_fault() -> None:
    before = children()
    killed: set[int] = set()
    with pool() as partitioner, ThreadPoolExecutor(1) as threads:
        reading = threads.submit(partitioner.partition, SLOW, name="slow.md")
        for _ in range(2):
            wait_until(lambda: children() - before - killed)
            (child,) = children() - before - killed
            wait_until(lambda: child in {busy.pid for busy in partitioner._busy})  # noqa: B023
            os.kill(child, signal.SIGSEGV)
            killed.add(child)
        with pytest.raises(UnreadableDocument, match=r"slow\.md makes the parser crash"):
            reading.result(60)
    assert children() == before


def test_a_child_that_died_while_idle_is_replaced() -> None:
    before = children()
    with pool() as partitioner:
        partitioner.partition(SMALL, name="a.md")
        (child,) = children() - before
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: child not in children())
        assert partitioner.partition(SMALL, name="a.md").metadata.title == "Title"


def test_closing_ends_what_is_being_read() -> None:
    before = children()
    with pool() as partitioner, ThreadPoolExecutor(1) as threads:
        reading = threads.submit(partitioner.partition, SLOW, name="slow.md")
        wait_until(lambda: partitioner._busy)
        partitioner.close()
        with pytest.raises(Unavailable, match="closed"):
            reading.result(60)
        with pytest.raises(Unavailable, match="closed"):
            partitioner.partition(SMALL, name="a.md")
    assert children() == before


def test_threads_share_the_children(partitioner: Partitioner) -> None:
    with ThreadPoolExecutor(8) as threads:
        titles = list(
            threads.map(lambda n: partitioner.partition(b"# T%d\n" % n, name="a.md").metadata.title, range(40))
        )

    assert titles == [f"T{n}" for n in range(40)]


def test_the_child_has_no_secrets_and_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", "sk-secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    before = children()
    with pool() as partitioner:
        partitioner.partition(SMALL, name="a.md")
        (pid,) = children() - before
        child = psutil.Process(pid)
        assert "secret" not in Path(f"/proc/{pid}/environ").read_text()
        assert not child.net_connections()
        assert not any(heavy in mapped.path for mapped in child.memory_maps() for heavy in ("torch", "/spacy/"))
        assert child.memory_info().rss < 400_000_000
