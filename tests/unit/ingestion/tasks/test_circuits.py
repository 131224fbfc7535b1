"""A source that doesn't answer waits alone: with growing waits, a reason that is shown, and nothing held against it."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import SourceUnavailable
from core.settings import Settings
from ingestion.catalog.pauses import SOURCE
from ingestion.catalog.records import Run, RunState
from ingestion.tasks import recovering
from ingestion.tasks.parts import Makers, Parts
from tests.unit.ingestion.tasks.fakes import FakeSource

OFFLINE = SourceUnavailable("The share is offline: mount it.")


class Failing(FakeSource):
    """A source whose documents can't be fetched, or some of them."""

    def __init__(self) -> None:
        super().__init__()
        self.silent: set[str] | None = set()
        """None: all of them."""

    def fetch(self, external_id: str, into: Any) -> str | None:
        if self.silent is None or external_id in self.silent:
            self.fetched.append(external_id)
            raise OFFLINE
        return super().fetch(external_id, into)


@pytest.fixture
def two(pipeline: Any, settings: Settings) -> Any:
    """A pipeline with a second source, whose fetching fails as one wishes."""
    catalog, version = pipeline.parts.catalog, pipeline.version
    other = catalog.sources.create(kind="folder", name="other", config={"path": "other"}, interval_s=60)
    failing = Failing()
    makers = Makers(
        catalog=lambda _: catalog,
        index=lambda _: pipeline.index,
        embedder=lambda _: pipeline.embedder,
        partitioner=lambda _: pipeline.partitioner,
        parser_version=lambda _: version[-1],
        connector=lambda kind, config, settings, source_id, *_: failing if source_id == other.id else pipeline.source,
    )
    pipeline.parts = Parts(settings, pipeline.tasks, makers)
    pipeline.other, pipeline.failing = other, failing
    return pipeline


def begin(pipeline: Any, source_id: str) -> Run:
    run: Run = pipeline.parts.catalog.runs.begin(source_id, 100)[0]
    pipeline.tasks.send("footnote.sync", {"run_id": run.id})
    return run


def wait(pipeline: Any, rounds: int) -> list[float]:
    """Let that many delayed tasks come; how long each was waited for."""
    waited = []
    for _ in range(rounds):
        task, arguments, delay_s = pipeline.tasks.delayed.pop(0)
        waited.append(delay_s)
        pipeline.clock.advance(delay_s)
        pipeline.tasks.waiting.append((task, arguments))
        pipeline.tasks.run(pipeline.parts)
    return waited


def test_a_listing_waits_while_other_sources_go_on(two: Any) -> None:
    two.source.documents = {"a.txt": "text"}
    two.failing.error = OFFLINE
    run, healthy = begin(two, two.other.id), begin(two, two.record.id)
    two.tasks.run(two.parts)
    runs = two.parts.catalog.runs
    assert runs.get(healthy.id).state is RunState.FINISHED
    waited = wait(two, 8)  # many more than sync.max_attempts
    assert max(waited[4:]) > 4 * max(waited[:1])
    waiting = runs.get(run.id)
    assert (waiting.state, waiting.waiting) == (RunState.RUNNING, OFFLINE.message)
    [pause] = two.parts.catalog.pauses.list()
    assert (pause.stage, pause.source_id, pause.tries) == (SOURCE, two.other.id, 9)
    standings = {one.source.id: one.waits for one in two.parts.catalog.standings.list()}
    assert (standings[two.record.id], standings[two.other.id].reason) == (None, OFFLINE.message)
    two.failing.error = None
    two.failing.documents = {"b.txt": "more"}
    two.tasks.run_delayed(two.parts, two.clock)
    assert runs.get(run.id).state is RunState.FINISHED
    assert two.parts.catalog.pauses.list() == []


def test_documents_wait_and_are_not_to_blame(two: Any) -> None:
    two.failing.documents = {f"{number}.txt": f"text {number}" for number in range(8)}
    two.failing.silent = None
    run = begin(two, two.other.id)
    two.tasks.run(two.parts)
    assert len(two.failing.fetched) == 1  # the others that were handed out find out, and ask nothing
    wait(two, 12)
    assert len(two.failing.fetched) <= 14  # one each time
    two.source.documents = {"a.txt": "text"}
    begin(two, two.record.id)
    two.tasks.run(two.parts)
    assert two.index.texts() == ["text"]
    runs = two.parts.catalog.runs
    assert (runs.get(run.id).failed, runs.get(run.id).waiting) == (0, OFFLINE.message)
    two.failing.silent = set()
    two.tasks.run_delayed(two.parts, two.clock)
    done = runs.get(run.id)
    assert (done.state, done.indexed, done.failed) == (RunState.FINISHED, 8, 0)


def test_one_document_that_never_comes_stands_for_itself(two: Any) -> None:
    two.failing.documents = {f"{number}.txt": f"text {number}" for number in range(30)}
    two.failing.silent = {"7.txt"}
    run = begin(two, two.other.id)
    for _ in range(40):
        two.tasks.run(two.parts)
        if two.parts.catalog.runs.get(run.id).finished_at:
            break
        begun = two.parts.catalog.runs.get(run.id).indexed
        if two.tasks.delayed:
            wait(two, 1)
        if begun == 29:  # nothing else gets through: the next listing says that the source answers
            begin(two, two.other.id)
    done = two.parts.catalog.runs.get(run.id)
    assert (done.indexed, done.superseded + done.failed) == (29, 1)


def test_patience_ends(two: Any) -> None:
    two.failing.error = OFFLINE
    run = begin(two, two.other.id)
    two.tasks.run(two.parts)
    two.clock.advance(two.parts.settings.sync.max_pause_s)
    two.tasks.delayed.clear()
    for _ in range(4):
        recovering.recover(two.parts)
        two.tasks.run(two.parts)
        two.clock.advance(1000)
    assert (two.parts.catalog.runs.get(run.id).state, two.parts.catalog.runs.get(run.id).error) == (
        RunState.FAILED,
        OFFLINE.message,
    )
