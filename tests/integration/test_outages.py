"""What the pipeline needs goes away in mid-ingest, and comes back: nothing is lost, nothing is indexed twice."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.opensearch.node import Node
from ingestion.broker import TaskQueue, create_celery
from ingestion.catalog.records import RunState
from tests.integration.stacks import Stack, started, until


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that isn't started yet, and has the same port each time it is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    node = Node(tmp_path / "node", http_port=port)
    yield node
    node.stop()


@pytest.fixture
def on_opensearch(home: Path, node: Node) -> Iterator[Stack]:
    # Small batches, so that there is a middle to be interrupted.
    opensearch = {"url": node.url, "timeout_s": 5}
    with started(home, index={"kind": "opensearch", "opensearch": opensearch}, sync={"embed_chunks": 4}) as stack:
        yield stack


def test_documents_wait_for_an_opensearch_that_is_down(on_opensearch: Stack, node: Node) -> None:
    on_opensearch.write_rules(range(10))
    source = on_opensearch.add_source()
    run = on_opensearch.ingestion.sync(source.id)
    pauses = on_opensearch.ingestion.catalog.pauses
    # Down at the start.
    waiting = on_opensearch.wait(run, lambda now: now.waiting is not None, "a word on why it waits")
    assert waiting.waiting is not None
    assert "OpenSearch does not answer" in waiting.waiting
    assert "footnote opensearch start" in waiting.waiting
    until(lambda: any(pause.tries > 4 for pause in pauses.list()), "more tries than a document has attempts")
    assert on_opensearch.state(run).state is RunState.RUNNING
    assert on_opensearch.ingestion.catalog.failures.list() == []
    node.start(timeout_s=120)
    done = on_opensearch.finish(run)
    assert (done.state, done.seen, done.indexed, done.waiting) == (RunState.FINISHED, 10, 10, None)
    # Down in mid-ingest.
    on_opensearch.write_rules(range(10, 60))
    run = on_opensearch.ingestion.sync(source.id)
    on_opensearch.wait(run, lambda now: now.indexed > 0, "the first documents")
    node.stop()
    on_opensearch.wait(run, lambda now: now.waiting is not None, "a word on why it waits")
    until(lambda: any(pause.tries > 4 for pause in pauses.list()), "more tries than a document has attempts")
    halfway = on_opensearch.state(run)
    assert (halfway.state, halfway.failed) == (RunState.RUNNING, 0)
    assert halfway.indexed < 50
    node.start(timeout_s=120)
    done = on_opensearch.finish(run)
    assert (done.state, done.unchanged, done.indexed, done.failed) == (RunState.FINISHED, 10, 50, 0)
    on_opensearch.assert_indexed_once(60)
    assert on_opensearch.found("topic42") == ["42.md"]
    assert pauses.list() == []


def test_a_broker_that_dies_with_its_data_is_told_again(running: Stack) -> None:
    running.write_rules(range(80))
    run = running.ingestion.sync(running.add_source().id)
    running.wait(run, lambda now: now.seen == 80, "the listing")
    until(lambda: running.ingestion.catalog.documents.totals().get("queued", 0) > 20, "messages in the queues")
    running.stop_broker(signal.SIGKILL)
    running.start_broker()
    done = running.finish(run)
    assert (done.state, done.seen, done.indexed) == (RunState.FINISHED, 80, 80)
    running.assert_indexed_once(80)


def test_every_task_delivered_twice_at_once_has_one_effect(running: Stack) -> None:
    """As after a visibility timeout that was too short: the same messages, to threads that run them side by side."""
    running.write_rules(range(40))
    source = running.add_source()
    queue = TaskQueue(create_celery(lambda: running.settings))
    run = running.ingestion.sync(source.id)
    for _ in range(3):
        queue.send("footnote.sync", {"run_id": run.id})
    running.wait(run, lambda now: now.seen > 0, "the listing")
    for record in running.ingestion.catalog.documents.list(source.id):
        for _ in range(2):
            queue.send("footnote.parse", {"document_id": record.id, "version": record.version})
    for _ in range(6):
        queue.send("footnote.embed")
    done = running.finish(run)
    assert (done.state, done.seen, done.indexed) == (RunState.FINISHED, 40, 40)
    running.assert_indexed_once(40)
    assert {record.version for record in running.ingestion.catalog.documents.list(source.id)} == {1}


def test_a_worker_killed_twice_loses_nothing(running: Stack) -> None:
    running.write_rules(range(60))
    run = running.ingestion.sync(running.add_source().id)
    totals = running.ingestion.catalog.documents.totals
    for some in (3, 20):
        until(lambda at_least=some: totals().get("parsed", 0) + totals().get("indexed", 0) > at_least, "some progress")
        running.kill_worker()
        assert running.state(run).finished_at is None
        running.start_worker()
    done = running.finish(run)
    assert (done.state, done.seen, done.indexed) == (RunState.FINISHED, 60, 60)
    assert running.found("topic17") == ["17.md"]
    running.assert_indexed_once(60)
