"""Failures, crashes, and tasks that come late."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from core.errors import BrokerUnavailable, IndexUnavailable, SourceUnavailable
from core.principal import AccessList
from core.settings import SyncSettings
from ingestion.catalog import tallies
from ingestion.catalog.records import RunState
from ingestion.catalog.tables import TallyRow
from ingestion.tasks import embedding, listing, parsing, recovering
from ingestion.tasks.failing import backoff_s, log_unexpected
from retrieval.index.port import DocumentUpdate
from tests.secretive_source import SecretiveConfig


def test_a_broken_document_is_recorded_and_the_rest_goes_on(pipeline: Any) -> None:
    pipeline.source.documents = {"good.txt": "good", "bad.txt": "broken"}
    run = pipeline.sync()
    assert (run.state, run.seen, run.indexed, run.failed) == (RunState.FINISHED, 2, 1, 1)
    [failure] = pipeline.parts.catalog.failures.list()
    assert (failure.external_id, failure.stage, failure.error_class) == ("bad.txt", "parse", "UnreadableDocument")
    assert (failure.message, failure.retryable, failure.attempts) == ("bad.txt is corrupt.", False, 1)
    assert pipeline.sync().failed == 1  # still counted, not parsed again
    assert pipeline.source.fetched.count("bad.txt") == 1


def test_a_document_without_text_is_recorded(pipeline: Any) -> None:
    pipeline.source.documents = {"blank.txt": " "}
    assert pipeline.sync().failed == 1
    assert pipeline.parts.catalog.failures.list()[0].error_class == "EmptyDocument"


def test_what_may_pass_is_tried_again_then_becomes_a_dead_letter(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "text"}
    pipeline.partitioner.error = SourceUnavailable("The share is offline: mount it.")
    run = pipeline.sync()
    assert (run.state, run.failed) == (RunState.FINISHED, 1)
    [failure] = pipeline.parts.catalog.failures.list()
    assert (failure.retryable, failure.attempts, failure.message) == (True, 3, "The share is offline: mount it.")
    pipeline.partitioner.error = None
    run = pipeline.sync()  # the next sync picks dead letters up by itself
    assert (run.indexed, run.failed) == (1, 0)
    assert pipeline.parts.catalog.failures.list() == []


def test_the_log_tells_of_the_unforeseen_without_the_secrets_of_its_source(pipeline: Any) -> None:
    config = {"base_url": "https://wiki.example.com", "token": "right-token"}
    parts, record = pipeline.parts, pipeline.record
    parts.catalog.sources.update(
        record.id, config=parts.secrets.seal(config, SecretiveConfig.model_validate(config), record.id)
    )
    pipeline.source.error = RuntimeError("https://wiki.example.com/?token=right-token isn't there")
    with capture_logs() as logs:
        run = pipeline.sync()
    assert run.state is RunState.FAILED
    told = [line for line in logs if line["event"] == "sync.unexpected"]
    assert all("https://wiki.example.com/?token=" in line["traceback"] for line in told)
    assert told
    assert "right-token" not in repr(logs)
    parts.catalog.sources.update(record.id, config={"token": {"$secret": "1:gone:of another key"}})
    with capture_logs() as logs:
        log_unexpected(parts, "sync.unexpected", record.id, RuntimeError("right-token"))
    assert "right-token" not in repr(logs)


def test_an_index_that_comes_back_loses_nothing(pipeline: Any) -> None:
    pipeline.source.documents = {f"{number}.txt": f"text {number}" for number in range(3)}
    pipeline.index.error = IndexUnavailable("OpenSearch doesn't answer.")
    run = pipeline.begin()
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.parts.catalog.documents.totals() == {"parsed": 3}
    pipeline.index.error = None
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    done = pipeline.parts.catalog.runs.get(run.id)
    assert (done.state, done.indexed) == (RunState.FINISHED, 3)


def test_a_document_that_upsets_the_model_does_not_take_others_along(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "one", "b.txt": "poison", "c.txt": "three"}
    run = pipeline.sync()
    assert (run.indexed, run.failed) == (2, 1)
    [failure] = pipeline.parts.catalog.failures.list()
    assert (failure.external_id, failure.stage) == ("b.txt", "embed")
    assert "poison" not in failure.message


def test_a_change_during_embedding_is_not_overwritten(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "first"}

    def change() -> None:
        pipeline.source.documents = {"a.txt": "second"}
        run = pipeline.parts.catalog.runs.active()[0]
        pipeline.parts.catalog.runs.fail(run.id, "superseded by the test")
        listing.sync(pipeline.parts, pipeline.begin().id)

    pipeline.embedder.meanwhile = change
    pipeline.sync()
    assert pipeline.index.texts() == ["second"]
    assert pipeline.document("a.txt").state == "indexed"


def test_new_permissions_during_embedding_win(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "text"}

    def change() -> None:
        pipeline.source.acls = {"a.txt": AccessList(users=frozenset({"ann"}))}
        run = pipeline.parts.catalog.runs.active()[0]
        pipeline.parts.catalog.runs.fail(run.id, "superseded by the test")
        listing.sync(pipeline.parts, pipeline.begin().id)
        pipeline.tasks.run(pipeline.parts)  # the newer version is indexed before the older one wakes up

    pipeline.embedder.meanwhile = change
    pipeline.sync()
    [chunk] = pipeline.index.chunks.values()
    assert chunk.acl == ("user:ann",)
    assert pipeline.document("a.txt").state == "indexed"


def test_a_deletion_during_embedding_stays_deleted(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "text"}

    def delete() -> None:
        pipeline.source.documents = {}
        run = pipeline.parts.catalog.runs.active()[0]
        pipeline.parts.catalog.runs.fail(run.id, "superseded by the test")
        listing.sync(pipeline.parts, pipeline.begin().id)

    pipeline.embedder.meanwhile = delete
    pipeline.sync()
    assert pipeline.index.chunks == {}
    assert pipeline.parts.catalog.documents.totals() == {}


def _listed_anew(pipeline: Any) -> None:
    """Another worker lists the source, and tells the index of permissions and deletions, while a task is at work."""
    run = pipeline.parts.catalog.runs.active()[0]
    pipeline.parts.catalog.runs.fail(run.id, "superseded by the test")
    listing.sync(pipeline.parts, pipeline.begin().id)


def test_a_worker_that_dies_once_it_has_written_leaves_no_old_permissions(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "text"}

    def change() -> None:
        pipeline.source.acls = {"a.txt": AccessList(users=frozenset({"ann"}))}
        _listed_anew(pipeline)

    pipeline.index.meanwhile, pipeline.index.dies = change, True
    with pytest.raises(SystemExit):
        pipeline.sync()
    assert all(chunk.acl == ("user:ann",) for chunk in pipeline.index.chunks.values())
    pipeline.tasks.run(pipeline.parts)
    assert [chunk.acl for chunk in pipeline.index.chunks.values()] == [("user:ann",)]


def test_a_worker_that_dies_once_it_has_written_brings_nothing_deleted_back(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "text"}

    def delete() -> None:
        pipeline.source.documents = {}
        _listed_anew(pipeline)

    pipeline.index.meanwhile, pipeline.index.dies = delete, True
    with pytest.raises(SystemExit):
        pipeline.sync()
    assert pipeline.index.chunks == {}


def test_a_deleted_document_comes_back_above_its_deletion(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "first"}
    pipeline.sync()
    pipeline.source.documents = {}
    pipeline.sync()
    pipeline.source.documents = {"a.txt": "again"}
    run = pipeline.sync()
    assert (run.indexed, run.failed) == (1, 0)
    assert pipeline.index.texts() == ["again"]
    assert pipeline.document("a.txt").version == 3
    pipeline.source.documents = {"a.txt": "and again"}
    pipeline.sync()
    assert pipeline.index.texts() == ["and again"]


def test_what_the_index_has_later_than_the_catalog_is_not_written_over(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "first"}
    pipeline.sync()
    [chunk] = pipeline.index.chunks.values()
    secret = DocumentUpdate(chunk.document_id, acl=("user:ann",), up_to=9)
    assert pipeline.index.update_documents([secret]) == 1  # by a catalog that was lost
    pipeline.source.documents = {"a.txt": "second"}
    run = pipeline.sync()
    assert run.failed == 1
    assert [chunk.acl for chunk in pipeline.index.chunks.values()] == [("user:ann",)]
    assert pipeline.parts.catalog.comparisons.get().reason == embedding.CATALOG_BEHIND
    [failure] = pipeline.parts.catalog.failures.list()
    assert "version 9" in failure.message


def test_lost_messages_are_sent_again_after_the_lease(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "one"}
    run = pipeline.begin()
    pipeline.tasks.waiting.clear()
    recovering.recover(pipeline.parts)
    assert "footnote.sync" not in [name for name, _ in pipeline.tasks.waiting]
    pipeline.clock.advance(101)
    recovering.recover(pipeline.parts)
    assert ("footnote.sync", {"run_id": run.id}) in pipeline.tasks.waiting
    pipeline.tasks.waiting.clear()
    listing.sync(pipeline.parts, run.id)
    pipeline.tasks.waiting.clear()
    pipeline.clock.advance(101)
    recovering.recover(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.parts.catalog.runs.get(run.id).indexed == 1


def test_rows_that_counts_are_summed_up_from_stay_few(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "MOST_ROWS", 1)
    pipeline.source.documents = {f"{number}.txt": f"text {number}" for number in range(9)}
    run = pipeline.sync()
    recovering.recover(pipeline.parts)
    with pipeline.parts.catalog.database.read() as connection:
        rows = connection.execute(select(TallyRow.run_id, TallyRow.state, TallyRow.documents)).all()
    assert rows == [(run.id, "indexed", 9)]


def test_a_broker_that_is_down_postpones(pipeline: Any) -> None:
    pipeline.source.documents = {f"{number}.txt": f"text {number}" for number in range(3)}
    run = pipeline.begin()
    pipeline.tasks.waiting.clear()
    pipeline.tasks.down = True
    listing.sync(pipeline.parts, run.id)
    assert pipeline.parts.catalog.documents.totals() == {"pending": 3}
    pipeline.tasks.down = False
    recovering.recover(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.parts.catalog.runs.get(run.id).indexed == 3


def test_blobs_that_are_gone_are_made_again(pipeline: Any) -> None:
    pipeline.source.documents = {"a.txt": "one"}
    run = pipeline.begin()
    while pipeline.tasks.waiting[0][0] != "footnote.embed":
        name, arguments = pipeline.tasks.waiting.popleft()
        (listing.sync if name == "footnote.sync" else parsing.parse)(pipeline.parts, **arguments)
    pipeline.parts.blobs.delete_prefix("documents")
    embedding.embed(pipeline.parts)
    pipeline.tasks.run(pipeline.parts)
    assert pipeline.parts.catalog.runs.get(run.id).indexed == 1


def test_backoff_doubles_up_to_its_limit() -> None:
    sync = SyncSettings(retry_base_s=4, retry_max_s=10)
    for attempts, longest in [(1, 4), (2, 8), (3, 10), (50, 10)]:
        assert longest / 2 <= backoff_s(sync, attempts) <= longest


def test_an_unexpected_broker_error_is_not_swallowed_by_the_service(pipeline: Any) -> None:
    pipeline.tasks.down = True
    with pytest.raises(BrokerUnavailable):
        pipeline.tasks.send("footnote.sync")
