"""What is down pauses a stage; documents wait, and nothing is held against them."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import FootnoteError, IndexUnavailable, ModelUnavailable, StorageUnavailable
from core.principal import AccessList
from core.telemetry import CHUNKS
from ingestion.catalog.records import RunState
from ingestion.connectors.port import Unreadable
from ingestion.tasks import recovering

DOWN = IndexUnavailable("OpenSearch at http://x does not answer. Start it.")


def fill(pipeline: Any, count: int) -> None:
    pipeline.source.documents = {f"{number}.txt": f"text {number}" for number in range(count)}


def wait_out(pipeline: Any, rounds: int) -> None:
    """Let that many delayed tasks come, as the broker would."""
    for _ in range(rounds):
        task, arguments, delay_s = pipeline.tasks.delayed.pop(0)
        pipeline.clock.advance(delay_s)
        pipeline.tasks.waiting.append((task, arguments))
        pipeline.tasks.run(pipeline.parts)


def test_documents_wait_for_an_index_that_is_down_for_long(pipeline: Any) -> None:
    fill(pipeline, 7)
    pipeline.index.error = DOWN
    run = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    wait_out(pipeline, 20)  # many more than sync.max_attempts
    catalog = pipeline.parts.catalog
    waiting = catalog.runs.get(run.id)
    assert (waiting.state, waiting.failed, waiting.waiting) == (RunState.RUNNING, 0, DOWN.message)
    [pause] = catalog.pauses.list()
    assert (pause.stage, pause.tries) == ("embed", 21)
    assert (pause.until - pipeline.clock.now()).total_seconds() <= 60
    assert len(pipeline.tasks.delayed) == 1  # one message, however long it takes
    pipeline.index.error = None
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    done = catalog.runs.get(run.id)
    assert (done.state, done.seen, done.indexed, done.waiting) == (RunState.FINISHED, 7, 7, None)
    assert catalog.pauses.list() == []


def test_an_index_that_is_down_costs_little_work(pipeline: Any) -> None:
    fill(pipeline, 4)
    pipeline.index.error = DOWN
    pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    before = sum(pipeline.embedder.batches)
    recovering.recover(pipeline.parts)  # asks for embedding, in the middle of the pause
    pipeline.tasks.run(pipeline.parts)
    assert sum(pipeline.embedder.batches) == before
    wait_out(pipeline, 3)
    assert sum(pipeline.embedder.batches) == before + 3  # one document each time


def test_recover_takes_up_what_a_lost_message_was_to_start(pipeline: Any) -> None:
    fill(pipeline, 3)
    pipeline.index.error = DOWN
    run = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    pipeline.tasks.delayed.clear()
    pipeline.index.error = None
    pipeline.clock.advance(61)
    recovering.recover(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.parts.catalog.runs.get(run.id).indexed == 3


def test_an_index_that_answers_but_refuses_a_document_is_not_down(pipeline: Any) -> None:
    fill(pipeline, 1)
    pipeline.index.error, pipeline.index.down = IndexUnavailable("It failed (500)."), False
    run = pipeline.sync()
    assert (run.state, run.failed) == (RunState.FINISHED, 1)
    [failure] = pipeline.parts.catalog.failures.list()
    assert (failure.attempts, failure.retryable) == (3, True)


@pytest.mark.parametrize("error", [StorageUnavailable("The disk is full."), ModelUnavailable("No memory.")])
def test_a_full_disk_pauses_embedding(pipeline: Any, error: FootnoteError) -> None:
    fill(pipeline, 3)
    pipeline.index.error = error
    run = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    wait_out(pipeline, 5)
    assert pipeline.parts.catalog.runs.get(run.id).waiting == error.message
    pipeline.index.error = None
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert pipeline.parts.catalog.runs.get(run.id).indexed == 3


def test_a_full_disk_pauses_parsing(pipeline: Any) -> None:
    fill(pipeline, 8)  # more than may be in flight
    pipeline.partitioner.error = StorageUnavailable("The disk is full.")
    run = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    assert len(pipeline.source.fetched) == 1  # the others need not try
    wait_out(pipeline, 6)
    waiting = pipeline.parts.catalog.runs.get(run.id)
    assert (waiting.state, waiting.failed, waiting.waiting) == (RunState.RUNNING, 0, "The disk is full.")
    pipeline.partitioner.error = None
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    recovering.recover(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    done = pipeline.parts.catalog.runs.get(run.id)
    assert (done.state, done.seen, done.indexed) == (RunState.FINISHED, 8, 8)


def test_a_listing_waits_until_permissions_can_be_written(pipeline: Any) -> None:
    fill(pipeline, 2)
    pipeline.sync()
    pipeline.source.acls = {
        "0.txt": AccessList(users=frozenset({"ann"})),
        "1.txt": AccessList(users=frozenset({"ann"})),
    }
    pipeline.source.documents["1.txt"] = "edited"
    pipeline.index.error = DOWN
    run = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    wait_out(pipeline, 5)
    assert pipeline.parts.catalog.runs.get(run.id).state == RunState.RUNNING
    pipeline.index.error = None
    pipeline.partitioner.error = StorageUnavailable("The disk is full.")  # the new text can't be read yet
    wait_out(pipeline, 2)
    assert {chunk.acl for chunk in pipeline.index.chunks.values()} == {("user:ann",)}
    pipeline.partitioner.error = None
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    done = pipeline.parts.catalog.runs.get(run.id)
    assert (done.state, done.seen, done.indexed) == (RunState.FINISHED, 2, 2)


def test_patience_ends(pipeline: Any) -> None:
    fill(pipeline, 1)
    pipeline.index.error = DOWN
    run = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    pipeline.clock.advance(pipeline.parts.settings.sync.max_pause_s)
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert pipeline.parts.catalog.runs.get(run.id).failed == 1
    pipeline.index.error = None
    assert pipeline.sync().indexed == 1


def test_a_verdict_does_not_wait_for_the_index(pipeline: Any) -> None:
    fill(pipeline, 1)
    pipeline.sync()
    pipeline.source.documents["0.txt"] = "broken"
    run = pipeline.begin()
    task, arguments = pipeline.tasks.waiting.popleft()
    from tests.unit.ingestion.tasks.fakes import TASKS

    TASKS[task](pipeline.parts, **arguments)  # listed: the permissions are in the index
    pipeline.index.error = DOWN
    pipeline.tasks.run(pipeline.parts)
    done = pipeline.parts.catalog.runs.get(run.id)
    assert (done.state, done.failed) == (RunState.FINISHED, 1)


def test_a_task_cut_short_by_the_catalog_is_not_held_against_its_document(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(pipeline, 1)
    run = pipeline.begin()
    full = StorageUnavailable("The disk of the catalog is full.")

    def refuse(*_: object, **__: object) -> None:
        raise full

    with monkeypatch.context() as broken:
        broken.setattr(pipeline.parts.catalog.outcomes, "parsed", refuse)
        broken.setattr(pipeline.parts.catalog.pauses, "begin", refuse)
        for _ in range(5):
            with pytest.raises(StorageUnavailable):
                pipeline.tasks.run(pipeline.parts)
            recovering.recover(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    done = pipeline.parts.catalog.runs.get(run.id)
    assert (done.state, done.indexed) == (RunState.FINISHED, 1)


def test_one_stored_text_that_cannot_be_read_does_not_stop_the_others(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(pipeline, 3)
    bad = pipeline.id_of("1.txt")
    get = pipeline.parts.blobs.get

    def read(key: str) -> bytes:
        if bad in key:
            raise StorageUnavailable(f"{key} can't be read: Input/output error.")
        return bytes(get(key))

    monkeypatch.setattr(pipeline.parts.blobs, "get", read)
    run = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.parts.catalog.runs.get(run.id).indexed == 2


def test_what_a_broker_forgot_is_sent_again(pipeline: Any) -> None:
    fill(pipeline, 3)
    run = pipeline.begin()
    pipeline.tasks.waiting.clear()
    pipeline.tasks.forgotten = True
    recovering.recover(pipeline.parts)
    assert ("footnote.sync", {"run_id": run.id}) in pipeline.tasks.waiting
    from ingestion.tasks import listing

    listing.sync(pipeline.parts, run.id)
    pipeline.tasks.waiting.clear()  # the broker again
    recovering.recover(pipeline.parts)
    pipeline.tasks.forgotten = False
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.parts.catalog.runs.get(run.id).indexed == 3


def test_a_document_whose_permissions_cannot_be_known_is_hidden_until_they_can(pipeline: Any) -> None:
    fill(pipeline, 2)
    pipeline.sync()
    text = pipeline.source.documents.pop("0.txt")
    pipeline.source.extra = [Unreadable("0.txt", "file:///0.txt", "0.txt.meta.yaml: unknown term 'grp:hr'.")]
    run = pipeline.sync()
    assert (run.seen, run.failed, run.unchanged) == (2, 1, 1)
    acls = {chunk.document_id: chunk.acl for chunk in pipeline.index.chunks.values()}
    assert acls[pipeline.id_of("0.txt")] == ()
    assert pipeline.document("0.txt").acl.terms() == ()
    # A retry has to look at the source again; it must not index the document with nobody as its readers.
    pipeline.clock.advance(1)
    retry = pipeline.parts.catalog.retries.begin(pipeline.record.id, 100)
    assert (retry.documents, retry.listing) == (1, True)
    pipeline.tasks.send("footnote.sync", {"run_id": retry.run.id})
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.parts.catalog.runs.get(retry.run.id).failed == 1
    pipeline.source.extra = []
    pipeline.source.documents["0.txt"] = text
    assert pipeline.sync().indexed == 1
    assert {chunk.acl for chunk in pipeline.index.chunks.values()} == {("public",)}
    assert pipeline.parts.catalog.failures.list() == []


def test_chunks_are_counted_once(pipeline: Any) -> None:
    before = CHUNKS._value.get()
    fill(pipeline, 5)
    pipeline.sync()
    assert CHUNKS._value.get() - before == len(pipeline.index.chunks) == 5
