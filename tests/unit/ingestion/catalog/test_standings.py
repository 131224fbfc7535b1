"""How sources stand: documents, passages, bytes, the last sync, how fast it goes, and what waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.pauses import SOURCE
from ingestion.catalog.records import Run, RunKind, RunState, Source
from ingestion.catalog.standings import Standing
from ingestion.connectors.port import Upsert
from tests.unit.ingestion.catalog.conftest import SteppedClock

LEASE = 100.0


@pytest.fixture
def source(catalog: Catalog) -> Source:
    return catalog.sources.create(kind="folder", name="Handbook", config={}, interval_s=3600)


def standing(catalog: Catalog, source: Source) -> Standing:
    [found] = catalog.standings.list(source.id)
    return found


def listed(catalog: Catalog, source: Source, count: int, revision: str = "1") -> Run:
    run, _ = catalog.runs.begin(source.id, LEASE)
    assert catalog.runs.claim(run.id, "lister", LEASE)
    found = [
        Upsert(
            external_id=f"{number}.txt",
            uri="file:///x",
            revision=revision,
            content_revision=revision,
            size=100,
            acl=AccessList.everyone(),
        )
        for number in range(count)
    ]
    catalog.intake.apply(run.id, source.id, found, parser=1)
    assert catalog.runs.end_listing(run.id, "lister")
    return run


def process(catalog: Catalog, source: Source, count: int) -> None:
    for ticket in catalog.queue.take_pending(source.id, count, LEASE):
        work = catalog.queue.claim_for_parsing(ticket, "reader", LEASE)
        assert work is not None
        catalog.outcomes.parsed(
            work, "reader", content_hash="h", chunks=3, media_type="text/plain", own=Metadata(), name="n"
        )
    works = catalog.queue.claim_for_embedding("embedder", 10_000, LEASE)
    catalog.outcomes.indexed("embedder", [work.record.id for work in works])


def test_a_source_that_was_never_synced(catalog: Catalog, source: Source, clock: SteppedClock) -> None:
    found = standing(catalog, source)
    assert (found.documents, found.passages, found.bytes, found.last_sync, found.active) == ({}, 0, 0, None, [])
    assert (found.last_success_at, found.oldest_pending_at, found.waits) == (None, None, None)
    assert found.next_sync_at == clock.now()
    assert catalog.standings.list("absent") == []


def test_it_tells_what_there_is_and_how_fast_it_goes(catalog: Catalog, source: Source, clock: SteppedClock) -> None:
    began = clock.now()
    run = listed(catalog, source, 10)
    clock.advance(20)
    process(catalog, source, 4)
    catalog.standings.measure()
    found = standing(catalog, source)
    assert found.documents == {"indexed": 4, "pending": 6}
    assert (found.passages, found.bytes) == (12, 1000)
    [active] = found.active
    assert (active.id, active.phase, active.indexed, active.open, active.bytes) == (run.id, "processing", 4, 6, 400)
    assert (active.rate, active.eta_s) == (0.2, 30.0)
    assert found.oldest_pending_at == began
    assert found.last_sync == active
    clock.advance(20)
    process(catalog, source, 1)
    catalog.standings.measure()
    assert standing(catalog, source).active[0].rate == pytest.approx((0.2 + 0.05) / 2)
    process(catalog, source, 10)
    [done] = catalog.runs.finish_done(source.id)
    assert (done.state, done.bytes, done.rate, done.eta_s) == (RunState.FINISHED, 1000, None, None)
    found = standing(catalog, source)
    assert (found.last_success_at, found.next_sync_at) == (began, began + timedelta(seconds=3600))
    assert (found.oldest_pending_at, found.passages) == (None, 30)


def test_no_retry_and_no_dry_run_hides_the_last_sync(catalog: Catalog, source: Source, clock: SteppedClock) -> None:
    listed(catalog, source, 2)
    process(catalog, source, 2)
    catalog.runs.finish_done(source.id)
    succeeded = standing(catalog, source).last_success_at
    clock.advance(10)
    failed = listed(catalog, source, 0)
    catalog.runs.fail(failed.id, "The secret has expired.")
    clock.advance(10)
    catalog.runs.begin_plan(source.id, LEASE)
    assert catalog.retries.begin(source.id, LEASE).run.kind is not RunKind.PLAN
    found = standing(catalog, source)
    assert found.last_sync is not None
    assert (found.last_sync.id, found.last_sync.error) == (failed.id, "The secret has expired.")
    assert (found.last_success_at, found.documents) == (succeeded, {"indexed": 2})


def test_bytes_of_a_run_stay_counted_when_a_later_one_takes_over(
    catalog: Catalog, source: Source, clock: SteppedClock
) -> None:
    first = listed(catalog, source, 3)
    process(catalog, source, 2)
    clock.advance(1)
    listed(catalog, source, 3, revision="2")
    assert catalog.runs.get(first.id).bytes == 200
    process(catalog, source, 3)
    for done in catalog.runs.finish_done(source.id):
        assert done.bytes == (200 if done.id == first.id else 300)
        assert done.seen == done.unchanged + done.indexed + done.failed + done.deleted + done.superseded


def test_a_source_that_rests_or_does_not_answer_says_so(catalog: Catalog, source: Source) -> None:
    other = catalog.sources.create(kind="folder", name="Other", config={}, interval_s=3600)
    catalog.pauses.begin(SOURCE, "It is offline.", lambda _: 60, source.id)
    catalog.stopping.pause(source.id)
    found = standing(catalog, source)
    assert found.waits is not None
    assert (found.waits.reason, found.next_sync_at, found.source.paused_at is None) == ("It is offline.", None, False)
    assert standing(catalog, other).waits is None
    catalog.stopping.resume(source.id)
    assert standing(catalog, source).next_sync_at is not None
    catalog.sources.begin_delete(source.id)
    catalog.sources.remove(source.id)
    assert catalog.pauses.list() == []
