"""Versions of the parser, and what failed with an older one, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import update

from core.principal import AccessList
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.records import Run, Source
from ingestion.catalog.tables import FAILURES
from ingestion.connectors.port import Unreadable, Upsert

LEASE = 100.0


def upsert(name: str) -> Upsert:
    return Upsert(external_id=name, uri=name, revision="1", content_revision="1", size=1, acl=AccessList.everyone())


def sync(catalog: Catalog, source: Source, parser: int, *names: str, broken: tuple[str, ...] = ()) -> Run:
    """A run that lists these documents and reads what is to be read, all but the broken ones."""
    run, _ = catalog.runs.begin(source.id, LEASE)
    assert catalog.runs.claim(run.id, "lister", LEASE)
    catalog.intake.apply(run.id, source.id, [upsert(name) for name in names], parser=parser)
    assert catalog.runs.end_listing(run.id, "lister")
    for ticket in catalog.queue.take_pending(source.id, 100, LEASE):
        work = catalog.queue.claim_for_parsing(ticket, "w", LEASE)
        assert work is not None
        if work.record.external_id in broken:
            why = {"error_class": "UnreadableDocument", "message": "It is broken.", "retryable": False}
            assert catalog.outcomes.failed(work, "w", stage="parse", parser=parser, **why)  # type: ignore[arg-type]
        else:
            read = {"content_hash": "h" * 64, "chunks": 1, "media_type": "text/plain", "name": "a"}
            assert catalog.outcomes.parsed(work, "w", own=work.own_metadata, **read)  # type: ignore[arg-type]
    for work in catalog.queue.claim_for_embedding("w", 100, LEASE):
        catalog.outcomes.indexed("w", [work.record.id])
    [done] = catalog.runs.finish_done()
    assert done.seen == done.unchanged + done.indexed + done.failed + done.deleted
    return done


def a_source(catalog: Catalog) -> Source:
    return catalog.sources.create(kind="folder", name="Handbook", config={}, interval_s=60)


def test_a_version_keeps_its_number(catalog: Catalog, open_more: Callable[[], Catalog]) -> None:
    first = catalog.parsers.number("pdf 1")
    second = catalog.parsers.number("pdf 2")
    assert first != second
    other = open_more().parsers
    assert (other.number("pdf 2"), other.number("pdf 1")) == (second, first)


def test_processes_that_see_a_version_first_together_agree(catalog: Catalog, open_more: Callable[[], Catalog]) -> None:
    stores = [catalog.parsers, *(open_more().parsers for _ in range(3))]
    ready = threading.Barrier(len(stores))
    found: list[int] = []

    def number(store: object) -> None:
        ready.wait(60)
        found.append(store.number("pdf 1"))  # type: ignore[attr-defined]

    threads = [threading.Thread(target=number, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == len(stores)
    assert len(set(found)) == 1


def test_another_parser_tries_once_what_one_could_not_read(catalog: Catalog) -> None:
    source = a_source(catalog)
    first = sync(catalog, source, 1, "good", "bad", broken=("bad",))
    assert (first.indexed, first.failed, first.retried) == (1, 1, 0)
    same = sync(catalog, source, 1, "good", "bad", broken=("bad",))
    assert (same.unchanged, same.failed, same.retried) == (1, 1, 0)
    newer = sync(catalog, source, 2, "good", "bad", broken=("bad",))
    assert (newer.unchanged, newer.failed, newer.retried) == (1, 1, 1)
    [failure] = catalog.failures.list(source.id)
    assert (failure.parser, failure.first_seen <= failure.last_seen) == (2, True)
    again = sync(catalog, source, 2, "good", "bad", broken=("bad",))
    assert (again.failed, again.retried) == (1, 0)
    able = sync(catalog, source, 3, "good", "bad")
    assert (able.unchanged, able.indexed, able.failed, able.retried) == (1, 1, 0, 1)
    assert catalog.failures.list(source.id) == []
    assert sync(catalog, source, 3, "good", "bad").retried == 0


def test_what_a_program_lost_and_found_again_can_read_is_tried_again(catalog: Catalog) -> None:
    source = a_source(catalog)
    sync(catalog, source, 1, "good")
    assert sync(catalog, source, 2, "good", "new.rtf", broken=("new.rtf",)).failed == 1
    found = sync(catalog, source, 1, "good", "new.rtf")
    assert (found.indexed, found.failed, found.retried) == (1, 0, 1)


def test_readers_that_differ_from_listers_do_not_get_a_document_for_ever(catalog: Catalog) -> None:
    source = a_source(catalog)
    sync(catalog, source, 2, "bad", broken=("bad",))
    retried = []
    for _ in range(3):
        run, _ = catalog.runs.begin(source.id, LEASE)
        assert catalog.runs.claim(run.id, "lister", LEASE)
        catalog.intake.apply(run.id, source.id, [upsert("bad")], parser=3)
        assert catalog.runs.end_listing(run.id, "lister")
        for ticket in catalog.queue.take_pending(source.id, 100, LEASE):
            work = catalog.queue.claim_for_parsing(ticket, "w", LEASE)
            assert work is not None
            why = {"error_class": "UnreadableDocument", "message": "It is broken.", "retryable": False}
            assert catalog.outcomes.failed(work, "w", stage="parse", parser=1, **why)  # type: ignore[arg-type]
        retried += [done.retried for done in catalog.runs.finish_done()]
    assert retried == [1, 0, 0]
    assert catalog.failures.list()[0].parser == 3


def test_failures_from_before_parsers_were_known_are_tried_again(catalog: Catalog) -> None:
    source = a_source(catalog)
    sync(catalog, source, 1, "bad", broken=("bad",))
    with catalog.database.write() as connection:
        connection.execute(update(FAILURES).values(parser=None))
    assert sync(catalog, source, 1, "bad", broken=("bad",)).retried == 1
    assert sync(catalog, source, 1, "bad", broken=("bad",)).retried == 0


def test_what_no_parser_can_help_is_left_alone(catalog: Catalog) -> None:
    source = a_source(catalog)
    unknown = Unreadable("a.pdf", "a.pdf", "its sidecar is not YAML")
    for parser in (1, 2):
        run, _ = catalog.runs.begin(source.id, LEASE)
        assert catalog.runs.claim(run.id, "lister", LEASE)
        catalog.intake.apply(run.id, source.id, [unknown], parser=parser)
        assert catalog.outcomes.retry_failed(source.id, run.id, parser=parser) == 0
        assert catalog.runs.end_listing(run.id, "lister")
        [done] = catalog.runs.finish_done()
        assert (done.seen, done.failed, done.retried) == (1, 1, 0)


def test_a_listing_of_changes_alone_tries_them_too(catalog: Catalog) -> None:
    source = a_source(catalog)
    sync(catalog, source, 1, "bad", broken=("bad",))
    for parser, tried in ((1, 0), (2, 1), (2, 0)):
        run, _ = catalog.runs.begin(source.id, LEASE)
        assert catalog.runs.claim(run.id, "lister", LEASE)
        assert catalog.outcomes.retry_failed(source.id, run.id, parser=parser) == tried
        assert catalog.runs.end_listing(run.id, "lister")
        for ticket in catalog.queue.take_pending(source.id, 100, LEASE):
            work = catalog.queue.claim_for_parsing(ticket, "w", LEASE)
            assert work is not None
            why = {"error_class": "UnreadableDocument", "message": "It is broken.", "retryable": False}
            assert catalog.outcomes.failed(work, "w", stage="parse", parser=parser, **why)  # type: ignore[arg-type]
        [done] = catalog.runs.finish_done()
        assert (done.seen, done.failed, done.retried) == (tried, tried, tried)
