"""No sync deletes more of a source than looks right, until somebody says that it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingestion.catalog.records import Run, RunState
from ingestion.connectors.port import Cursor, Delete, Known, Page, Upsert
from ingestion.tasks import guarding


def fill(pipeline: Any, count: int) -> None:
    pipeline.source.documents = {f"{number:02}.txt": f"text {number}" for number in range(count)}


class Named:
    """An incremental listing that names what is gone, two documents a page, and then says what else is new."""

    def __init__(self, pipeline: Any, gone: int, new: int = 0) -> None:
        self.pipeline = pipeline
        self.pages = [[Delete(f"{number:02}.txt"), Delete(f"{number + 1:02}.txt")] for number in range(0, gone, 2)]
        everything = {change.external_id: change for change in pipeline.source._changes()}
        self.new: list[Upsert] = [everything[f"{19 - number}.txt"] for number in range(new)]
        self.asked: list[Cursor] = []
        pipeline.source.changes = self

    def __call__(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        self.asked.append(dict(cursor))
        for number, page in list(enumerate(self.pages))[cursor.get("page", 0) :]:
            yield Page(changes=page, cursor={"page": number + 1})
        yield Page(changes=self.new, cursor={"page": len(self.pages)})


@pytest.fixture
def twenty(pipeline: Any) -> Any:
    fill(pipeline, 20)
    assert pipeline.sync().indexed == 20
    pipeline.parts.catalog.cursors.forget(pipeline.record.id)
    return pipeline


def again(pipeline: Any, **asked: bool) -> Run:
    run, _ = pipeline.parts.catalog.runs.begin(pipeline.record.id, 100, **asked)
    pipeline.clock.advance(1)
    pipeline.tasks.send("footnote.sync", {"run_id": run.id})
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    found: Run = pipeline.parts.catalog.runs.get(run.id)
    return found


def test_named_deletions_stop_before_they_are_too_many(twenty: Any) -> None:
    Named(twenty, gone=10)
    run = twenty.sync()
    assert (run.state, run.deleted) == (RunState.REFUSED, 4)  # 20 % of 20
    assert "6 of its 20 documents" in run.error
    assert "footnote sources sync source --confirm-delete" in run.error
    assert len(twenty.index.chunks) == 16


def test_refusing_goes_on_until_somebody_confirms(twenty: Any) -> None:
    listing = Named(twenty, gone=10)
    for _ in range(3):
        twenty.sync()
    assert len(twenty.index.chunks) == 16  # and not another 20 % each time
    assert listing.asked == [{}] * 3
    run = again(twenty, confirmed=True)
    assert (run.state, run.deleted, run.error) == (RunState.FINISHED, 6, None)
    assert len(twenty.index.chunks) == 10
    assert twenty.parts.catalog.cursors.start(twenty.record.id, "another").cursor == {"page": 5}
    listing.pages.append([Delete("10.txt"), Delete("11.txt")])
    assert (twenty.sync().state, len(twenty.index.chunks)) == (RunState.FINISHED, 8)  # counted anew: 20 % of 10


def test_what_else_is_listed_takes_effect_though_deletions_are_refused(twenty: Any) -> None:
    twenty.source.documents["19.txt"] = "edited"
    Named(twenty, gone=10, new=1)
    run = twenty.sync()
    assert (run.state, run.deleted, run.indexed) == (RunState.REFUSED, 4, 1)
    assert "edited" in twenty.index.texts()


def test_a_refusal_outlives_the_worker(twenty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    listing = Named(twenty, gone=10)
    run = twenty.begin()
    with monkeypatch.context() as patch:
        patch.setattr("ingestion.tasks.guarding.Guard.end", lambda _: None)

        def dies(*_: object) -> None:
            raise Killed

        patch.setattr(twenty.parts.catalog.outcomes, "retry_failed", lambda *_, **__: dies())
        with pytest.raises(Killed):
            twenty.tasks.run(twenty.parts)
    twenty.clock.advance(101)
    twenty.tasks.send("footnote.recover")
    twenty.tasks.run_delayed(twenty.parts, twenty.clock)
    done = twenty.parts.catalog.runs.get(run.id)
    assert (done.state, done.deleted) == (RunState.REFUSED, 4)
    assert listing.asked[-1] == {"page": 5}  # it went on where it was, behind what was refused
    assert twenty.sync().state is RunState.REFUSED


def test_named_and_missing_ones_count_together(twenty: Any) -> None:
    named = [Delete("00.txt"), Delete("01.txt"), Delete("02.txt")]
    for name in ("00.txt", "01.txt", "02.txt", "03.txt", "04.txt"):
        del twenty.source.documents[name]
    twenty.source.extra = named
    run = twenty.sync()
    assert (run.state, run.deleted, run.unchanged) == (RunState.REFUSED, 3, 15)
    assert "lists 15 of the 20 documents it had, 3 of which it named" in run.error
    twenty.source.documents["03.txt"] = "text 3"
    twenty.source.documents["04.txt"] = "text 4"
    assert twenty.sync().state is RunState.FINISHED


def test_a_small_source_may_lose_them_all(pipeline: Any) -> None:
    fill(pipeline, guarding.MIN_KNOWN - 1)
    pipeline.sync()
    pipeline.source.documents = {}
    assert pipeline.sync().deleted == guarding.MIN_KNOWN - 1


def test_names_that_are_not_known_count_for_nothing(twenty: Any) -> None:
    Named(twenty, gone=2).pages.extend([[Delete(f"never {number}")] for number in range(40)])
    run = twenty.sync()
    assert (run.state, run.deleted) == (RunState.FINISHED, 2)
