"""A catalog that was lost or restored, and whatever else makes catalog and index differ."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.lazy import Lazy
from core.principal import AccessList
from core.settings import Settings
from ingestion import comparing
from ingestion.catalog.build import open_catalog
from ingestion.comparing import Kind, compare, count, differences, put_right
from ingestion.tasks import recovering
from ingestion.tasks.comparing import compare_index
from tests.unit.ingestion.tasks.conftest import Pipeline

ANN = AccessList(users=frozenset({"ann"}))


def fill(pipeline: Pipeline, count: int) -> None:
    pipeline.source.documents = {f"{number}.txt": f"text {number}" for number in range(count)}


def start_worker(pipeline: Pipeline) -> None:
    recovering.recover(pipeline.parts, at_start=True)
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)


def use_catalog(pipeline: Pipeline, name: str) -> None:
    """As a restart with another catalog does."""
    settings = Settings.model_validate({"data_dir": pipeline.parts.settings.data_dir / name})
    pipeline.parts.catalog.close()
    pipeline.parts._catalog = Lazy("catalog", lambda: open_catalog(settings, pipeline.clock))


def found(pipeline: Pipeline) -> dict[str, int]:
    return dict(pipeline.parts.catalog.comparisons.get().last_found)


def acls(pipeline: Pipeline) -> set[tuple[str, ...]]:
    return {chunk.acl for chunk in pipeline.index.chunks.values()}


def test_what_a_lost_catalog_leaves_is_hidden_and_told(pipeline: Pipeline) -> None:
    fill(pipeline, 3)
    pipeline.sync()
    use_catalog(pipeline, "new")
    start_worker(pipeline)
    assert acls(pipeline) == {()}
    assert found(pipeline) == {"unknown": 3}
    assert all(chunk.metadata.title for chunk in pipeline.index.chunks.values()), "who decides has to know what it is"
    # It is decided.
    catalog = pipeline.parts.catalog
    for page in list(differences(catalog, pipeline.index)):  # type: ignore[arg-type]
        put_right(catalog, pipeline.index, page.differences, delete_unknown=True)  # type: ignore[arg-type]
    assert pipeline.index.chunks == {}


def test_an_index_that_is_lost_is_filled_anew(pipeline: Pipeline) -> None:
    pipeline.index.lost = True
    start_worker(pipeline)
    assert pipeline.parts.catalog.comparisons.get().finished_at is None, "where nothing was, nothing is missing"
    pipeline.index.lost = False
    fill(pipeline, 3)
    pipeline.sync()
    before = dict(pipeline.index.chunks)
    pipeline.index.chunks.clear()
    pipeline.index.fences.clear()
    pipeline.index.marked, pipeline.index.lost = "", True
    pipeline.parts._index = Lazy("index", pipeline.parts._with_live_generation)  # as in a process that starts anew
    start_worker(pipeline)
    assert found(pipeline) == {"missing": 3}
    recovering.recover(pipeline.parts)
    pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
    assert pipeline.index.chunks.keys() == before.keys()
    assert pipeline.parts.catalog.documents.totals() == {"indexed": 3}


def test_a_restored_catalog_trusts_no_permissions_that_are_older_than_the_index(pipeline: Pipeline) -> None:
    fill(pipeline, 3)
    pipeline.sync()
    catalog = pipeline.parts.catalog
    backup = catalog.database.engine.url.database
    assert backup is not None
    with catalog.database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql(f"VACUUM INTO '{pipeline.parts.settings.data_dir / 'backup'}'")
    pipeline.source.acls["0.txt"] = ANN
    pipeline.source.documents["new.txt"] = "new"
    pipeline.sync()
    catalog.close()
    restored = pipeline.parts.settings.data_dir / "old"
    restored.mkdir()
    (pipeline.parts.settings.data_dir / "backup").rename(restored / "catalog.sqlite3")
    use_catalog(pipeline, "old")
    recovering.recover(pipeline.parts, at_start=True)
    compare_index(pipeline.parts)
    by_document = {chunk.document_id: chunk.acl for chunk in pipeline.index.chunks.values()}
    assert by_document[pipeline.id_of("0.txt")] == ()
    assert by_document[pipeline.id_of("new.txt")] == ()
    assert by_document[pipeline.id_of("1.txt")] == ("public",)
    assert pipeline.document("0.txt").acl.terms() == ()  # nor may its bytes be read
    assert found(pipeline) == {"newer": 1, "unknown": 1}
    # The listing that follows by itself tells who may read them.
    start_worker(pipeline)
    by_document = {chunk.document_id: chunk.acl for chunk in pipeline.index.chunks.values()}
    assert by_document[pipeline.id_of("0.txt")] == ("user:ann",)
    assert by_document[pipeline.id_of("new.txt")] == ("public",)
    assert [page.differences for page in differences(pipeline.parts.catalog, pipeline.index)] == [[], []]  # type: ignore[arg-type]


def test_a_catalog_that_is_the_indexs_own_is_compared_with_it_once(pipeline: Pipeline) -> None:
    fill(pipeline, 3)
    pipeline.sync()
    start_worker(pipeline)
    assert found(pipeline) == {}
    first = pipeline.parts.catalog.comparisons.get().finished_at
    pipeline.clock.advance(60)
    for _ in range(2):
        pipeline.sync()
        start_worker(pipeline)
    assert pipeline.parts.catalog.comparisons.get().finished_at == first
    pipeline.clock.advance(pipeline.parts.settings.sync.compare_s)
    start_worker(pipeline)
    assert pipeline.parts.catalog.comparisons.get().finished_at != first


@pytest.mark.parametrize("kind", list(Kind))
def test_each_difference_is_found_and_put_right(
    pipeline: Pipeline, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "PAGE", 5)
    fill(pipeline, 12)
    pipeline.sync()
    key = pipeline.id_of("7.txt")
    [chunk] = [chunk for chunk in pipeline.index.chunks.values() if chunk.document_id == key]
    chunks = pipeline.index.chunks
    if kind is Kind.UNKNOWN:
        chunks["x"] = replace(chunk, id="x", document_id=f"{key}x")
    elif kind is Kind.NEWER:
        chunks[chunk.id] = replace(chunk, version=9)
    elif kind is Kind.PERMISSIONS:
        chunks[chunk.id] = replace(chunk, acl=("user:bob",))
    elif kind is Kind.MISSING:
        del chunks[chunk.id]
    else:
        chunks["x"] = replace(chunk, id="x", version=0)
    catalog, index = pipeline.parts.catalog, pipeline.index
    pages = list(differences(catalog, index))  # type: ignore[arg-type]
    assert [count(page.differences) for page in pages if page.differences] == [{kind.value: 1}]
    catalog.comparisons.begin("a test")
    start_worker(pipeline)
    assert found(pipeline) == {kind.value: 1}
    start_worker(pipeline)  # takes up what that has left in the catalog
    left = [one for page in differences(catalog, index) for one in page.differences]  # type: ignore[arg-type]
    assert [(one.kind, one.held.acl) for one in left if one.held] == (
        [(Kind.UNKNOWN, frozenset())] if kind is Kind.UNKNOWN else []
    )
    assert len([chunk for chunk in chunks.values() if chunk.acl == ("public",)]) == 12


def test_what_is_on_its_way_is_no_difference(pipeline: Pipeline) -> None:
    fill(pipeline, 4)
    seen = []

    def look() -> None:
        seen.append(compare(pipeline.parts.catalog, pipeline.index).differences)  # type: ignore[arg-type]

    pipeline.embedder.meanwhile = look
    pipeline.sync()
    pipeline.source.documents["1.txt"] = "edited"
    pipeline.source.acls["2.txt"] = ANN
    pipeline.embedder.meanwhile = look
    pipeline.sync()
    assert seen == [[], []]


def test_blobs_that_a_kill_left_are_swept_once_they_are_old(pipeline: Pipeline) -> None:
    fill(pipeline, 3)
    pipeline.sync()
    blobs, key = pipeline.parts.settings.data_dir / "blobs" / "documents", pipeline.id_of("1.txt")
    days_ago = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    for document, name, old in [(key, "old", True), (key, "young", False), ("unknown", "old", True)]:
        left = blobs / document / name / "original"
        left.parent.mkdir(parents=True)
        left.write_bytes(b"x")
        if old:
            os.utime(left, (days_ago, days_ago))
    present = blobs / key / (pipeline.document("1.txt").content_hash or "")
    for path in present.iterdir():
        os.utime(path, (days_ago, days_ago))
    start_worker(pipeline)
    assert sorted(path.name for path in (blobs / key).iterdir()) == sorted([present.name, "young"])
    assert (blobs / "unknown" / "old").exists(), "it may be the wrong catalog"
    assert found(pipeline) == {"blobs": 1}
