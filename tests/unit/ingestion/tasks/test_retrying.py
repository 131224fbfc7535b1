"""Trying failed documents again by hand: one of them, named in each way that people know it by."""

from __future__ import annotations

import pytest

from core.errors import InvalidRequest, NotFound
from ingestion.connectors.port import Unreadable
from tests.unit.ingestion.tasks.conftest import Pipeline


def fail_two(pipeline: Pipeline) -> None:
    pipeline.source.documents = {"hr/a.txt": "broken", "hr/b.txt": "broken", "good.txt": "good"}
    assert pipeline.sync().failed == 2


def test_only_the_one_is_tried_again(pipeline: Pipeline) -> None:
    fail_two(pipeline)
    again = pipeline.parts.catalog.retries.begin(pipeline.record.id, 100, pipeline.id_of("hr/a.txt"))
    pipeline.tasks.send("footnote.dispatch", {"source_id": pipeline.record.id})
    pipeline.tasks.run(pipeline.parts)

    run = pipeline.parts.catalog.runs.get(again.run.id)
    assert (again.documents, run.seen, run.failed, run.retried) == (1, 1, 1, 1)
    assert [pipeline.source.fetched.count(name) for name in ("hr/a.txt", "hr/b.txt", "good.txt")] == [2, 1, 1]


def test_one_that_is_being_tried_already_is_not_counted_twice(pipeline: Pipeline) -> None:
    fail_two(pipeline)
    retries, one = pipeline.parts.catalog.retries, pipeline.id_of("hr/a.txt")
    first, second = (retries.begin(pipeline.record.id, 100, one) for _ in range(2))

    assert (first.documents, second.documents, second.new) == (1, 0, False)


def test_one_that_failed_in_listing_has_its_source_listed(pipeline: Pipeline) -> None:
    fail_two(pipeline)
    pipeline.source.extra = [Unreadable("c.txt", "file:///c.txt", "Its sidecar is not YAML.")]
    pipeline.sync()
    retries = pipeline.parts.catalog.retries

    found = retries.begin(pipeline.record.id, 100, pipeline.id_of("c.txt"))
    assert (found.documents, found.listing, found.new) == (1, True, True)


@pytest.mark.parametrize("named", ["id", "file:///hr/a.txt", "hr/a.txt"])
def test_a_failure_is_found_by_what_its_document_is_called(pipeline: Pipeline, named: str) -> None:
    fail_two(pipeline)
    wanted = pipeline.id_of("hr/a.txt")

    assert pipeline.parts.catalog.failures.find(wanted if named == "id" else named).document_id == wanted


def test_one_that_has_not_failed_is_not_found(pipeline: Pipeline) -> None:
    fail_two(pipeline)
    for named in ("good.txt", pipeline.id_of("good.txt"), "nothing"):
        with pytest.raises(NotFound, match="footnote failures list"):
            pipeline.parts.catalog.failures.find(named)


def test_a_name_of_several_is_told_apart_by_ids(pipeline: Pipeline) -> None:
    fail_two(pipeline)
    catalog = pipeline.parts.catalog
    other = catalog.sources.create(kind="fake", name="other", config={}, interval_s=60)
    run, _ = catalog.runs.begin(other.id, 100)
    catalog.intake.apply(
        run.id, other.id, [Unreadable("hr/a.txt", "file:///other", "Its sidecar is not YAML.")], parser=1
    )

    with pytest.raises(InvalidRequest, match=pipeline.id_of("hr/a.txt")):
        catalog.failures.find("hr/a.txt")
    assert catalog.failures.find("file:///other").source_id == other.id


def test_one_that_fails_a_hundred_times_is_one_failure_and_holds_nothing_up(pipeline: Pipeline) -> None:
    fail_two(pipeline)
    key = pipeline.id_of("hr/a.txt")
    for _ in range(100):
        pipeline.parts.catalog.retries.begin(pipeline.record.id, 100, key)
        pipeline.tasks.send("footnote.dispatch", {"source_id": pipeline.record.id})
        pipeline.tasks.run(pipeline.parts)
    pipeline.source.documents["new.txt"] = "new"
    done = pipeline.sync()
    assert (done.seen, done.unchanged, done.indexed, done.failed) == (4, 1, 1, 2)
    failure = pipeline.parts.catalog.failures.find(key)
    assert (failure.external_id, failure.message) == ("hr/a.txt", "a.txt is corrupt.")
    assert len(pipeline.parts.catalog.failures.list()) == 2
    pipeline.source.documents["hr/a.txt"] = "mended"
    assert pipeline.sync().indexed == 1
