"""A table read from memory finds what LanceDB's own search finds, and always its newest version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.chunk import EmbeddedChunk, Vector
from core.errors import IndexUnavailable
from core.filters import All, AnyOf, Filter, Not
from core.metadata import Metadata
from retrieval.index.lance import tables, views
from retrieval.index.lance.index import LanceIndex
from retrieval.index.lance.sql import EVERYTHING, predicate
from retrieval.index.lance.views import InMemory, OnDisk
from retrieval.index.port import DocumentUpdate
from tests.contract.passages import DIMENSIONS, EMBEDDER, PUBLIC, at, ids, passage, write

BOB = AnyOf("acl", frozenset({"user:bob"}))
FILTERS: tuple[Filter, ...] = (
    PUBLIC,
    BOB,
    AnyOf("acl", frozenset({"public", "user:bob"})),
    All((PUBLIC, Not(AnyOf("department", frozenset({"Law"}))))),
    AnyOf("acl", frozenset({"user:nobody"})),
)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LanceIndex]:
    index = LanceIndex(tmp_path / "index")
    index.ensure(EMBEDDER, DIMENSIONS)
    yield index
    index.close()


def view(index: LanceIndex) -> Any:
    """How it is read once two questions were asked."""
    for _ in range(2):
        index.vector(at(0), PUBLIC, 1)
    record, table = index._table()
    return index._tables.view(record.name, table)


def random_passages(seed: int, count: int) -> list[EmbeddedChunk]:
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        acl = [("public",), ("user:bob",), ("public", "user:bob")][random.integers(3)]
        one = passage(f"c{number}", acl=acl, department=[None, "Law", "HR"][random.integers(3)])
        windows = random.standard_normal((random.integers(1, 4), DIMENSIONS)).astype(np.float32)
        made.append(EmbeddedChunk(one.chunk, windows / np.linalg.norm(windows, axis=1, keepdims=True)))
    return made


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60), k=st.integers(1, 70))
def test_memory_and_disk_find_the_same(tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, k: int) -> None:
    index = LanceIndex(tmp_path_factory.mktemp("index"))
    index.ensure(EMBEDDER, DIMENSIONS)
    made = random_passages(seed, count)
    index.upsert(made)
    query = np.random.default_rng(seed + 1).standard_normal(DIMENSIONS).astype(np.float32)
    memory = view(index)
    assert isinstance(memory, InMemory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "MEMORY", 0)
        index._tables._views.forget()
        disk = view(index)
    assert isinstance(disk, OnDisk)
    for one_filter in FILTERS:
        where = predicate(one_filter)
        found, expected = memory.nearest(query, where, k), disk.nearest(query, where, k)
        assert [one.score for one in found] == pytest.approx([one.score for one in expected], abs=2e-6)
        # Scores that differ by less than a float32 can say may stand in any order.
        assert len(set(ids(found)) ^ set(ids(expected))) <= 2
        wanted = [one.chunk.id for one in made[::2]] + ["missing"]
        read, read_from_disk = (
            {row["id"] for rows in one.rows(wanted, where, ["id", "text"]) for row in rows.to_pylist()}
            for one in (memory, disk)
        )
        assert read == read_from_disk
    index.close()


def test_equal_passages_stand_in_the_order_of_their_ids(tmp_path: Path) -> None:
    index = LanceIndex(tmp_path / "wide")
    index.ensure(EMBEDDER, 384)
    random = np.random.default_rng(5)

    def unit() -> Vector:
        vector = random.standard_normal(384).astype(np.float32)
        return vector / np.linalg.norm(vector)

    same = unit()
    others = [EmbeddedChunk(passage(f"other{number}").chunk, unit()[None]) for number in range(58)]
    # Last, where the rows are no whole block of the product's.
    twins = [EmbeddedChunk(passage(f"same{number}").chunk, same[None]) for number in reversed(range(9))]
    index.upsert(others + twins)
    for _ in range(200):
        found = index.vector(same + 0.5 * unit(), PUBLIC, 5)
        assert ids(found) == [f"same{number}" for number in range(5)]
        assert len({one.score for one in found}) == 1
    index.close()


def test_closing_a_document_to_a_reader_counts_at_once(index: LanceIndex) -> None:
    write(index, passage("a", document="d"), passage("b"))
    assert isinstance(view(index), InMemory)
    assert set(ids(index.vector(at(0), PUBLIC, 5))) == {"a", "b"}
    index.update_documents([DocumentUpdate("d", acl=["user:bob"], metadata=Metadata(), uri="", up_to=1)])
    assert ids(index.vector(at(0), PUBLIC, 5)) == ["b"]
    assert index.fetch(["a", "b"], PUBLIC) == index.fetch(["b"], PUBLIC)
    assert ids(index.vector(at(0), BOB, 5)) == ["a"]


def test_writes_of_another_process_are_seen(index: LanceIndex, tmp_path: Path) -> None:
    write(index, passage("a"))
    assert isinstance(view(index), InMemory)
    other = LanceIndex(tmp_path / "index")
    write(other, passage("b"))
    other.delete_documents({"doc-a": 2})
    assert ids(index.vector(at(0), PUBLIC, 5)) == ["b"]
    assert [one.chunk.id for one in index.fetch_embedded(["a", "b"], PUBLIC)] == ["b"]
    other.close()


def test_a_version_is_read_when_it_is_searched_for_the_second_time(index: LanceIndex) -> None:
    record, table = index._table()
    write(index, passage("a"))
    index.vector(at(0), PUBLIC, 5)
    assert isinstance(index._tables.view(record.name, table), OnDisk)
    index.vector(at(0), PUBLIC, 5)
    memory = index._tables.view(record.name, table)
    assert isinstance(memory, InMemory)
    index.vector(at(0), PUBLIC, 5)
    assert index._tables.view(record.name, table) is memory


def test_passages_alone_bring_no_vectors_into_memory(index: LanceIndex) -> None:
    write(index, passage("a"))
    for _ in range(3):
        assert len(index.fetch(["a"], PUBLIC)) == len(index.vectors(["a"], PUBLIC)) == 1
        assert index.fetch([], PUBLIC) == index.fetch_embedded([], PUBLIC) == []
    assert not index._tables._views._known


def test_whoever_comes_while_vectors_are_read_does_not_wait(index: LanceIndex) -> None:
    write(index, passage("a"))
    with index._tables._views._loading:
        for _ in range(3):
            assert ids(index.vector(at(0), PUBLIC, 5)) == ["a"]
    assert not index._tables._views._known
    assert isinstance(view(index), InMemory)


def test_a_version_whose_files_are_gone_gives_way_to_the_newest(index: LanceIndex) -> None:
    write(index, passage("a"))
    old = view(index)
    write(index, passage("b"))
    with pytest.warns(UserWarning, match="older version will fail"):
        index._table()[1].optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
    assert ids(old.nearest(at(0), "acl IS NOT NULL", 5)) == ["a", "b"]
    assert [rows["id"].to_pylist() for rows in old.rows(["a", "b"], "version > 0", ["id"])] == [["a", "b"]]
    assert ids(index.vector(at(0), PUBLIC, 5)) == ["a", "b"]


def test_an_error_that_is_not_of_age_is_told(index: LanceIndex) -> None:
    write(index, passage("a"))
    with pytest.raises(ValueError, match="nonsense"):
        view(index).nearest(at(0), "nonsense > 1", 5)


def test_what_is_too_large_for_memory_is_searched_on_disk(index: LanceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MEMORY", 3 * DIMENSIONS * 4)
    write(index, passage("a", angles=(0, 10, 20)))
    assert isinstance(view(index), InMemory)
    write(index, passage("b", angles=(30,)))
    assert isinstance(view(index), OnDisk)
    assert ids(index.vector(at(31), PUBLIC, 1)) == ["b"]
    assert index.vectors(["b"], PUBLIC)["b"].shape == (1, DIMENSIONS)


@pytest.mark.parametrize("too_large", [None, MemoryError()])
def test_what_is_too_large_is_tried_once_a_version(
    index: LanceIndex, monkeypatch: pytest.MonkeyPatch, too_large: MemoryError | None
) -> None:
    tried: list[int] = []

    def load(table: Any, *_: object) -> None:
        tried.append(table.version)
        if too_large:
            raise too_large

    monkeypatch.setattr(tables, "load", load)
    write(index, passage("a"))
    for _ in range(5):
        assert ids(index.vector(at(0), PUBLIC, 5)) == ["a"]
    assert len(tried) == 1
    write(index, passage("b"))
    for _ in range(5):
        index.vector(at(0), PUBLIC, 5)
    assert len(set(tried)) == len(tried) == 2


def test_what_keeps_the_newest_version_from_being_read_is_told(
    index: LanceIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(tables, "load", load)
    write(index, passage("a"))
    assert ids(index.vector(at(0), PUBLIC, 5)) == ["a"]
    with pytest.raises(IndexUnavailable, match="Input/output error"):
        index.vector(at(0), PUBLIC, 5)


def test_vectors_that_are_not_of_unit_length_are_compared_by_angle(index: LanceIndex) -> None:
    near, far = passage("near", angles=(10,)), passage("far", angles=(80,))
    write(index, replace(near, windows=near.windows * 0.01), replace(far, windows=far.windows * 100))
    assert ids(index.vector(at(0) * 7, PUBLIC, 2)) == ["near", "far"]


def test_only_so_many_filters_are_remembered(index: LanceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_FILTERS", 3)
    write(index, passage("a"))
    for number in range(9):
        assert ids(index.vector(at(0), AnyOf("acl", frozenset({"public", f"user:{number}"})), 1)) == ["a"]
    memory = view(index)
    assert len(memory._passing) == 3
    assert memory.nearest(at(0), EVERYTHING, 1)


def test_a_dropped_generation_leaves_memory(index: LanceIndex, tmp_path: Path) -> None:
    generation = index.begin(EMBEDDER, DIMENSIONS)
    beside = index.for_generation(generation.name)
    write(beside, passage("a"))
    known = index._tables._views._known
    for drop in (index.drop, LanceIndex(tmp_path / "index").drop):
        for _ in range(2):
            assert ids(beside.vector(at(0), PUBLIC, 1)) == ["a"]
        assert generation.name in known
        drop(generation.name)
        write(index, passage("b"))
        index.vector(at(0), PUBLIC, 1)  # of what another process dropped it learns here
        assert generation.name not in known
        generation = index.begin(EMBEDDER, DIMENSIONS)
        beside = index.for_generation(generation.name)
        write(beside, passage("a"))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_question_without_direction_finds_nothing(index: LanceIndex, value: float) -> None:
    write(index, passage("a"))
    assert view(index).nearest(np.full(DIMENSIONS, value, np.float32), EVERYTHING, 5) == []
