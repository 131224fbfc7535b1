"""Builds of the index in the catalog, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest

from core.errors import Conflict, NotFound
from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.rebuilds import Rebuild, RebuildState
from ingestion.catalog.records import document_id
from ingestion.connectors.port import Upsert
from tests.unit.ingestion.catalog.conftest import SteppedClock

LEASE = 100.0


@pytest.fixture
def documents(catalog: Catalog) -> list[str]:
    """Five indexed documents of two chunks each, by id; a sixth is being embedded."""
    source = catalog.sources.create(kind="folder", name="Handbook", config={}, interval_s=60)
    run, _ = catalog.runs.begin(source.id, LEASE)
    names = [f"{number}.md" for number in range(6)]
    everyone = AccessList.everyone()
    catalog.intake.apply(
        run.id,
        source.id,
        [
            Upsert(
                external_id=name,
                uri=name,
                revision="1",
                content_revision="1",
                size=1,
                acl=everyone,
                metadata=Metadata(),
            )
            for name in names
        ],
        parser=1,
    )
    last = document_id(source.id, names[-1])
    for ticket in catalog.queue.take_pending(source.id, 10, LEASE):
        work = catalog.queue.claim_for_parsing(ticket, "w", LEASE)
        assert work is not None
        facts = {"content_hash": "h" * 64, "chunks": 2, "media_type": "text/markdown", "own": Metadata(), "name": "n"}
        assert catalog.outcomes.parsed(work, "w", **facts, content_key=ticket.document_id)  # type: ignore[arg-type]
    claimed = [work.record.id for work in catalog.queue.claim_for_embedding("embedder", 100, LEASE)]
    assert len(claimed) == 6
    catalog.outcomes.indexed("embedder", [key for key in claimed if key != last])
    return [*sorted(key for key in claimed if key != last), last]


def _round(catalog: Catalog, build: Rebuild, max_chunks: int) -> list[list[str]]:
    batches = []
    while works := catalog.rebuilds.next_documents(build, max_chunks):
        batches.append([work.record.id for work in works])
        step = catalog.rebuilds.claim(build.generation, build.step, "o", LEASE)
        assert step is not None
        catalog.rebuilds.advance(step, "o", LEASE, position=batches[-1][-1], done=build.done + len(works))
        build = catalog.rebuilds.get(build.generation)
    return batches


def test_a_round_names_every_indexed_document_once(catalog: Catalog, documents: list[str]) -> None:
    build = catalog.rebuilds.begin("g2", "g1", swap=True)
    assert (build.total, build.state) == (5, RebuildState.FILLING)
    assert _round(catalog, build, 4) == [documents[:2], documents[2:4], documents[4:5]]
    assert catalog.rebuilds.get("g2").done == 5


def test_one_runs_at_a_time(catalog: Catalog) -> None:
    catalog.rebuilds.begin("g2", "g1", swap=True)
    with pytest.raises(Conflict, match="g2"):
        catalog.rebuilds.begin("g3", "g1", swap=True)
    catalog.rebuilds.mark("g2", RebuildState.FAILED, "why")
    assert catalog.rebuilds.get("g2").error == "why"
    assert catalog.rebuilds.running() is None
    catalog.rebuilds.begin("g3", "g1", swap=True)
    with pytest.raises(NotFound):
        catalog.rebuilds.get("g4")


def test_a_step_is_done_by_one_and_once(catalog: Catalog) -> None:
    build = catalog.rebuilds.begin("g2", "g1", swap=True)
    step = catalog.rebuilds.claim("g2", 0, "a", LEASE)
    assert step is not None
    assert catalog.rebuilds.claim("g2", 0, "b", LEASE) is None
    assert catalog.rebuilds.advance(step, "b", LEASE) is None
    assert catalog.rebuilds.advance(step, "a", LEASE, fixed=1) == 1
    assert catalog.rebuilds.claim("g2", build.step, "b", LEASE) is None, "a message that came twice"
    last = catalog.rebuilds.claim("g2", 1, "a", LEASE)
    assert last is not None
    assert catalog.rebuilds.advance(last, "a", LEASE, state=RebuildState.READY) is None
    assert catalog.rebuilds.get("g2").finished_at is not None


def test_what_a_dead_worker_had_is_taken_over_under_a_new_step(catalog: Catalog, clock: SteppedClock) -> None:
    assert catalog.rebuilds.take_lost(LEASE, lambda _: True) is None
    catalog.rebuilds.begin("g2", "g1", swap=True)
    step = catalog.rebuilds.claim("g2", 0, "dead", LEASE)
    assert step is not None
    assert catalog.rebuilds.take_lost(LEASE, lambda _: False) is None
    clock.advance(LEASE / 2)
    catalog.rebuilds.extend("g2", "dead", LEASE)
    clock.advance(LEASE * 0.75)
    assert catalog.rebuilds.take_lost(LEASE, lambda _: False) is None
    clock.advance(LEASE)
    taken = catalog.rebuilds.take_lost(LEASE, lambda _: False)
    assert taken is not None
    assert taken.step == 1
    assert catalog.rebuilds.advance(step, "dead", LEASE) is None
    assert catalog.rebuilds.claim("g2", 1, "b", LEASE) is not None
    again = catalog.rebuilds.take_lost(LEASE, lambda owner: owner == "b")
    assert again is not None
    assert again.step == 2


def test_tasks_that_may_not_know_of_it_are_waited_for(
    catalog: Catalog, clock: SteppedClock, documents: list[str]
) -> None:
    catalog.rebuilds.begin("g2", "g1", swap=True)
    assert catalog.rebuilds.still_watched("g2") == 1
    assert catalog.rebuilds.moving() == 1
    clock.advance(1)
    catalog.outcomes.indexed("embedder", [documents[-1]])
    assert (catalog.rebuilds.still_watched("g2"), catalog.rebuilds.moving()) == (0, 0)


def test_a_later_round_looks_at_what_changed(catalog: Catalog, clock: SteppedClock, documents: list[str]) -> None:
    build = catalog.rebuilds.begin("g2", "g1", swap=True)
    clock.advance(1)
    catalog.outcomes.indexed("embedder", [documents[-1]])
    step = catalog.rebuilds.claim("g2", 0, "o", LEASE)
    assert step is not None
    catalog.rebuilds.advance(step, "o", LEASE, since=clock.now(), position="")
    assert _round(catalog, catalog.rebuilds.get(build.generation), 4) == [[documents[-1]]]
    assert set(catalog.rebuilds.works(documents)) == set(documents)
