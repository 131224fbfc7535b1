"""Thirty kills in an ingest of 400 documents, with every process that `footnote up` runs. Slow: `make kills`."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from api.supervisor.children import Child, children_of
from api.supervisor.layout import Layout
from ingestion.blobs import open_blobs
from ingestion.catalog.records import Run, RunState
from tests.integration.stacks import Stack, until

DOCUMENTS = 400
CHANGED = 100
"""Of those, how many the index holds in an older version."""
KILLS = Counter({"worker": 10, "parser": 6, "lister": 4, "valkey": 4, "api": 2, "all": 4})
DEADLINE_S = 600


class Processes:
    """The processes of a stack, each of which is started again when it ends, as `footnote up` does."""

    def __init__(self, stack: Stack) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        layout = Layout.of(stack.settings)
        layout.make()
        self._stack = stack
        self._children = {child.name: child for child in children_of(stack.settings, layout, port)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def supervise(self) -> None:
        """Start what isn't running."""
        for name, child in self._children.items():
            process = self._running.get(name)
            if process is None or process.poll() is not None:
                self._running[name] = self._start(child)

    def _start(self, child: Child) -> subprocess.Popen[bytes]:
        process = self._stack.start_child(child)
        if child.name == "valkey":
            until(child.ready, "the broker")
        return process

    def kill(self, name: str) -> None:
        """Kill one, all of them, or a parser: whichever is there first."""
        if name == "parser":
            until(lambda: bool(self._parsers()), "a parser", DEADLINE_S)
            with suppress(psutil.NoSuchProcess):
                self._parsers()[0].kill()
            return
        for one in self._children if name == "all" else [name]:
            process = self._running[one]
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)

    def _parsers(self) -> list[psutil.Process]:
        self.supervise()
        found = []
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._running["worker"].pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if "ingestion.partitioning.sandbox.child" in child.cmdline():
                        found.append(child)
        return found

    def close(self) -> None:
        """Kill all that is left; what they hold is checked by then."""
        for process in self._running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


@pytest.fixture
def chaotic(home: Path) -> Iterator[tuple[Stack, Processes]]:
    stack = Stack(home, sync={"embed_chunks": 16})
    processes = Processes(stack)
    try:
        processes.supervise()
        yield stack, processes
    finally:
        processes.close()
        stack.close()


def steps(stack: Stack, run: Run) -> int:
    """How far an ingest is: two steps a document, parsed and indexed."""
    return stack.ingestion.catalog.documents.totals().get("parsed", 0) + 2 * stack.state(run).indexed


def finish(stack: Stack, processes: Processes, run: Run) -> Run:
    def over() -> bool:
        processes.supervise()
        return stack.state(run).finished_at is not None

    until(over, "the run's end", DEADLINE_S)
    return stack.state(run)


def held_versions(stack: Stack) -> dict[str, dict[int, int]]:
    """How many chunks of which version the index holds, by document."""
    held: dict[str, dict[int, int]] = {}
    while page := stack.index.documents(max(held, default=""), DOCUMENTS):
        held |= {one.document_id: dict(one.versions) for one in page}
    return held


@pytest.mark.chaos
def test_thirty_kills_fail_lose_double_and_leave_nothing(chaotic: tuple[Stack, Processes]) -> None:
    stack, processes = chaotic
    for number in range(CHANGED):
        stack.write(f"{number}.md", f"# Rule {number}\n\nRule number {number} was about formerly{number}.")
    source = stack.add_source()
    assert finish(stack, processes, stack.ingestion.sync(source.id)).indexed == CHANGED
    stack.write_rules(range(DOCUMENTS))
    kills = list(KILLS.elements())
    random.Random(11).shuffle(kills)
    began = time.monotonic()
    run = stack.ingestion.sync(source.id)
    for done, name in enumerate(kills):
        # Spread over the whole ingest, however fast it is: each meets work that has just gone on.
        reached = done * 2 * DOCUMENTS // len(kills)

        def goes_on(reached: int = reached) -> bool:
            processes.supervise()
            return steps(stack, run) > reached

        until(goes_on, f"{reached} steps", DEADLINE_S)
        assert stack.state(run).finished_at is None
        print(round(time.monotonic() - began), name, stack.ingestion.catalog.documents.totals(), flush=True)
        processes.kill(name)
    ended = finish(stack, processes, run)
    told = {"seen": ended.seen, "indexed": ended.indexed, "failed": ended.failed, "s": round(time.monotonic() - began)}
    assert (ended.state, ended.seen, ended.indexed, ended.failed) == (RunState.FINISHED, DOCUMENTS, DOCUMENTS, 0)
    stack.assert_indexed_once(DOCUMENTS)
    records = stack.ingestion.catalog.documents.list(source.id, limit=DOCUMENTS + 1)
    assert held_versions(stack) == {record.id: {record.version: 1} for record in records}
    for number in range(DOCUMENTS):
        assert stack.found(f"topic{number}") == [f"{number}.md"]
    assert [number for number in range(CHANGED) if stack.found(f"formerly{number}")] == []
    blobs = open_blobs(stack.settings).versions("", DOCUMENTS + 1)
    print(f"\n{len(kills)} kills {dict(KILLS)}: {told}, blobs to be swept: {len(blobs) - DOCUMENTS}")
