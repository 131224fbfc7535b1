"""Listings in pages: one that is cut off goes on where it stood, and nothing is taken for gone that it had named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingestion.connectors.port import Cursor, Known, Page, Present, Upsert


class Killed(BaseException):
    """What a worker is ended by."""


class Paged:
    """Lists a pipeline's documents a page of two at a time, by name; its cursor is the last name of a page."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self.asked: list[Cursor] = []
        self.dies_after: int | None = None
        self.knows_keys_only = False

    def __call__(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        self.asked.append(dict(cursor))
        upserts = {change.external_id: change for change in self._pipeline.source._changes()}
        left = sorted(name for name in upserts if name > cursor.get("after", ""))
        pages = [left[start : start + 2] for start in range(0, len(left), 2)] or [[]]
        for number, names in enumerate(pages):
            if number == self.dies_after:
                raise Killed
            unknown = known.unknown(names)
            changes: list[Upsert | Present] = [
                Present(name) if self.knows_keys_only and name not in unknown else upserts[name] for name in names
            ]
            last = number == len(pages) - 1
            yield Page(changes=changes, cursor={} if last else {"after": names[-1]}, complete=last)


@pytest.fixture
def paged(pipeline: Any) -> Paged:
    made = Paged(pipeline)
    pipeline.source.changes = made
    pipeline.source.documents = {name: f"{name} words" for name in "abcde"}
    return made


def killed(pipeline: Any) -> None:
    pipeline.begin()
    with pytest.raises(Killed):
        pipeline.tasks.run(pipeline.parts)
    pipeline.clock.advance(pipeline.parts.settings.sync.lease_s + 1)
    pipeline.tasks.send("footnote.recover")


def names(pipeline: Any) -> list[str]:
    return [text[0] for text in pipeline.index.texts()]


def test_a_listing_that_died_goes_on_behind_its_last_page(pipeline: Any, paged: Paged) -> None:
    paged.dies_after = 2
    killed(pipeline)
    paged.dies_after = None
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert paged.asked == [{}, {"after": "d"}]
    assert names(pipeline) == list("abcde")
    [run] = pipeline.parts.catalog.runs.list(pipeline.record.id, limit=9)
    assert (run.state, run.seen, run.indexed, run.deleted) == ("finished", 5, 5, 0)


def test_another_run_starts_where_the_last_whole_listing_ended(pipeline: Any, paged: Paged) -> None:
    paged.dies_after = 2
    killed(pipeline)
    [run] = pipeline.parts.catalog.runs.list(pipeline.record.id, limit=9)
    pipeline.parts.catalog.runs.fail(run.id, "It was ended.")
    paged.dies_after = None
    assert pipeline.sync().seen == 5
    assert paged.asked == [{}, {}]
    assert names(pipeline) == list("abcde")


def test_a_listing_that_died_before_it_was_concluded_isnt_read_again(
    pipeline: Any, paged: Paged, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pipeline.sync().indexed == 5
    del pipeline.source.documents["a"]

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("ingestion.tasks.guarding.Guard.prune", dies)
        killed(pipeline)
    asked = len(paged.asked)
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert len(paged.asked) == asked
    assert names(pipeline) == list("bcde")


def test_what_is_said_to_be_present_stays_and_counts_as_unchanged(pipeline: Any, paged: Paged) -> None:
    paged.knows_keys_only = True
    assert pipeline.sync().indexed == 5
    del pipeline.source.documents["c"]
    pipeline.source.documents["f"] = "f words"
    run = pipeline.sync()
    assert (run.unchanged, run.indexed, run.deleted) == (4, 1, 1)
    assert names(pipeline) == list("abdef")


def test_a_document_that_comes_back_is_read_again(pipeline: Any, paged: Paged) -> None:
    paged.knows_keys_only = True
    pipeline.sync()
    gone = pipeline.source.documents.pop("c")
    pipeline.sync()
    pipeline.source.documents["c"] = gone
    assert pipeline.sync().indexed == 1
    assert names(pipeline) == list("abcde")


def test_presence_alone_tries_a_failure_again_once_it_may_pass(pipeline: Any, paged: Paged) -> None:
    paged.knows_keys_only = True
    pipeline.source.documents["c"] = "broken"
    assert pipeline.sync().failed == 1
    pipeline.version.append("fake 2")
    pipeline.source.documents["c"] = "mended"
    run = pipeline.sync()
    assert (run.unchanged, run.indexed, run.retried) == (4, 1, 1)
