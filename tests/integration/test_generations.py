"""A rebuild with another model, a swap and a rollback, while a worker writes and a reader searches all the time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.errors import Conflict
from core.principal import Principal
from core.settings import Settings
from ingestion.catalog.rebuilds import RUNNING, RebuildState
from ingestion.catalog.records import Source
from ingestion.generations import Generations
from retrieval.embedding.build import build_embedder, build_embedders
from retrieval.embedding.embedders import Embedders, live_of
from retrieval.index.build import build_index
from retrieval.retriever import Retriever
from tests.integration.other_model import copy_with_another_output
from tests.integration.stacks import Stack, started, until

READER = Principal()
STEADY = 30
"""Documents that stay as they are."""
PAUSE_S = 0.02
"""Between searches, and between syncs: the build needs the cores as well."""


@pytest.fixture
def served(home: Path, index_settings: Mapping[str, Any]) -> Iterator[Stack]:
    with started(home, index=index_settings, sync={"embed_chunks": 8, "lease_s": 5}) as stack:
        yield stack


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(copy_with_another_output(tmp_path_factory.mktemp("model") / "other"))


class Reader(threading.Thread):
    """Searches until it is told to stop; every search must find the document that it asks for, with both legs."""

    def __init__(self, settings: Settings, embedders: Embedders) -> None:
        super().__init__(daemon=True)
        self.faults: list[str] = []
        self.generations: dict[str, int] = {}
        self._done = threading.Event()
        self._retriever = Retriever(build_index(settings), embedders.default, None, settings, embedders)

    def run(self) -> None:
        number = 0
        while not self._done.wait(PAUSE_S):
            number = (number + 1) % STEADY
            try:
                found = self._retriever.search(f"what is topic{number} about", READER, limit=5)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what this looks for
                self.faults.append(repr(error))
                continue
            uris = [hit.chunk.uri for hit in found.hits]
            if not any(uri.endswith(f"/{number}.md") for uri in uris) or found.degraded:
                self.faults.append(f"{number}: {uris} {found.degraded}")
            self.generations[found.index_generation] = self.generations.get(found.index_generation, 0) + 1

    def stop(self) -> None:
        self._done.set()
        self.join(60)
        self._retriever.close()


class Writer(threading.Thread):
    """Syncs changes until it is told to stop: new documents, changed ones, closed ones, and some that go."""

    def __init__(self, stack: Stack, source: Source) -> None:
        super().__init__(daemon=True)
        self.rounds = 0
        self.faults: list[str] = []
        self._stack, self._source = stack, source
        self._done = threading.Event()

    def run(self) -> None:
        try:
            while not self._done.wait(PAUSE_S):
                self._change(self.rounds)
                self._stack.sync(self._source)
                self.rounds += 1
        except Exception as error:  # noqa: BLE001 - reported by the test
            self.faults.append(repr(error))

    def _change(self, turn: int) -> None:
        self._stack.write(f"new/{turn}.md", f"# News {turn}\n\nNews number {turn} tells of event{turn}.")
        self._stack.write("changing.md", f"# Changing\n\nThis is edition edition{turn} of it.")
        self._stack.write("closed/_folder.meta.yaml", f"acl: ['group:g{turn}']\n")
        if turn:
            (self._stack.folder / f"new/{turn - 1}.md").unlink()

    def stop(self) -> None:
        self._done.set()
        self.join(120)


def _finished(generations: Generations, name: str) -> None:
    until(lambda: generations.build(name).state not in RUNNING, "the build")


def _assert_complete(stack: Stack, writer: Writer) -> None:
    last = writer.rounds - 1
    stack.index.refresh()
    for number in range(STEADY):
        assert stack.found(f"topic{number}") == [f"{number}.md"]
    assert stack.found(f"event{last}") == [f"new/{last}.md"]
    assert stack.found(f"edition{last}") == ["changing.md"]
    if last:
        assert stack.found(f"edition{last - 1}") == []
        assert stack.found(f"event{last - 1}") == []
    assert stack.found("secret", f"group:g{last}") == ["closed/a.md"]
    assert stack.found("secret", f"group:g{last - 1}", "public") == []
    totals = stack.ingestion.catalog.documents.totals()
    counts = stack.index.counts()
    assert totals == {"indexed": STEADY + 3}
    assert (counts.documents, counts.chunks) == (STEADY + 3, STEADY + 3)


def test_nothing_fails_and_nothing_is_missing_through_a_rebuild_a_rollback_and_a_drop(
    served: Stack, other_model: str
) -> None:
    served.write_rules(range(STEADY))
    served.write("closed/a.md", "# Closed\n\nA secret of the group.")
    source = served.add_source()
    served.sync(source)
    default = build_embedder(served.settings)
    embedders = build_embedders(served.settings, default)
    generations = Generations(served.ingestion.catalog, served.index, embedders, served.ingestion.tasks)
    reader, writer = Reader(served.settings, embedders), Writer(served, source)
    reader.start()
    writer.start()
    try:
        until(lambda: writer.rounds > 1, "the first writes")
        build = generations.rebuild(other_model)
        with pytest.raises(Conflict, match="being built"):
            generations.rebuild()
        served.kill_worker()  # in the middle of it
        served.start_worker()
        _finished(generations, build.generation)
        done = generations.build(build.generation)
        assert (done.state, done.error) == (RebuildState.LIVE, None), served.log.read_text()[-3000:]
        live = live_of(served.index)
        assert live is not None
        assert live.name == build.generation
        assert live.embedder != default.name
        rounds = writer.rounds
        until(lambda: reader.generations.get(build.generation, 0) > 3, "searches in the new generation")
        until(lambda: writer.rounds > rounds + 1, "writes after the swap")
        assert generations.rollback().name == build.previous
        until(lambda: writer.rounds > rounds + 2, "writes after the rollback")
    finally:
        writer.stop()
        reader.stop()
    assert (writer.faults, reader.faults) == ([], [])
    _assert_complete(served, writer)
    generations.swap(build.generation)
    _assert_complete(served, writer)
    generations.drop(build.previous)
    with pytest.raises(Conflict, match="no way back"):
        generations.rollback()
    assert [one.name for one, _ in generations.list()] == [build.generation]


def test_a_build_of_the_same_model_can_wait_to_be_swapped_in_and_one_that_is_dropped_ends(running: Stack) -> None:
    running.write_rules(range(3))
    running.sync(running.add_source())
    embedders = build_embedders(running.settings, build_embedder(running.settings))
    generations = Generations(running.ingestion.catalog, running.index, embedders, running.ingestion.tasks)
    before = live_of(running.index)
    build = generations.rebuild(swap=False)
    _finished(generations, build.generation)
    assert generations.build(build.generation).state is RebuildState.READY
    assert live_of(running.index) == before
    assert generations.swap(build.generation).live
    running.assert_indexed_once(3)
    assert generations.rollback().name == build.previous
    with pytest.raises(Conflict, match="first one"):
        generations.rollback()

    running.kill_worker()
    build = generations.rebuild()
    with pytest.raises(Conflict, match="only a complete one"):
        generations.swap(build.generation)
    generations.drop(build.generation)
    assert generations.build(build.generation).state is RebuildState.FAILED
    assert generations.rebuild(swap=False).previous == build.previous
