"""From a listing to the index, and what later listings change."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from core.errors import SourceUnavailable, StorageUnavailable
from core.principal import AccessList
from ingestion.blobs import original_key, parsed_key
from ingestion.catalog.records import RunState
from ingestion.connectors.port import Delete, Unreadable, Upsert
from ingestion.parsed import ParsedDocument
from ingestion.tasks import recovering


def fill(pipeline: Any, count: int) -> None:
    for number in range(count):
        pipeline.source.documents[f"docs/{number}.txt"] = f"text of document {number}"


def test_a_source_is_ingested(pipeline: Any) -> None:
    fill(pipeline, 12)  # more than may be in flight
    run = pipeline.sync()
    assert (run.state, run.seen, run.indexed) == (RunState.FINISHED, 12, 12)
    assert len(pipeline.index.chunks) == 12
    assert pipeline.index.refreshed == 1
    record = pipeline.document("docs/3.txt")
    assert (record.state, record.title, record.media_type) == ("indexed", "3.txt", "text/plain")
    [chunk] = [chunk for chunk in pipeline.index.chunks.values() if chunk.document_id == record.id]
    assert chunk.text == "text of document 3"
    assert chunk.metadata == record.metadata
    assert chunk.acl == ("public",)
    assert chunk.uri.endswith("docs/3.txt")
    blobs = pipeline.parts.blobs
    assert blobs.get(original_key(record.id, record.content_hash)) == b"text of document 3"
    parsed = ParsedDocument.from_bytes(blobs.get(parsed_key(record.id, record.content_hash)))
    assert parsed.text[chunk.start : chunk.end] == chunk.text


def test_chunks_are_embedded_in_batches_across_documents(pipeline: Any) -> None:
    fill(pipeline, 12)
    pipeline.sync()
    assert sum(pipeline.embedder.batches) == 12
    assert len(pipeline.embedder.batches) <= 5


def test_a_second_sync_changes_nothing(pipeline: Any) -> None:
    fill(pipeline, 3)
    pipeline.sync()
    fetched, chunks = list(pipeline.source.fetched), dict(pipeline.index.chunks)
    run = pipeline.sync()
    assert (run.seen, run.unchanged, run.indexed) == (3, 3, 0)
    assert pipeline.source.fetched == fetched
    assert pipeline.index.chunks == chunks


def test_an_edit_replaces_the_old_text(pipeline: Any) -> None:
    fill(pipeline, 2)
    pipeline.sync()
    before = pipeline.document("docs/0.txt")
    pipeline.source.documents["docs/0.txt"] = "edited"
    run = pipeline.sync()
    assert (run.seen, run.unchanged, run.indexed) == (2, 1, 1)
    assert pipeline.index.texts() == ["edited", "text of document 1"]
    after = pipeline.document("docs/0.txt")
    assert after.version == before.version + 1
    assert after.content_hash != before.content_hash
    blobs = pipeline.parts.settings.data_dir / "blobs" / "documents" / after.id
    assert [path.name for path in blobs.iterdir()] == [after.content_hash]


def test_new_permissions_take_effect_without_embedding(pipeline: Any) -> None:
    fill(pipeline, 2)
    pipeline.sync()
    embedded, fetched = list(pipeline.embedder.batches), list(pipeline.source.fetched)
    pipeline.source.acls["docs/0.txt"] = AccessList(groups=frozenset({"hr"}))
    run = pipeline.sync()
    assert (run.seen, run.unchanged, run.indexed) == (2, 1, 1)
    assert {chunk.acl for chunk in pipeline.index.chunks.values()} == {("group:hr",), ("public",)}
    assert (pipeline.embedder.batches, pipeline.source.fetched) == (embedded, fetched)


def test_permissions_narrow_at_once_even_when_the_new_text_cannot_be_read(pipeline: Any) -> None:
    fill(pipeline, 1)
    pipeline.sync()
    pipeline.source.documents["docs/0.txt"] = "broken"
    pipeline.source.acls["docs/0.txt"] = AccessList(users=frozenset({"ann"}))
    run = pipeline.begin()
    pipeline.tasks.waiting.rotate(-1)
    from ingestion.tasks import listing

    listing.sync(pipeline.parts, run.id)
    assert [chunk.acl for chunk in pipeline.index.chunks.values()] == [("user:ann",)]
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.parts.catalog.runs.get(run.id).failed == 1
    assert [(chunk.text, chunk.acl) for chunk in pipeline.index.chunks.values()] == [
        ("text of document 0", ("user:ann",))
    ]
    del pipeline.source.acls["docs/0.txt"]
    pipeline.source.documents["docs/0.txt"] = "readable again"
    assert pipeline.sync().indexed == 1
    assert pipeline.index.texts() == ["readable again"]
    assert pipeline.parts.catalog.failures.list() == []


def test_what_a_source_no_longer_has_disappears(pipeline: Any) -> None:
    fill(pipeline, 3)
    pipeline.sync()
    gone = pipeline.id_of("docs/1.txt")
    del pipeline.source.documents["docs/1.txt"]
    run = pipeline.sync()
    assert (run.state, run.seen, run.unchanged, run.deleted) == (RunState.FINISHED, 3, 2, 1)
    assert pipeline.index.texts() == ["text of document 0", "text of document 2"]
    assert not (pipeline.parts.settings.data_dir / "blobs" / "documents" / gone).exists()


def test_a_listing_that_lacks_too_much_is_refused(pipeline: Any) -> None:
    fill(pipeline, 10)
    pipeline.sync()
    kept = {"docs/0.txt": pipeline.source.documents["docs/0.txt"], "new.txt": "new"}
    pipeline.source.documents = kept
    run = pipeline.sync()
    assert (run.state, run.deleted, run.indexed, run.unchanged) == (RunState.REFUSED, 0, 1, 1)
    assert "lists 1 of the 10 documents" in run.error
    assert "max_deleted_share" in run.error
    assert len(pipeline.index.chunks) == 11


def test_an_incremental_listing_deletes_only_what_it_names(pipeline: Any) -> None:
    fill(pipeline, 2)
    pipeline.sync()
    pipeline.source.complete = False
    pipeline.source.documents = {}
    pipeline.source.extra = [Delete("docs/1.txt"), Delete("never-known")]
    run = pipeline.sync()
    assert (run.seen, run.deleted) == (1, 1)
    assert pipeline.index.texts() == ["text of document 0"]


def test_an_unreadable_name_does_not_stop_the_sync(pipeline: Any) -> None:
    fill(pipeline, 1)
    pipeline.source.extra = [
        Unreadable("locked.pdf", "file:///locked.pdf", "Permission denied."),
        Upsert(
            external_id="caf\udce9.txt",
            uri="file:///caf\udce9.txt",
            revision="1",
            content_revision="1",
            size=1,
            acl=AccessList.everyone(),
        ),
    ]
    run = pipeline.sync()
    assert (run.seen, run.indexed, run.failed) == (3, 1, 2)
    messages = {failure.external_id: failure.message for failure in pipeline.parts.catalog.failures.list()}
    assert messages["locked.pdf"] == "Permission denied."
    assert "not valid Unicode" in messages[r"caf\xe9.txt"]


def test_an_empty_source_is_a_finished_run(pipeline: Any) -> None:
    run = pipeline.sync()
    assert (run.state, run.seen) == (RunState.FINISHED, 0)


def test_a_source_that_does_not_answer_is_tried_again_then_reported(pipeline: Any) -> None:
    sync = pipeline.parts.settings.sync.model_copy(update={"max_pause_s": 60})
    pipeline.parts.settings = pipeline.parts.settings.model_copy(update={"sync": sync})
    pipeline.source.error = SourceUnavailable("The share is offline: mount it.")
    run = pipeline.sync()
    assert (run.state, run.error) == (RunState.FAILED, "The share is offline: mount it.")
    assert pipeline.parts.catalog.runs.attempts(run.id) == 3
    pipeline.source.error = None
    fill(pipeline, 1)
    assert pipeline.sync().indexed == 1


def test_a_deleted_source_takes_its_documents_along(pipeline: Any) -> None:
    fill(pipeline, 3)
    pipeline.sync()
    pipeline.parts.catalog.sources.begin_delete(pipeline.record.id)
    recovering.recover(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.index.chunks == {}
    assert pipeline.parts.catalog.documents.totals() == {}
    assert not list((pipeline.parts.settings.data_dir / "blobs" / "documents").iterdir())


def test_the_schedule_starts_what_is_due_once(pipeline: Any) -> None:
    fill(pipeline, 1)
    recovering.sync_due(pipeline.parts)
    recovering.sync_due(pipeline.parts)
    assert [name for name, _ in pipeline.tasks.waiting] == ["footnote.sync"]
    pipeline.tasks.run(pipeline.parts)
    assert len(pipeline.index.chunks) == 1
    pipeline.clock.advance(60)
    recovering.sync_due(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    assert [run.unchanged for run in pipeline.parts.catalog.runs.list(pipeline.record.id)] == [1, 0]


def test_a_run_is_finished_once_what_it_wrote_can_be_found(pipeline: Any) -> None:
    fill(pipeline, 3)
    states: list[RunState] = []
    run = pipeline.begin()
    pipeline.index.at_refresh = lambda: states.append(pipeline.parts.catalog.runs.get(run.id).state)
    pipeline.tasks.run(pipeline.parts)
    assert states == [RunState.RUNNING]
    assert pipeline.parts.catalog.runs.get(run.id).state is RunState.FINISHED


def test_a_sync_asked_for_during_a_listing_follows_it(pipeline: Any) -> None:
    fill(pipeline, 2)
    catalog, asked = pipeline.parts.catalog, []

    class Slow(dict[str, str]):
        """Documents during whose listing one is revoked, and a sync asked for, three times."""

        def items(self) -> Any:
            yield from list(super().items())
            if not asked:
                pipeline.source.acls["docs/0.txt"] = AccessList(users=frozenset({"ann"}))
                asked.extend(catalog.runs.begin(pipeline.record.id, 100)[0] for _ in range(3))

    pipeline.source.documents = Slow(pipeline.source.documents)
    run = pipeline.sync()
    assert run.indexed == 1
    assert {one.state for one in asked} == {RunState.QUEUED}
    [follow_up] = {one.id for one in asked}
    assert (catalog.runs.get(follow_up).state, catalog.runs.get(follow_up).seen) == (RunState.FINISHED, 2)
    assert pipeline.document("docs/0.txt").acl == AccessList(users=frozenset({"ann"}))
    assert len(catalog.runs.list(pipeline.record.id)) == 2


def test_a_source_is_listed_while_documents_of_it_wait(pipeline: Any) -> None:
    fill(pipeline, 2)
    pipeline.sync()
    fill(pipeline, 9)
    pipeline.partitioner.error = StorageUnavailable("The disk is full.")
    backfill = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    pipeline.clock.advance(60)
    pipeline.source.acls["docs/0.txt"] = AccessList(users=frozenset({"ann"}))
    del pipeline.source.documents["docs/1.txt"]
    recovering.sync_due(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    assert [chunk.acl for chunk in pipeline.index.chunks.values()] == [("user:ann",)]
    pipeline.partitioner.error = None
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    later, first, _ = pipeline.parts.catalog.runs.list(pipeline.record.id)
    assert (first.id, first.state, first.seen, first.unchanged, first.indexed) == (
        (backfill.id, RunState.FINISHED, 9, 2, 7)
    )
    counts = (later.state, later.seen, later.unchanged, later.indexed, later.deleted)
    assert counts == (RunState.FINISHED, 9, 7, 1, 1)


def test_a_nearly_full_disk_is_left_to_permissions(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(pipeline, 1)
    pipeline.sync()
    usage = shutil.disk_usage(pipeline.parts.settings.data_dir)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
        fill(pipeline, 3)
        pipeline.source.acls["docs/0.txt"] = AccessList(users=frozenset({"ann"}))
        run = pipeline.begin()
        pipeline.tasks.run(pipeline.parts)
        assert [chunk.acl for chunk in pipeline.index.chunks.values()] == [("user:ann",)]
        waiting = pipeline.parts.catalog.runs.get(run.id)
        assert (waiting.state, waiting.indexed) == (RunState.RUNNING, 1)
        assert "kept for permissions" in str(waiting.waiting)
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert pipeline.parts.catalog.runs.get(run.id).indexed == 3


def test_permissions_that_the_index_refuses_take_the_document_out(pipeline: Any) -> None:
    fill(pipeline, 3)
    pipeline.sync()
    for number in range(2):
        pipeline.source.acls[f"docs/{number}.txt"] = AccessList(users=frozenset({"ann"}))
    pipeline.index.refused = {pipeline.id_of("docs/0.txt")}
    run = pipeline.sync()
    assert (run.seen, run.unchanged, run.indexed, run.failed) == (3, 1, 1, 1)
    assert {chunk.document_id: chunk.acl for chunk in pipeline.index.chunks.values()} == {
        pipeline.id_of("docs/1.txt"): ("user:ann",),
        pipeline.id_of("docs/2.txt"): ("public",),
    }
    [failure] = pipeline.parts.catalog.failures.list()
    assert "taken out" in failure.message
    pipeline.index.refused = set()
    assert pipeline.sync().indexed == 1  # the next sync tries again


@pytest.mark.parametrize("task", ["footnote.parse", "footnote.sync", "footnote.embed"])
def test_every_task_may_run_twice(pipeline: Any, task: str) -> None:
    fill(pipeline, 6)
    run = pipeline.begin()
    from tests.unit.ingestion.tasks.fakes import TASKS

    while pipeline.tasks.waiting:
        name, arguments = pipeline.tasks.waiting.popleft()
        for _ in range(2 if name == task else 1):
            TASKS[name](pipeline.parts, **arguments)
    done = pipeline.parts.catalog.runs.get(run.id)
    assert (done.state, done.seen, done.indexed) == (RunState.FINISHED, 6, 6)
    assert len(pipeline.index.chunks) == 6
