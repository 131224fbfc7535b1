"""Exact search, recall, growth and the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import InvalidRequest
from core.filters import AnyOf
from core.principal import AccessList
from core.settings import Settings
from eval.bench.scale.building import LAYOUTS, Target, target
from eval.bench.scale.corpus import Corpus
from eval.bench.scale.measuring import (
    DEPARTMENT,
    NARROW,
    READER,
    VISIBLE,
    WAYS,
    exact,
    filters,
    growth,
    passing,
    recall,
)
from eval.bench.scale.node import GRAPH, VECTORS
from eval.bench.scale.record import Build, Report, file_of, read_build
from eval.bench.scale.running import planned_bytes
from eval.bench.scale.tables import tables
from eval.datasets import DatasetError


@pytest.fixture(scope="module")
def made() -> Corpus:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((500, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Corpus([f"sentence {n}." for n in range(500)], vectors.astype(np.float32))


class _Embedder:
    name, dimensions = "fake", 16


def targets(*pairs: tuple[int, str]) -> list[Target]:
    return [Target(size, layout, Settings(), f"{size}-{layout}") for size, layout in pairs]


def test_what_passes_is_what_the_filters_let_through(made: Corpus) -> None:
    block = made.block(0, 1_000)
    chunks = [one.chunk for one in made.chunks(block)]
    seen = [AccessList.from_terms(chunk.acl).allows(READER) for chunk in chunks]
    narrow = [ok and chunk.metadata.department == DEPARTMENT for ok, chunk in zip(seen, chunks, strict=True)]
    passes = passing(block)
    assert passes[VISIBLE].tolist() == seen
    assert passes[NARROW].tolist() == narrow
    assert isinstance(filters()[VISIBLE], AnyOf)


def test_exact_search_is_of_each_size_and_filter(made: Corpus) -> None:
    queries = made.vectors[:7]
    told: list[int] = []
    found = exact(made, queries, [1_000, 3_000], lambda what, done, total: told.append(done))
    assert told == [1_000, 2_000, 3_000]
    blocks = list(made.blocks(3_000))
    similarity = queries @ np.concatenate([block.vectors for block in blocks]).T
    for size in (1_000, 3_000):
        for name in (VISIBLE, NARROW):
            passes = np.concatenate([passing(block)[name] for block in blocks])[:size]
            allowed = np.where(passes, similarity[:, :size], -np.inf)
            np.testing.assert_array_equal(found[size][name], np.argsort(-allowed, axis=1)[:, :10])
    with pytest.raises(ValueError, match="fewer than ten"):
        exact(made, queries, [20], lambda what, done, total: None)


def test_recall_counts_what_was_found() -> None:
    assert recall([1, 2, 3, 4], np.array([1, 2, 9, 8])) == 0.5
    assert recall([], np.array([1])) == 0


def test_growth_is_against_the_smallest_and_against_the_first_layout() -> None:
    asked = targets((10, "fp32"), (10, "byte"), (100, "fp32"), (100, "byte"))
    times = np.ones((40, 4, len(WAYS))) * np.array([1, 2, 3, 4])[None, :, None]
    rows = growth(asked, times)
    pairs = {(row.of, row.to): row.ratio.value for row in rows if row.way == WAYS[0]}
    assert pairs == {
        ("10 fp32", "10 byte"): 2,
        ("10 fp32", "100 fp32"): 3,
        ("10 byte", "100 byte"): 2,
        ("100 fp32", "100 byte"): pytest.approx(4 / 3),
    }
    assert all(row.ratio.low <= row.ratio.value <= row.ratio.high for row in rows)


def test_an_index_is_known_by_everything_that_its_contents_depend_on(made: Corpus) -> None:
    def key(size: int = 1_000, layout: str = "fp32", corpus: Corpus = made) -> str:
        return target(size, layout, Settings(), corpus, _Embedder()).key  # type: ignore[arg-type]

    other = Corpus(["another.", *made.texts[1:]], made.vectors)
    keys = [key(), key(2_000), key(corpus=other), key(corpus=Corpus(made.texts, made.vectors, seed=8))]
    keys += [key(layout=layout) for layout in LAYOUTS if layout != "fp32"]
    assert len(set(keys)) == len(keys)
    assert key() == key()
    with pytest.raises(InvalidRequest, match="no layout 'int4'"):
        key(layout="int4")


def test_a_build_is_kept_whole_and_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    assert read_build(tmp_path, "k") is None
    build = Build(size=1_000, layout="fp32", key="k", generation="g", done=500)
    build.keep(tmp_path)
    assert read_build(tmp_path, "k") == build
    file_of(tmp_path, "k").write_text("{}")
    with pytest.raises(DatasetError, match=r"k\.json"):
        read_build(tmp_path, "k")


def test_what_a_plan_says_stands_beside_what_was_measured(made: Corpus) -> None:
    planned = {name: planned_bytes(made, 1_000, name, 384) for name in LAYOUTS}
    assert planned["byte"] < planned["fp32"] < planned["4x"] < planned["faiss"]
    assert planned["4x"] - planned["fp32"] == pytest.approx(1_000 * 384)
    build = Build(size=10, layout="fp32", key="k", bytes={VECTORS: 8_000, GRAPH: 2_000}, planned=11_000)
    report = Report(
        command="", machine={}, questions=1, depth=1, distinct=1, seed=1, builds=[build], measured=[], growth=[]
    )
    assert "| 1,000 | 1,100 | +10.0% |" in tables(report)
