"""The ledger, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from api.auth.key_records import ApiKeyRow
from api.auth.sessions import SessionRow
from core.errors import ConfigurationError, Conflict, NotFound
from core.metadata import Metadata
from core.principal import AccessList
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.queue import TakenOver, Ticket
from ingestion.catalog.records import Run, RunState, Source, document_id
from ingestion.catalog.tables import Base
from ingestion.connectors.port import Unreadable, Upsert
from ingestion.partitioning.port import InnerReaders

LEASE = 100.0
HR = AccessList(groups=frozenset({"hr"}))


def upsert(name: str, *, content: str = "1", revision: str = "1", acl: AccessList | None = None) -> Upsert:
    return Upsert(
        external_id=name,
        uri=f"file:///{name}",
        revision=f"{content}-{revision}",
        content_revision=content,
        size=5_000_000_000,
        acl=acl or AccessList.everyone(),
        metadata=Metadata(department="HR", modified=datetime(2026, 1, 1, tzinfo=UTC)),
    )


@pytest.fixture
def source(catalog: Catalog) -> Source:
    return catalog.sources.create(kind="folder", name="Handbook", config={"path": "/x"}, interval_s=60)


def start(catalog: Catalog, source: Source) -> Run:
    return catalog.runs.begin(source.id, LEASE)[0]


def list_all(catalog: Catalog, source: Source, changes: Sequence[Upsert | Unreadable]) -> Run:
    """A run that has listed these changes."""
    run = start(catalog, source)
    assert catalog.runs.claim(run.id, "lister", LEASE)
    catalog.intake.apply(run.id, source.id, changes, parser=1)
    assert catalog.runs.end_listing(run.id, "lister")
    return run


def ingest(catalog: Catalog, source: Source, owner: str = "worker") -> None:
    """Bring every pending document of the source into the index, with two chunks each."""
    for ticket in catalog.queue.take_pending(source.id, 1000, LEASE):
        work = catalog.queue.claim_for_parsing(ticket, owner, LEASE)
        assert work is not None
        own = Metadata(title="Own title", document_type="markdown")
        assert catalog.outcomes.parsed(
            work, owner, content_hash="h" * 64, chunks=2, media_type="text/markdown", own=own, name="a.md"
        )
    while works := catalog.queue.claim_for_embedding(owner, 100, LEASE):
        catalog.outcomes.indexed(owner, [work.record.id for work in works])


def test_schema_of_the_migrations_is_that_of_the_tables(catalog: Catalog) -> None:
    theirs = {ApiKeyRow.__tablename__, SessionRow.__tablename__}
    assert theirs <= Base.metadata.tables.keys(), "tables of another package, which one catalog holds too"
    with catalog.database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []


def test_opening_a_catalog_again_keeps_what_is_in_it(
    catalog: Catalog, source: Source, open_more: Callable[[], Catalog]
) -> None:
    assert open_more().sources.get(source.id) == source


def test_many_processes_may_open_a_new_catalog_at_once(open_more: Callable[[], Catalog]) -> None:
    opened: list[Catalog] = []
    threads = [threading.Thread(target=lambda: opened.append(open_more())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(opened) == 4
    assert opened[0].sources.list() == []


def test_two_sources_of_one_name_clash(catalog: Catalog, source: Source) -> None:
    with pytest.raises(Conflict, match="'Handbook' exists already"):
        catalog.sources.create(kind="folder", name="Handbook", config={}, interval_s=60)
    other = catalog.sources.create(kind="folder", name="Other", config={}, interval_s=60)
    with pytest.raises(Conflict, match="'Handbook'"):
        catalog.sources.update(other.id, name="Handbook")


def test_a_deleted_source_is_gone_at_once_and_its_name_is_free(catalog: Catalog, source: Source) -> None:
    catalog.sources.begin_delete(source.id)
    assert catalog.sources.list() == []
    with pytest.raises(NotFound, match=source.id):
        catalog.sources.get(source.id)
    catalog.sources.create(kind="folder", name="Handbook", config={}, interval_s=60)
    assert catalog.sources.claim_deleting(LEASE) == [source.id]
    assert catalog.sources.claim_deleting(LEASE) == []  # leased
    catalog.sources.remove(source.id)


def test_a_source_has_one_run_at_a_time(catalog: Catalog, source: Source) -> None:
    first, new = catalog.runs.begin(source.id, LEASE)
    again, also_new = catalog.runs.begin(source.id, LEASE)
    assert (new, also_new, again.id) == (True, False, first.id)
    catalog.runs.fail(first.id, "why")
    ended = catalog.runs.get(first.id)
    assert (ended.state, ended.error) == (RunState.FAILED, "why")
    assert catalog.runs.begin(source.id, LEASE)[1]


def test_a_run_begun_by_many_threads_is_one_run(catalog: Catalog, source: Source) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(start(catalog, source).id)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(ids) == 6
    assert len(set(ids)) == 1


def test_a_sync_asked_for_while_a_source_is_listed_follows_once(catalog: Catalog, source: Source) -> None:
    first = start(catalog, source)
    assert catalog.runs.claim(first.id, "lister", LEASE)
    follow_up, new = catalog.runs.begin(source.id, LEASE)
    assert (new, follow_up.state) == (True, RunState.QUEUED)
    assert [catalog.runs.begin(source.id, LEASE) for _ in range(3)] == [(follow_up, False)] * 3
    assert catalog.runs.claim(follow_up.id, "other", LEASE) is None  # two listings of a source never overlap
    assert catalog.runs.start_queued(LEASE) == []
    assert catalog.sources.due() == []
    catalog.intake.apply(first.id, source.id, [upsert("a")], parser=1)
    assert catalog.runs.end_listing(first.id, "lister")
    assert catalog.runs.start_queued(LEASE, source.id) == [follow_up.id]  # though a document of the first is open
    assert catalog.runs.start_queued(LEASE) == []
    assert catalog.runs.claim(follow_up.id, "other", LEASE) is not None
    assert catalog.runs.begin(source.id, LEASE)[0].state is RunState.QUEUED


def test_a_listing_that_fails_lets_the_next_one_in(catalog: Catalog, source: Source) -> None:
    first = start(catalog, source)
    assert catalog.runs.claim(first.id, "lister", LEASE)
    follow_up = start(catalog, source)
    catalog.runs.fail(first.id, "The share is offline.")
    assert catalog.runs.start_queued(LEASE) == [follow_up.id]


def test_runs_that_overlap_each_count_their_own(catalog: Catalog, source: Source, clock: object) -> None:
    names = ["same", "edited", "gone", "new permissions"]
    first = list_all(catalog, source, [upsert(name) for name in names])
    ingest(catalog, source)
    clock.advance(1)  # type: ignore[attr-defined]
    slow = [upsert(name, content="2") for name in names]
    second = list_all(catalog, source, slow)  # all of them are on their way
    clock.advance(1)  # type: ignore[attr-defined]
    third = start(catalog, source)
    assert catalog.runs.claim(third.id, "lister", LEASE)
    only_ann = AccessList(users=frozenset({"ann"}))
    changes = [
        slow[0],
        upsert("edited", content="3"),
        upsert("new permissions", content="2", acl=only_ann, revision="2"),
    ]
    for _ in range(2):  # the listing may begin again
        catalog.intake.apply(third.id, source.id, changes, parser=1)
    assert len(catalog.removal.mark_unseen(source.id, third.id, 10)) == 1
    assert catalog.runs.end_listing(third.id, "lister")
    assert [run.id for run in catalog.runs.finish_done()] == [first.id]
    catalog.index_due.heard([Ticket(w.record.id, w.record.version) for w in catalog.index_due.next(10, 99)])
    catalog.removal.forget(catalog.index_due.cleared(10))
    # What the second began goes on, and what the third saw of it is in the index when the third is finished.
    assert catalog.runs.finish_done() == []
    ingest(catalog, source)
    done = {run.id: run for run in catalog.runs.finish_done()}
    assert list(done) == [second.id, third.id]
    counts = [(run.seen, run.unchanged, run.indexed, run.deleted, run.superseded) for run in done.values()]
    assert counts == [(4, 0, 1, 0, 3), (4, 1, 2, 1, 0)]
    kept = catalog.runs.get(first.id)
    assert (kept.seen, kept.indexed, kept.superseded) == (4, 4, 0)


def test_a_document_on_its_way_into_the_index(catalog: Catalog, source: Source) -> None:
    run = list_all(catalog, source, [upsert("a.md", acl=AccessList(groups=frozenset({"hr"})))])
    key = document_id(source.id, "a.md")
    listed = catalog.documents.get(key)
    assert (listed.state, listed.title, listed.content_hash, listed.size) == ("pending", "a.md", None, 5_000_000_000)
    assert catalog.runs.finish_done() == []
    ingest(catalog, source)
    done = catalog.documents.get(key)
    assert (done.state, done.chunks, done.content_hash, done.version) == ("indexed", 2, "h" * 64, 1)
    assert done.acl == AccessList(groups=frozenset({"hr"}))
    assert done.metadata == Metadata(
        title="Own title",
        document_type="markdown",
        department="HR",
        modified=datetime(2026, 1, 1, tzinfo=UTC),
    )
    [finished] = catalog.runs.finish_done(source.id)
    assert (finished.id, finished.state, finished.seen, finished.indexed) == (run.id, RunState.FINISHED, 1, 1)
    assert catalog.documents.totals(source.id) == {"indexed": 1}


def test_only_what_everybody_may_find_is_counted_as_public(catalog: Catalog, source: Source) -> None:
    for_public = AccessList(public=True, groups=frozenset({"hr"}))
    named = AccessList(users=frozenset({"public", 'a"public"b'}))
    list_all(catalog, source, [upsert("a"), upsert("b", acl=for_public), upsert("c", acl=named), upsert("d", acl=HR)])
    assert catalog.documents.count_public(source.id) == 0
    ingest(catalog, source)
    assert catalog.documents.count_public(source.id) == 2


def test_a_document_is_never_given_more_readers_than_the_documents_in_it_allow(
    catalog: Catalog, source: Source
) -> None:
    list_all(catalog, source, [upsert("a", acl=HR)])
    [ticket] = catalog.queue.take_pending(source.id, 1, LEASE)
    work = catalog.queue.claim_for_parsing(ticket, "w", LEASE)
    assert work is not None
    found: dict[str, Any] = {"content_hash": "h" * 64, "chunks": 1, "media_type": "application/zip", "name": "a"}
    readers = InnerReaders(("group:hr",), "b.meta.yaml in it may be read by fewer")
    assert catalog.outcomes.parsed(work, "w", own=Metadata(title="T"), readers=readers, **found)
    [embedding] = catalog.queue.claim_for_embedding("w", 10, LEASE)
    catalog.outcomes.indexed("w", [embedding.record.id])
    catalog.runs.finish_done()
    run = start(catalog, source)

    def listed(change: Upsert) -> tuple[str, AccessList]:
        catalog.intake.apply(run.id, source.id, [change], parser=1)
        now = catalog.documents.get(work.record.id)
        return now.state, now.acl

    assert listed(upsert("a", revision="2")) == ("failed", AccessList())
    assert "b.meta.yaml in it may be read by fewer" in catalog.failures.list()[0].message
    assert listed(upsert("a", revision="3", acl=HR)) == ("pending", HR)
    assert listed(upsert("a", content="2")) == ("pending", AccessList())
    assert catalog.documents.get(work.record.id).metadata.title == "T"


def test_the_same_listing_again_changes_nothing(catalog: Catalog, source: Source) -> None:
    names = ["a", "b", "c"]
    list_all(catalog, source, [upsert(name) for name in names])
    ingest(catalog, source)
    catalog.runs.finish_done()
    run = list_all(catalog, source, [upsert(name) for name in names])
    assert catalog.queue.take_pending(source.id, 10, LEASE) == []
    catalog.runs.finish_done()
    again = catalog.runs.get(run.id)
    assert (again.state, again.seen, again.unchanged, again.indexed) == (RunState.FINISHED, 3, 3, 0)


def test_new_permissions_alone_need_no_parsing(catalog: Catalog, source: Source) -> None:
    list_all(catalog, source, [upsert("a")])
    ingest(catalog, source)
    catalog.runs.finish_done()
    run = start(catalog, source)
    changed = upsert("a", revision="2", acl=AccessList(users=frozenset({"ann"})))
    catalog.intake.apply(run.id, source.id, [changed], parser=1)
    [work] = catalog.index_due.next(10, 10)
    assert (work.record.version, work.record.state) == (2, "updating")
    assert work.record.acl == AccessList(users=frozenset({"ann"}))
    assert catalog.queue.take_pending(source.id, 10, LEASE) == []
    # A sync that died before the index had it leaves it to be done.
    catalog.intake.apply(run.id, source.id, [changed], parser=1)
    assert [other.record for other in catalog.index_due.next(10, 10)] == [work.record]
    catalog.index_due.heard([Ticket(work.record.id, 1)])
    assert catalog.index_due.any(source.id)  # that was an older version
    catalog.index_due.heard([Ticket(work.record.id, 2)])
    assert catalog.documents.get(work.record.id).state == "indexed"
    catalog.intake.apply(run.id, source.id, [changed], parser=1)
    assert not catalog.index_due.any()


def test_changed_bytes_start_over_with_a_new_version(catalog: Catalog, source: Source) -> None:
    list_all(catalog, source, [upsert("a")])
    ingest(catalog, source)
    catalog.runs.finish_done()
    run = start(catalog, source)
    catalog.intake.apply(run.id, source.id, [upsert("a", content="2")], parser=1)
    [restricted] = catalog.index_due.next(10, 10)
    assert (restricted.indexed_version, restricted.record.version) == (1, 2)
    assert catalog.queue.take_pending(source.id, 10, LEASE) == [Ticket(restricted.record.id, 2)]


def test_no_more_documents_are_in_flight_than_allowed(catalog: Catalog, source: Source) -> None:
    list_all(catalog, source, [upsert(str(number)) for number in range(7)])
    first = catalog.queue.take_pending(source.id, 3, LEASE)
    assert len(first) == 3
    assert catalog.queue.take_pending(source.id, 3, LEASE) == []
    work = catalog.queue.claim_for_parsing(first[0], "w", LEASE)
    assert work is not None
    catalog.outcomes.parsed(work, "w", content_hash="h", chunks=1, media_type="text/plain", own=Metadata(), name="n")
    assert catalog.queue.take_pending(source.id, 3, LEASE) == []  # parsed ones count
    [embedding] = catalog.queue.claim_for_embedding("w", 10, LEASE)
    catalog.outcomes.indexed("w", [embedding.record.id])
    assert len(catalog.queue.take_pending(source.id, 3, LEASE)) == 1
    catalog.queue.put_back(first[1:])
    assert catalog.documents.totals()["pending"] == 5


def test_a_document_is_claimed_by_one_worker(catalog: Catalog, source: Source, clock: object) -> None:
    list_all(catalog, source, [upsert("a")])
    [ticket] = catalog.queue.take_pending(source.id, 10, LEASE)
    assert catalog.queue.claim_for_parsing(Ticket(ticket.document_id, 9), "w1", LEASE) is None
    first = catalog.queue.claim_for_parsing(ticket, "w1", LEASE)
    assert first is not None
    assert catalog.queue.claim_for_parsing(ticket, "w2", LEASE) is None
    clock.advance(LEASE + 1)  # type: ignore[attr-defined]
    second = catalog.queue.claim_for_parsing(ticket, "w2", LEASE)
    assert second is not None
    assert second.attempts == 2
    assert not catalog.outcomes.parsed(
        first, "w1", content_hash="h", chunks=1, media_type="text/plain", own=Metadata(), name="n"
    )


def test_an_embedding_batch_takes_documents_up_to_its_size(catalog: Catalog, source: Source) -> None:
    list_all(catalog, source, [upsert(str(number)) for number in range(5)])
    for ticket in catalog.queue.take_pending(source.id, 10, LEASE):
        work = catalog.queue.claim_for_parsing(ticket, "w", LEASE)
        assert work is not None
        catalog.outcomes.parsed(
            work, "w", content_hash="h", chunks=4, media_type="text/plain", own=Metadata(), name="n"
        )
    assert (catalog.queue.backlog().chunks, catalog.queue.backlog().parsed) == (20, 5)
    assert len(catalog.queue.claim_for_embedding("e1", 9, LEASE)) == 2
    assert len(catalog.queue.claim_for_embedding("e2", 1, LEASE)) == 1  # never none
    assert len(catalog.queue.claim_for_embedding("e3", 100, LEASE)) == 2
    assert catalog.queue.claim_for_embedding("e4", 100, LEASE) == []


def test_a_change_ends_the_claim_of_whoever_embeds_the_old_version(catalog: Catalog, source: Source) -> None:
    list_all(catalog, source, [upsert("a"), upsert("b")])
    for ticket in catalog.queue.take_pending(source.id, 10, LEASE):
        work = catalog.queue.claim_for_parsing(ticket, "w", LEASE)
        assert work is not None
        catalog.outcomes.parsed(
            work, "w", content_hash="h", chunks=1, media_type="text/plain", own=Metadata(), name="n"
        )
    works = catalog.queue.claim_for_embedding("e", 100, LEASE)
    run = catalog.runs.active()[0]
    catalog.intake.apply(run.id, source.id, [upsert("a", content="2")], parser=1)
    done = catalog.outcomes.indexed("e", [work.record.id for work in works])
    assert done == {document_id(source.id, "b")}
    assert catalog.documents.get(document_id(source.id, "a")).state == "pending"


def test_what_dead_workers_held_is_taken_over(catalog: Catalog, source: Source, clock: object) -> None:
    list_all(catalog, source, [upsert("a"), upsert("b")])
    first, second = catalog.queue.take_pending(source.id, 10, LEASE)
    assert catalog.queue.claim_for_parsing(first, "dead", LEASE)
    assert catalog.queue.take_lost(LEASE, lambda _: False) == TakenOver()
    taken = catalog.queue.take_lost(LEASE, lambda owner: owner == "dead")
    suspect = replace(first, suspect=True)
    assert taken == TakenOver([suspect], suspects=1, blamed=[])
    clock.advance(LEASE + 1)  # type: ignore[attr-defined]
    taken = catalog.queue.take_lost(LEASE, lambda _: False)
    assert sorted(taken.queued, key=attrgetter("suspect")) == [second, suspect]
    assert (taken.suspects, taken.blamed) == (0, [])


def test_only_a_suspect_that_was_alone_is_blamed(catalog: Catalog, source: Source) -> None:
    list_all(catalog, source, [upsert("a")])
    [ticket] = catalog.queue.take_pending(source.id, 10, LEASE)
    assert catalog.queue.claim_for_parsing(ticket, "dead", LEASE)
    [suspect] = catalog.queue.take_lost(LEASE, lambda owner: owner == "dead").queued
    # A message from before, which would have it tried among others, does nothing.
    assert catalog.queue.claim_for_parsing(ticket, "w", LEASE) is None
    for times in (1, 2):
        work = catalog.queue.claim_for_parsing(suspect, "dead", LEASE)
        assert work is not None
        assert work.attempts == times
        taken = catalog.queue.take_lost(LEASE, lambda owner: owner == "dead")
        assert (taken.queued, taken.suspects, [one.attempts for one in taken.blamed]) == ([suspect], 0, [times])
    work = catalog.queue.claim_for_parsing(suspect, "w", LEASE)
    assert work is not None
    catalog.outcomes.retry_parsing(work, "w", 0)  # the worker lived to say so
    assert catalog.queue.take_pending(source.id, 10, LEASE) == [ticket]


def test_a_retry_waits_for_its_time(catalog: Catalog, source: Source, clock: object) -> None:
    list_all(catalog, source, [upsert("a")])
    [ticket] = catalog.queue.take_pending(source.id, 10, LEASE)
    work = catalog.queue.claim_for_parsing(ticket, "w", LEASE)
    assert work is not None
    catalog.outcomes.retry_parsing(work, "w", 30)
    assert catalog.queue.take_pending(source.id, 10, LEASE) == []
    assert catalog.queue.sources_with_pending() == []
    clock.advance(30)  # type: ignore[attr-defined]
    assert catalog.queue.sources_with_pending() == [source.id]
    assert catalog.queue.take_pending(source.id, 10, LEASE) == [ticket]


def fail_one(catalog: Catalog, source: Source, *, retryable: bool) -> None:
    [ticket] = catalog.queue.take_pending(source.id, 10, LEASE)
    work = catalog.queue.claim_for_parsing(ticket, "w", LEASE)
    assert work is not None
    assert catalog.outcomes.failed(
        work, "w", stage="parse", error_class="X", message="It is broken.", retryable=retryable, parser=1
    )


@pytest.mark.parametrize("retryable", [True, False])
def test_the_next_sync_tries_again_only_what_can_help(catalog: Catalog, source: Source, retryable: bool) -> None:
    list_all(catalog, source, [upsert("a")])
    fail_one(catalog, source, retryable=retryable)
    [finished] = catalog.runs.finish_done()
    assert (finished.seen, finished.failed) == (1, 1)
    [failure] = catalog.failures.list(source.id)
    assert (failure.message, failure.attempts, failure.retryable) == ("It is broken.", 1, retryable)
    list_all(catalog, source, [upsert("a")])
    assert len(catalog.queue.take_pending(source.id, 10, LEASE)) == (1 if retryable else 0)


def test_a_retried_failure_that_works_is_forgotten(catalog: Catalog, source: Source) -> None:
    list_all(catalog, source, [upsert("a")])
    fail_one(catalog, source, retryable=False)
    catalog.runs.finish_done()
    retry = catalog.retries.begin(source.id, LEASE)
    assert (retry.documents, retry.new, retry.listing) == (1, True, False)
    ingest(catalog, source)
    [finished] = catalog.runs.finish_done()
    assert (finished.seen, finished.indexed) == (1, 1)
    assert catalog.failures.list() == []


def test_an_unreadable_name_is_a_failure_and_is_counted(catalog: Catalog, source: Source) -> None:
    bad = Unreadable("b.pdf", "file:///b.pdf", "No permission to read it.")
    list_all(catalog, source, [upsert("a"), bad])
    ingest(catalog, source)
    [run] = catalog.runs.finish_done()
    assert (run.seen, run.indexed, run.failed) == (2, 1, 1)
    assert catalog.failures.list(source.id)[0].message == "No permission to read it."
    list_all(catalog, source, [upsert("a"), upsert("b.pdf")])  # readable now
    ingest(catalog, source)
    [again] = catalog.runs.finish_done()
    assert (again.seen, again.indexed, again.unchanged) == (2, 1, 1)
    assert catalog.failures.count() == 0


def test_documents_that_are_gone_are_counted_once(catalog: Catalog, source: Source, clock: object) -> None:
    list_all(catalog, source, [upsert("a"), upsert("b"), upsert("c")])
    ingest(catalog, source)
    catalog.runs.finish_done()
    clock.advance(1)  # type: ignore[attr-defined]
    run = start(catalog, source)
    catalog.intake.apply(run.id, source.id, [upsert("a"), upsert("new")], parser=1)
    share = catalog.removal.missing(source.id, run.id)
    assert (share.missing, share.known) == (2, 3)
    marked = catalog.removal.mark_unseen(source.id, run.id, 10)
    assert len(marked) == 2
    with pytest.raises(NotFound):
        catalog.documents.get(marked[0])
    assert sorted(work.record.id for work in catalog.index_due.next(10, 10)) == sorted(marked)
    assert catalog.index_due.cleared(10) == []
    catalog.index_due.heard([Ticket(work.record.id, work.record.version) for work in catalog.index_due.next(10, 10)])
    assert sorted(catalog.index_due.cleared(10)) == sorted(marked)
    assert catalog.removal.forget(marked) == 2
    assert catalog.removal.forget(marked) == 0
    current = catalog.runs.get(run.id)
    assert (current.seen, current.deleted, current.unchanged) == (4, 2, 1)


def test_what_a_listing_did_not_see_is_marked_batch_behind_batch(catalog: Catalog, source: Source) -> None:
    names = list("abcdefg")
    list_all(catalog, source, [upsert(name) for name in names])
    run = start(catalog, source)
    catalog.intake.apply(run.id, source.id, [upsert("d")], parser=1)
    batches, after = [], ""
    while batch := catalog.removal.mark_unseen(source.id, run.id, 4, after):
        batches.append(batch)
        after = batch[-1]
    gone = sorted(document_id(source.id, name) for name in names if name != "d")
    assert batches == [gone[:4], gone[4:]]


def test_a_lost_run_is_taken_over(catalog: Catalog, source: Source, clock: object) -> None:
    run = start(catalog, source)
    assert catalog.runs.claim(run.id, "w1", LEASE)
    assert catalog.runs.claim(run.id, "w2", LEASE) is None
    assert catalog.runs.take_lost(LEASE, lambda _: False) == []
    clock.advance(LEASE + 1)  # type: ignore[attr-defined]
    assert catalog.runs.take_lost(LEASE, lambda _: False) == [run.id]
    assert catalog.runs.claim(run.id, "w2", LEASE)
    assert not catalog.runs.hold(run.id, "w1", LEASE)
    assert not catalog.runs.end_listing(run.id, "w1")
    assert catalog.runs.hold(run.id, "w2", LEASE)


def test_a_source_is_due_when_its_interval_has_passed(catalog: Catalog, source: Source, clock: object) -> None:
    assert [s.id for s in catalog.sources.due()] == [source.id]
    run = start(catalog, source)
    assert catalog.sources.due() == []
    catalog.runs.fail(run.id, "x")
    assert catalog.sources.due() == []
    clock.advance(60)  # type: ignore[attr-defined]
    assert [s.id for s in catalog.sources.due()] == [source.id]
    catalog.sources.update(source.id, enabled=False)
    assert catalog.sources.due() == []


def test_threads_and_processes_write_without_locking_each_other_out(
    catalog: Catalog, source: Source, open_more: Callable[[], Catalog]
) -> None:
    run = start(catalog, source)
    errors: list[BaseException] = []
    stores = [catalog, open_more()]

    def write(number: int) -> None:
        try:
            for turn in range(10):
                names = [upsert(f"{number}-{turn}-{item}") for item in range(5)]
                stores[number % 2].intake.apply(run.id, source.id, names, parser=1)
                stores[number % 2].runs.get(run.id)
        except BaseException as error:  # noqa: BLE001 - reported by the test
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert catalog.runs.get(run.id).seen == 8 * 10 * 5


@pytest.mark.parametrize("url", ["nonsense", "mysql+pymysql://u:hunter2@h/d"])
def test_a_wrong_url_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"catalog\.url") as caught:
        open_catalog(Settings.model_validate({"catalog": {"url": url}}))
    assert "hunter2" not in str(caught.value)


def test_a_retry_and_its_run_are_one_step(catalog: Catalog, open_more: Callable[[], Catalog], source: Source) -> None:
    """Someone who finishes runs all the time never finishes a retry's run before its documents are in it."""
    list_all(catalog, source, [upsert("a")])
    fail_one(catalog, source, retryable=True)
    catalog.runs.finish_done()
    other, stop = open_more(), threading.Event()
    early: list[Run] = []

    def finish() -> None:
        while not stop.is_set():
            early.extend(run for run in other.runs.finish_done() if run.seen != 1)

    thread = threading.Thread(target=finish)
    thread.start()
    try:
        for _ in range(15):
            retry = catalog.retries.begin(source.id, LEASE)
            assert (retry.documents, retry.new) == (1, True)
            fail_one(catalog, source, retryable=True)
            while catalog.runs.get(retry.run.id).finished_at is None:
                stop.wait(0.001)
            assert catalog.runs.get(retry.run.id).failed == 1
    finally:
        stop.set()
        thread.join(30)
    assert early == []


def test_a_pause_is_begun_by_one_and_seen_by_all(
    catalog: Catalog, open_more: Callable[[], Catalog], source: Source, clock: object
) -> None:
    run = start(catalog, source)
    other = open_more()
    pause, begun = catalog.pauses.begin("embed", "It is down.", lambda tries: 10 * tries)
    assert (pause.tries, begun, (pause.until - pause.since).total_seconds()) == (1, True, 10)
    assert other.pauses.begin("embed", "It is down, still.", lambda tries: 10 * tries) == (pause, False)
    assert other.runs.get(run.id).waiting == "It is down."
    clock.advance(10)  # type: ignore[attr-defined]
    assert other.pauses.active("embed") is None
    again, begun = other.pauses.begin("embed", "It is down.", lambda tries: 10 * tries)
    assert (again.tries, begun, again.since) == (2, True, pause.since)
    catalog.pauses.end("embed")
    assert other.pauses.list() == []
    assert other.runs.get(run.id).waiting is None
