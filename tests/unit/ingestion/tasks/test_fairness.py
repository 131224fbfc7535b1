"""Sources share the workers: a large one delays a small one by no more than what is in the queues already."""

from __future__ import annotations

from typing import Any

import pytest

from core.metadata import Metadata
from core.principal import AccessList
from core.settings import Settings
from ingestion.catalog.records import Source
from ingestion.connectors.port import Upsert
from ingestion.tasks.hand_off import dispatch
from ingestion.tasks.parts import Makers, Parts
from tests.unit.ingestion.tasks.fakes import TASKS, FakeSource

LARGE, SMALL = 10_000, 100
IN_FLIGHT = 200


class Everything(FakeSource):
    """Has every document that is asked for."""

    def fetch(self, external_id: str, into: Any) -> str | None:
        self.fetched.append(external_id)
        into.write(b"text")
        return None


@pytest.fixture
def settings(tmp_path: Any) -> Settings:
    sync = {"in_flight": IN_FLIGHT, "embed_chunks": 64, "lease_s": 1000}
    return Settings.model_validate({"data_dir": tmp_path / "data", "sync": sync})


@pytest.fixture
def shared(pipeline: Any, settings: Settings) -> Any:
    """A pipeline whose sources have all documents that are entered."""
    makers = Makers(
        catalog=lambda _, kept=pipeline.parts.catalog: kept,
        index=lambda _: pipeline.index,
        embedder=lambda _: pipeline.embedder,
        partitioner=lambda _: pipeline.partitioner,
        parser_version=lambda _: "fake 1",
        connector=lambda *_: everything,
    )
    everything = Everything()
    pipeline.parts, pipeline.source = Parts(settings, pipeline.tasks, makers), everything
    return pipeline


def add(pipeline: Any, name: str, documents: int) -> Source:
    """A source with so many documents that were listed and wait for their turn."""
    catalog = pipeline.parts.catalog
    source: Source = catalog.sources.create(kind="folder", name=name, config={"path": name}, interval_s=60)
    run, _ = catalog.runs.begin(source.id, 1000)
    assert catalog.runs.claim(run.id, "lister", 1000)
    for start in range(0, documents, 1000):
        found = [
            Upsert(
                external_id=f"{name}/{number}",
                uri=f"file:///{name}/{number}",
                revision="1",
                content_revision="1",
                size=4,
                acl=AccessList.everyone(),
                metadata=Metadata(),
            )
            for number in range(start, min(start + 1000, documents))
        ]
        catalog.intake.apply(run.id, source.id, found, parser=1)
    assert catalog.runs.end_listing(run.id, "lister")
    return source


def processed_until_done(pipeline: Any, source: Source, most: int) -> int:
    """How many documents, of whichever source, are indexed once all of this one are."""
    catalog = pipeline.parts.catalog
    for other in catalog.sources.list():
        dispatch(pipeline.parts, other.id)
    while catalog.documents.totals(source.id).get("indexed", 0) < SMALL:
        task, arguments = pipeline.tasks.waiting.popleft()
        TASKS[task](pipeline.parts, **arguments)
        assert len(pipeline.index.chunks) <= most
    return len(pipeline.index.chunks)


def test_a_small_source_beside_a_large_one_takes_half_as_long_again_and_one_batch(shared: Any) -> None:
    add(shared, "large", LARGE)
    dispatch(shared.parts, shared.parts.catalog.sources.list()[0].id)
    small = add(shared, "small", SMALL)
    alone = SMALL
    assert processed_until_done(shared, small, LARGE) <= 1.5 * alone + IN_FLIGHT


def test_the_queues_are_shared_by_weight(shared: Any) -> None:
    one, three = add(shared, "one", 600), add(shared, "three", 600)
    catalog = shared.parts.catalog
    catalog.sources.update(three.id, weight=3)
    for source in (one, three):  # the first fills the queues, and gives room as its documents get through
        dispatch(shared.parts, source.id)
    while len(shared.index.chunks) < 500:
        task, arguments = shared.tasks.waiting.popleft()
        TASKS[task](shared.parts, **arguments)
    moving = [_moving(shared, source) for source in (one, three)]
    assert 40 <= moving[0] <= 50
    assert 140 <= moving[1] <= 150


def _moving(pipeline: Any, source: Source) -> int:
    totals = pipeline.parts.catalog.documents.totals(source.id)
    return int(totals.get("queued", 0) + totals.get("parsed", 0))


def test_a_source_that_is_alone_has_all_of_it(shared: Any) -> None:
    add(shared, "source 2", 500)
    other = next(source for source in shared.parts.catalog.sources.list() if source.name == "source 2")
    assert dispatch(shared.parts, other.id) == IN_FLIGHT
