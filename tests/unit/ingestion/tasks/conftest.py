"""A pipeline of which only the catalog and the blob store are real."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.catalog.records import DocumentRecord, Run, Source, document_id
from ingestion.tasks.parts import Makers, Parts
from tests.unit.ingestion.tasks.fakes import (
    FakeEmbedder,
    FakeIndex,
    FakePartitioner,
    FakeSource,
    QueuedTasks,
    SteppedClock,
)


@dataclass
class Pipeline:
    """The parts, and what a test does with them."""

    parts: Parts
    tasks: QueuedTasks
    clock: SteppedClock
    source: FakeSource
    index: FakeIndex
    embedder: FakeEmbedder
    partitioner: FakePartitioner
    record: Source
    version: list[str]
    """What documents are read with; its last entry is the one of now."""

    def begin(self) -> Run:
        """Start a run and leave its task in the queue."""
        self.clock.advance(1)
        run, new = self.parts.catalog.runs.begin(self.record.id, self.parts.settings.sync.lease_s)
        assert new
        self.tasks.send("footnote.sync", {"run_id": run.id})
        return run

    def sync(self) -> Run:
        """Run a sync to its end, retries included."""
        run = self.begin()
        self.tasks.run_delayed(self.parts, self.clock)
        done = self.parts.catalog.runs.get(run.id)
        if done.state in ("finished", "refused"):
            assert done.seen == done.unchanged + done.indexed + done.failed + done.deleted + done.superseded
        return done

    def id_of(self, name: str) -> str:
        return document_id(self.record.id, name)

    def document(self, name: str) -> DocumentRecord:
        return self.parts.catalog.documents.get(self.id_of(name))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    sync = {"max_attempts": 3, "embed_chunks": 4, "in_flight": 5, "lease_s": 100}
    return Settings.model_validate({"data_dir": tmp_path / "data", "sync": sync})


@pytest.fixture
def pipeline(settings: Settings) -> Iterator[Pipeline]:
    clock, tasks, source, index = SteppedClock(), QueuedTasks(), FakeSource(), FakeIndex()
    embedder, partitioner = FakeEmbedder(), FakePartitioner()
    version = ["fake 1"]
    makers = Makers(
        catalog=lambda given: open_catalog(given, clock),
        index=lambda _: index,  # type: ignore[arg-type,return-value]
        embedder=lambda _: embedder,
        partitioner=lambda _: partitioner,
        parser_version=lambda _: version[-1],
        connector=lambda *_: source,
    )
    parts = Parts(settings, tasks, makers)
    record = parts.catalog.sources.create(kind="folder", name="source", config={}, interval_s=60)
    yield Pipeline(parts, tasks, clock, source, index, embedder, partitioner, record, version)
    parts.close()
