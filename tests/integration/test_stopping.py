"""Looking before a sync, letting a source rest, and cancelling, with real processes and a real queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import Conflict
from ingestion.catalog.records import RunState
from tests.integration.stacks import Stack, started, until

MANY, IN_FLIGHT = 60, 10


@pytest.fixture
def running(home: Path) -> Iterator[Stack]:
    """Processes whose queues hold a few documents only."""
    with started(home, sync={"in_flight": IN_FLIGHT}) as stack:
        yield stack


def test_a_dry_run_tells_what_a_sync_then_does(running: Stack) -> None:
    running.write("travel.md", "# Travel\n\nTrains are booked through the travel desk.")
    running.write("leave.md", "# Leave\n\nEmployees have thirty days of vacation.")
    running.write("old.md", "# Old\n\nTypewriters are in the cellar.")
    source = running.add_source()
    run = running.wait(running.ingestion.plan(source.id), lambda now: now.finished_at is not None, "the dry run")
    assert run.state is RunState.PLANNED
    assert run.plan is not None
    assert (run.plan["new"]["count"], sorted(run.plan["new"]["first"])) == (3, ["leave.md", "old.md", "travel.md"])
    assert running.ingestion.catalog.documents.totals() == {}
    running.sync(source)
    running.write("travel.md", "# Travel\n\nFlights are booked through the travel desk.")
    running.write("leave.md.meta.yaml", "acl: ['group:hr']\n")
    (running.folder / "old.md").unlink()
    run = running.wait(running.ingestion.plan(source.id), lambda now: now.finished_at is not None, "the dry run")
    assert run.plan is not None
    told = {kind: run.plan[kind]["first"] for kind in ("new", "changed", "permissions", "deleted")}
    assert told == {"new": [], "changed": ["travel.md"], "permissions": ["leave.md"], "deleted": ["old.md"]}
    assert (running.found("trains"), running.found("typewriters")) == (["travel.md"], ["old.md"])
    done = running.sync(source)
    assert (done.indexed, done.deleted) == (2, 1)


def test_a_paused_source_goes_on_where_it_was(running: Stack) -> None:
    running.write_rules(range(MANY))
    source = running.add_source()
    run = running.ingestion.sync(source.id)
    running.wait(run, lambda now: now.indexed > 0, "the first documents")
    running.ingestion.pause_source(source.id)
    with pytest.raises(Conflict, match="is paused"):
        running.ingestion.sync(source.id)
    # What had begun comes to its end, and nothing follows.
    until(lambda: not {"queued", "parsed"} & running.ingestion.catalog.documents.totals().keys(), "quiet")
    paused = running.state(run)
    assert (paused.state, paused.finished_at) == (RunState.RUNNING, None)
    assert paused.indexed < MANY
    running.ingestion.resume_source(source.id)
    done = running.finish(run)
    assert (done.state, done.seen, done.indexed) == (RunState.FINISHED, MANY, MANY)
    running.assert_indexed_once(MANY)


def test_a_cancelled_sync_leaves_the_rest_to_the_next(running: Stack) -> None:
    running.write_rules(range(MANY))
    source = running.add_source()
    run = running.ingestion.sync(source.id)
    running.wait(run, lambda now: now.indexed > 0, "the first documents")
    assert [one.id for one in running.ingestion.cancel(source.id)] == [run.id]
    cancelled = running.finish(run)
    assert cancelled.state is RunState.CANCELLED
    assert 0 < cancelled.indexed < MANY
    done = running.sync(source)
    assert (done.state, done.seen) == (RunState.FINISHED, MANY)
    running.assert_indexed_once(MANY)
