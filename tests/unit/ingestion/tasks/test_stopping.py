"""Cancelling a run, and letting a source rest: nothing is lost, counts add up, revocations still go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import Conflict
from core.principal import AccessList
from ingestion.catalog.records import Run, RunState
from ingestion.connectors.port import Cursor, Known, Page
from ingestion.tasks import recovering

ANN = AccessList(users=frozenset({"ann"}))


def fill(pipeline: Any, count: int) -> None:
    pipeline.source.documents = {f"{number:03}.txt": f"text {number}" for number in range(count)}


def adds_up(run: Run) -> bool:
    return run.seen == run.unchanged + run.indexed + run.failed + run.deleted + run.superseded


def work(pipeline: Any, *names: str, most: int = 10_000) -> None:
    """Run the tasks of these names that wait, and leave the others."""
    for _ in range(len(pipeline.tasks.waiting)):
        task, arguments = pipeline.tasks.waiting.popleft()
        if task in names and most > 0:
            most -= 1
            from tests.unit.ingestion.tasks.fakes import TASKS

            TASKS[task](pipeline.parts, **arguments)
        else:
            pipeline.tasks.waiting.append((task, arguments))


def between_pages(pipeline: Any, act: Any) -> None:
    """Have the listing come in three pages, with something done while the second is being read."""
    once = [act]

    def changes(cursor: Cursor, known: Known) -> Iterator[Page]:
        said = [change for change in pipeline.source._changes() if change.external_id > cursor.get("after", "")]
        for start in range(0, len(said), 2):
            if start == 2 and once:
                once.pop()()
            page = said[start : start + 2]
            last = start + 2 >= len(said)
            yield Page(changes=page, cursor={} if last else {"after": page[-1].external_id}, complete=last)

    pipeline.source.changes = changes


def test_a_cancelled_run_leaves_what_it_has_not_begun(pipeline: Any) -> None:
    fill(pipeline, 12)  # five of them may be in flight
    run = pipeline.begin()
    work(pipeline, "footnote.sync")
    work(pipeline, "footnote.parse", most=2)
    catalog = pipeline.parts.catalog
    [cancelled] = catalog.stopping.cancel(pipeline.record.id)
    assert (cancelled.id, cancelled.state, cancelled.finished_at) == (run.id, RunState.CANCELLED, None)
    pipeline.tasks.run(pipeline.parts)  # with messages of documents that were taken back
    recovering.recover(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    done = catalog.runs.get(run.id)
    assert (done.state, done.seen, done.indexed, done.superseded) == (RunState.CANCELLED, 12, 2, 10)
    assert adds_up(done)
    assert catalog.documents.totals() == {"indexed": 2, "pending": 10}
    following = pipeline.sync()
    assert (following.state, following.seen, following.unchanged, following.indexed) == (RunState.FINISHED, 12, 2, 10)
    assert len(pipeline.index.chunks) == 12


def test_what_a_cancelled_run_left_goes_on_though_the_next_listing_does_not_name_it(pipeline: Any) -> None:
    fill(pipeline, 3)
    pipeline.begin()
    work(pipeline, "footnote.sync")
    pipeline.parts.catalog.stopping.cancel(pipeline.record.id)
    pipeline.source.documents_then, pipeline.source.documents = pipeline.source.documents, {}
    pipeline.source.complete = False
    pipeline.source.fetch = lambda name, into: into.write(pipeline.source.documents_then[name].encode()) and None
    pipeline.sync()
    assert len(pipeline.index.chunks) == 3


def test_a_listing_stops_at_its_next_page(pipeline: Any) -> None:
    fill(pipeline, 6)
    catalog = pipeline.parts.catalog
    between_pages(pipeline, lambda: catalog.stopping.cancel(pipeline.record.id))
    run = pipeline.begin()
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    done = catalog.runs.get(run.id)
    assert (done.state, done.seen, done.indexed, done.superseded) == (RunState.CANCELLED, 2, 0, 2)
    assert pipeline.sync().indexed == 6


def test_a_queued_sync_is_cancelled_too(pipeline: Any) -> None:
    fill(pipeline, 6)
    catalog, queued = pipeline.parts.catalog, []

    def act() -> None:
        queued.append(catalog.runs.begin(pipeline.record.id, 100)[0])
        assert queued[0].state is RunState.QUEUED
        assert len(catalog.stopping.cancel(pipeline.record.id)) == 2

    between_pages(pipeline, act)
    pipeline.begin()
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert [run.state for run in catalog.runs.list(pipeline.record.id)] == [RunState.CANCELLED] * 2
    assert pipeline.index.chunks == {}


def test_a_listing_of_a_dead_worker_can_be_cancelled(pipeline: Any) -> None:
    fill(pipeline, 2)
    run = pipeline.begin()
    catalog = pipeline.parts.catalog
    assert catalog.runs.claim(run.id, "gone:1", 100) is not None
    catalog.stopping.cancel(pipeline.record.id)
    assert catalog.runs.begin(pipeline.record.id, 100)[0].state is RunState.QUEUED  # its last page may be on its way
    pipeline.clock.advance(101)
    recovering.recover(pipeline.parts)
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert {one.state for one in catalog.runs.list(pipeline.record.id)} == {RunState.CANCELLED, RunState.FINISHED}
    assert len(pipeline.index.chunks) == 2


def test_revocations_that_are_known_go_though_the_run_is_cancelled(pipeline: Any) -> None:
    from core.errors import IndexUnavailable

    fill(pipeline, 2)
    pipeline.sync()
    pipeline.source.acls["000.txt"] = ANN
    pipeline.source.documents["002.txt"] = "new"
    pipeline.index.error = IndexUnavailable("It is down.")
    run = pipeline.begin()
    work(pipeline, "footnote.sync")
    catalog = pipeline.parts.catalog
    catalog.stopping.cancel(pipeline.record.id)
    pipeline.tasks.run(pipeline.parts)
    recovering.recover(pipeline.parts)
    assert catalog.runs.get(run.id).finished_at is None  # the index has yet to hear of it
    pipeline.index.error = None
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert sorted(chunk.acl for chunk in pipeline.index.chunks.values()) == [("public",), ("user:ann",)]
    done = catalog.runs.get(run.id)
    assert (done.state, done.indexed, done.unchanged, done.superseded) == (RunState.CANCELLED, 1, 1, 1)


def test_nothing_to_cancel_is_nothing_done(pipeline: Any) -> None:
    assert pipeline.parts.catalog.stopping.cancel(pipeline.record.id) == []
    fill(pipeline, 1)
    assert pipeline.sync().indexed == 1


def test_failures_that_are_tried_again_do_not_wait_for_a_sync(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "broken", "b.txt": "text"}
    pipeline.sync()
    pipeline.source.documents["c.txt"] = "more"
    pipeline.begin()
    work(pipeline, "footnote.sync")
    catalog = pipeline.parts.catalog
    catalog.stopping.cancel(pipeline.record.id)
    pipeline.tasks.run(pipeline.parts)
    assert catalog.queue.sources_with_pending() == []
    pipeline.source.documents["a.txt"] = "mended"
    assert catalog.retries.begin(pipeline.record.id, 100).documents == 1
    pipeline.tasks.send("footnote.dispatch", {"source_id": pipeline.record.id})
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert pipeline.index.texts() == ["mended", "more", "text"]


def test_a_paused_source_rests_and_goes_on_where_it_was(pipeline: Any) -> None:
    fill(pipeline, 8)
    run = pipeline.begin()
    work(pipeline, "footnote.sync")
    catalog = pipeline.parts.catalog
    assert catalog.stopping.pause(pipeline.record.id)
    assert not catalog.stopping.pause(pipeline.record.id)
    pipeline.tasks.run(pipeline.parts)
    recovering.recover(pipeline.parts)
    pipeline.clock.advance(1000)
    recovering.sync_due(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.source.fetched == []
    waiting = catalog.runs.get(run.id)
    assert (waiting.state, waiting.open, waiting.waiting) == (RunState.RUNNING, 8, "The source is paused.")
    with pytest.raises(Conflict, match="footnote sources resume source"):
        catalog.runs.begin(pipeline.record.id, 100)
    with pytest.raises(Conflict, match="paused"):
        catalog.runs.begin_plan(pipeline.record.id, 100)
    assert catalog.stopping.resume(pipeline.record.id) == []
    pipeline.tasks.send("footnote.dispatch", {"source_id": pipeline.record.id})
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert catalog.runs.get(run.id).indexed == 8


def test_a_listing_that_is_paused_goes_on_behind_its_last_page(pipeline: Any) -> None:
    fill(pipeline, 6)
    catalog, source_id = pipeline.parts.catalog, pipeline.record.id
    between_pages(pipeline, lambda: catalog.stopping.pause(source_id))
    run = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    assert catalog.runs.get(run.id).seen == 2
    pipeline.clock.advance(1000)
    recovering.recover(pipeline.parts)  # finds nobody at it, and leaves it
    pipeline.tasks.run(pipeline.parts)
    assert catalog.runs.get(run.id).seen == 2
    assert catalog.stopping.resume(source_id) == [run.id]
    pipeline.tasks.send("footnote.sync", {"run_id": run.id})
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    done = catalog.runs.get(run.id)
    assert (done.state, done.seen, done.indexed) == (RunState.FINISHED, 6, 6)


def test_a_paused_source_still_takes_out_what_is_gone(pipeline: Any) -> None:
    from core.errors import IndexUnavailable

    fill(pipeline, 3)
    pipeline.sync()
    del pipeline.source.documents["001.txt"]
    pipeline.index.error = IndexUnavailable("It is down.")
    pipeline.begin()
    work(pipeline, "footnote.sync")
    pipeline.parts.catalog.stopping.pause(pipeline.record.id)
    pipeline.index.error = None
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert pipeline.index.texts() == ["text 0", "text 2"]
