"""The whole path with nothing faked: a folder, a real Valkey, a real Celery worker, the embedded index, the model."""

from __future__ import annotations

import pytest

from core.errors import BrokerUnavailable
from ingestion.catalog.records import RunState
from tests.integration.stacks import Stack, until


def test_a_folder_is_kept_in_sync(running: Stack) -> None:
    running.write("travel.md", "# Travel\n\nTrains are booked through the travel desk.")
    running.write("hr/leave.md", "# Leave\n\nEmployees have thirty days of vacation.")
    running.write("broken.pdf", "%PDF-1.7\nthe rest of it is lost")
    source = running.add_source()
    run = running.sync(source)
    assert (run.state, run.seen, run.indexed, run.failed) == (RunState.FINISHED, 3, 2, 1)
    [failure] = running.ingestion.catalog.failures.list(source.id)
    assert (failure.external_id, failure.stage) == ("broken.pdf", "parse")
    assert running.found("vacation") == ["hr/leave.md"]

    again = running.sync(source)
    assert (again.seen, again.unchanged, again.failed, again.indexed) == (3, 2, 1, 0)

    running.write("travel.md", "# Travel\n\nFlights are booked through the travel desk.")
    running.write("hr/_folder.meta.yaml", "acl: ['group:hr']\n")
    (running.folder / "broken.pdf").unlink()
    run = running.sync(source)
    assert (run.seen, run.indexed, run.deleted, run.failed) == (3, 2, 1, 0)
    assert (running.found("flights"), running.found("trains")) == (["travel.md"], [])
    assert running.found("vacation") == []
    assert running.found("vacation", "group:hr") == ["hr/leave.md"]
    assert running.ingestion.catalog.failures.list() == []

    (running.folder / "travel.md").unlink()
    assert running.sync(source).deleted == 1
    assert running.found("flights") == []

    running.ingestion.delete_source(source.id)
    until(lambda: running.ingestion.catalog.documents.totals() == {}, "the purge")
    assert running.found("vacation", "group:hr") == []


def test_a_failure_can_be_retried(running: Stack) -> None:
    running.write("a.pdf", "%PDF-1.7\nthe rest of it is lost")
    source = running.add_source()
    assert running.sync(source).failed == 1
    assert running.ingestion.retry_failures() == 1
    [retry, _] = running.ingestion.catalog.runs.list(source.id)
    assert running.finish(retry).failed == 1


def test_a_broker_that_is_down_is_named_and_a_later_sync_works(stack: Stack) -> None:
    stack.write("a.md", "# A\n\nSome words.")
    source = stack.add_source()
    with pytest.raises(BrokerUnavailable, match="broker"):
        stack.ingestion.sync(source.id)
    assert [run.state for run in stack.ingestion.catalog.runs.list(source.id)] == [RunState.FAILED]
    stack.start_broker()
    stack.start_worker()
    assert stack.sync(source).indexed == 1
