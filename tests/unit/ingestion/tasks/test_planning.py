"""A dry run says what a sync would change, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import Conflict, SourceRefuses
from core.principal import AccessList
from ingestion.catalog.plans import SHOWN
from ingestion.catalog.records import Run, RunKind, RunState
from ingestion.connectors.port import Delete, Present, Unreadable, Withheld


@pytest.fixture
def synced(pipeline: Any) -> Any:
    pipeline.source.documents = {f"{number:02}.txt": f"text {number}" for number in range(12)}
    assert pipeline.sync().indexed == 12
    return pipeline


def plan(pipeline: Any, **asked: bool) -> Run:
    run = pipeline.parts.catalog.runs.begin_plan(pipeline.record.id, 100, **asked)
    pipeline.tasks.send("footnote.sync", {"run_id": run.id})
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    found: Run = pipeline.parts.catalog.runs.get(run.id)
    return found


def test_it_tells_new_changed_permission_only_and_deleted(synced: Any) -> None:
    documents = synced.source.documents
    documents["new.txt"], documents["01.txt"] = "new", "edited"
    synced.source.acls["02.txt"] = AccessList(users=frozenset({"ann"}))
    del documents["03.txt"]
    synced.source.extra = [Unreadable("locked.pdf", "file:///locked.pdf", "It is locked.")]
    before = (dict(synced.index.chunks), synced.parts.catalog.documents.totals(), list(synced.source.fetched))
    run = plan(synced)
    assert (run.state, run.kind, run.seen) == (RunState.PLANNED, RunKind.PLAN, 0)
    assert run.plan == {
        "unchanged": {"count": 9, "first": []},
        "new": {"count": 1, "first": ["new.txt"]},
        "changed": {"count": 1, "first": ["01.txt"]},
        "permissions": {"count": 1, "first": ["02.txt"]},
        "deleted": {"count": 1, "first": ["03.txt"]},
        "unreadable": {"count": 1, "first": ["locked.pdf"]},
        "refused": False,
    }
    assert before == (synced.index.chunks, synced.parts.catalog.documents.totals(), synced.source.fetched)
    done = synced.sync()  # does just that
    assert (done.unchanged, done.indexed, done.deleted, done.failed) == (9, 3, 1, 1)


def test_the_last_word_on_a_document_counts(synced: Any) -> None:
    synced.source.complete = False
    synced.source.documents = {"new.txt": "new"}
    synced.source.extra = [Present("00.txt"), Delete("new.txt"), Delete("01.txt"), Delete("01.txt"), Delete("unknown")]
    found = plan(synced).plan
    assert found is not None
    assert [found[kind]["count"] for kind in ("unchanged", "new", "deleted")] == [1, 0, 1]
    assert (found["new"]["first"], found["deleted"]["first"]) == ([], ["01.txt"])


def test_it_says_when_deletions_would_be_refused(synced: Any) -> None:
    synced.source.documents = {"00.txt": "text 0"}
    found = plan(synced).plan
    assert found is not None
    assert (found["deleted"]["count"], found["refused"]) == (11, True)
    assert synced.sync().state is RunState.REFUSED


def test_it_names_a_few_and_counts_all(pipeline: Any) -> None:
    pipeline.source.documents = {f"{number}.txt": "text" for number in range(150)}
    found = plan(pipeline).plan
    assert found is not None
    assert (found["new"]["count"], len(found["new"]["first"])) == (150, SHOWN)
    assert pipeline.parts.catalog.documents.totals() == {}


def test_what_is_withheld_would_go_with_all_below_it(synced: Any) -> None:
    synced.source.documents["keys/a.txt"] = "text"
    synced.sync()
    synced.source.complete = False
    synced.source.documents = {}
    synced.source.extra = [Withheld("keys/", "a folder of keys"), Withheld("00.txt", "a key")]
    found = plan(synced).plan
    assert found is not None
    assert found["deleted"] == {"count": 2, "first": ["keys/a.txt", "00.txt"]}


def test_it_and_a_sync_wait_for_each_other(synced: Any) -> None:
    runs = synced.parts.catalog.runs
    planning = runs.begin_plan(synced.record.id, 100)
    with pytest.raises(Conflict, match="being listed"):
        runs.begin_plan(synced.record.id, 100)
    asked, _ = runs.begin(synced.record.id, 100)
    assert asked.state is RunState.QUEUED
    synced.tasks.send("footnote.sync", {"run_id": planning.id})
    synced.tasks.run_delayed(synced.parts, synced.clock)
    assert (runs.get(planning.id).state, runs.get(asked.id).state) == (RunState.PLANNED, RunState.FINISHED)


def test_a_full_one_lists_from_the_start(synced: Any) -> None:
    asked = []
    changes = synced.source.changes

    def noting(cursor: Any, known: Any) -> Any:
        asked.append(dict(cursor))
        return changes(cursor, known)

    synced.source.changes = noting
    plan(synced)
    plan(synced, full=True)
    assert asked == [{"seen": 12}, {}]
    run, _ = synced.parts.catalog.runs.begin(synced.record.id, 100, full=True)
    synced.tasks.send("footnote.sync", {"run_id": run.id})
    synced.tasks.run_delayed(synced.parts, synced.clock)
    assert asked[-1] == {}


def test_one_that_fails_says_why(synced: Any) -> None:
    synced.source.error = SourceRefuses("The secret has expired: renew it.")
    run = plan(synced)
    assert (run.state, run.error, run.plan) == (RunState.FAILED, "The secret has expired: renew it.", None)
    [standing] = synced.parts.catalog.standings.list()
    assert standing.last_sync.state is RunState.FINISHED  # a dry run hides nothing


def test_one_can_be_cancelled_and_holds_nothing(synced: Any) -> None:
    catalog = synced.parts.catalog
    run = catalog.runs.begin_plan(synced.record.id, 100)
    catalog.stopping.cancel(synced.record.id)
    synced.tasks.send("footnote.settle", {"source_ids": [synced.record.id]})
    synced.tasks.run(synced.parts)
    assert catalog.runs.get(run.id).state is RunState.CANCELLED
    assert synced.sync().unchanged == 12
