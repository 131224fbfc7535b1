"""Each way of keeping vectors, on a real node: created, filled, searched under filters, read back, updated, swapped."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.metadata import Metadata
from core.settings import IndexSettings, OpenSearchSettings
from retrieval.embedding.embedders import Embedders
from retrieval.index.every_generation import EveryGeneration
from retrieval.index.opensearch.index import OpenSearchIndex
from retrieval.index.opensearch.vectors import VectorLayout
from retrieval.index.port import DocumentUpdate
from tests.contract.passages import DIMENSIONS, EMBEDDER, PUBLIC, at, ids, passage, write

# The node has no native libraries: faiss then compares vectors one by one, if it is told never to build a graph.
NEVER = {"index.knn.advanced.approximate_threshold": -1}
WHOLE: dict[str, Any] = {}
RUN: list[dict[str, Any]] = [
    WHOLE,
    {"encoder": "byte"},
    {"mode": "on_disk", "compression": "4x"},
    {"engine": "faiss"},
    {"engine": "faiss", "encoder": "fp16"},
]
ACCEPTED: list[dict[str, Any]] = [
    {"engine": "faiss", "mode": "on_disk", "compression": compression} for compression in ("8x", "16x", "32x")
]


def name_of(options: dict[str, Any]) -> str:
    return "-".join(str(value) for value in options.values()) or "fp32"


class Indices:
    """Handles on one index with different settings, as processes with different configurations would have."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = f"layouts-{uuid.uuid4().hex[:12]}"
        self.opened: list[OpenSearchIndex] = []

    def open(self, **options: Any) -> OpenSearchIndex:
        settings = OpenSearchSettings(url=self.url, **options)
        self.opened.append(OpenSearchIndex(IndexSettings(kind="opensearch", name=self.name, opensearch=settings)))
        return self.opened[-1]

    def begin(self, **options: Any) -> str:
        index = self.open(**options)
        made = index.begin(EMBEDDER, DIMENSIONS)
        if options.get("engine") == "faiss":
            index._client.request("PUT", f"/{made.name}/_settings", NEVER)
        return made.name


@pytest.fixture
def indices(opensearch_url: str) -> Iterator[Indices]:
    made = Indices(opensearch_url)
    yield made
    for index in made.opened:
        index.close()


@pytest.mark.parametrize("options", RUN, ids=name_of)
def test_every_layout_finds_filters_reads_back_and_updates(indices: Indices, options: dict[str, Any]) -> None:
    index = indices.open(**options)
    pinned = index.for_generation(indices.begin(**options))
    chunks = [passage(f"{angle:03}", angles=(angle, angle + 1)) for angle in range(0, 180, 5)]
    hidden = passage("hidden", angles=(30,), acl=("user:bob",))
    write(pinned, *chunks, hidden)
    found = pinned.vector(at(30), PUBLIC, 5)
    assert ids(found)[0] == "030"
    assert set(ids(found)) == {"020", "025", "030", "035", "040"}
    # Each chunk's nearest window stands 0, 4, 5, 9, 10 degrees away.
    wanted = np.cos(np.radians([0, 4, 5, 9, 10]))
    np.testing.assert_allclose([one.score for one in found], wanted, atol=0.02)
    both = pinned.both("words", at(30), PUBLIC, 3)
    assert both.vector is not None
    assert ids(both.vector)[0] == "030"
    assert pinned.update_documents(
        [DocumentUpdate(hidden.chunk.document_id, acl=["public"], metadata=Metadata(), uri="u", up_to=2)]
    )
    assert ids(pinned.vector(at(30), PUBLIC, 50)).count("hidden") == 1
    read = pinned.vectors(["hidden", "000"], PUBLIC)
    np.testing.assert_allclose(read["hidden"], hidden.windows, atol=0.006)
    np.testing.assert_allclose(np.linalg.norm(read["000"], axis=1), 1, atol=1e-5)
    (generation,) = index.generations()
    assert generation.lossy is (options.get("encoder") == "byte")


@pytest.mark.parametrize("options", ACCEPTED, ids=name_of)
def test_a_real_node_takes_the_mapping_of_what_only_native_libraries_can_fill(
    indices: Indices, options: dict[str, Any]
) -> None:
    name = indices.begin(**options)
    index = indices.open(**options)
    path = f"/{name}/_mapping/field/windows.vector"
    (told,) = index._client.request("GET", path).values()
    field = told["mappings"]["windows.vector"]["mapping"]["vector"]
    assert (field["mode"], field["compression_level"]) == ("on_disk", options["compression"])
    assert field["method"]["engine"] == "faiss"


def test_a_changed_option_is_that_of_the_next_generation_and_searches_follow_the_swap(indices: Indices) -> None:
    reader = indices.open()  # goes on with the settings that it was started with
    reader.ensure(EMBEDDER, DIMENSIONS)
    write(reader, passage("a", angles=(40,)))
    assert reader.vector(at(40), PUBLIC, 1)[0].score == pytest.approx(1, abs=1e-5)
    changed = indices.open(encoder="byte")
    live = changed.ensure(EMBEDDER, DIMENSIONS)
    assert not live.lossy
    write(changed, passage("b", angles=(50,)))
    assert ids(changed.vector(at(50), PUBLIC, 2)) == ["b", "a"]
    # As it was built, not as it is wanted now.
    np.testing.assert_allclose(changed.vectors(["b"], PUBLIC)["b"], passage("b", angles=(50,)).windows, atol=1e-6)
    new = indices.begin(encoder="byte")
    write(changed.for_generation(new), passage("a", angles=(40,)), passage("b", angles=(50,)))
    for name, lossy in ((new, True), (live.name, False), (new, True)):
        changed.swap(name)
        for handle in (reader, changed):
            found = handle.both("words", at(50), PUBLIC, 2)
            assert ids(found.vector) == ["b", "a"]
            assert found.vector is not None
            wanted = np.cos(np.radians([0, 10]))
            np.testing.assert_allclose([one.score for one in found.vector], wanted, atol=0.01)
            assert ids(handle.vector(at(40), PUBLIC, 2)) == ["a", "b"]
        write(reader, passage("c", angles=(60,)))
        written = reader.vectors(["c"], PUBLIC)["c"]
        assert np.allclose(written, passage("c", angles=(60,)).windows, atol=1e-6) is not lossy


def test_an_index_of_an_earlier_release_is_searched_as_it_was_built(
    indices: Indices, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(VectorLayout, "as_meta", lambda _: {})
        old = indices.open()
        old.ensure(EMBEDDER, DIMENSIONS)
    write(old, passage("a", angles=(40,)))
    now = indices.open(encoder="byte")
    assert not now.ensure(EMBEDDER, DIMENSIONS).lossy
    write(now, passage("b", angles=(50,)))
    found = now.vector(at(40), PUBLIC, 2)
    assert ids(found) == ["a", "b"]
    np.testing.assert_allclose([one.score for one in found], np.cos(np.radians([0, 10])), atol=1e-5)


def test_whole_vectors_are_taken_where_a_generation_has_them(indices: Indices) -> None:
    index = indices.open(encoder="byte")
    rounded = index.ensure(EMBEDDER, DIMENSIONS)
    whole = indices.begin()
    written = passage("a", angles=(41,))
    for name in (rounded.name, whole):
        write(index.for_generation(name), written)
    write(index, passage("b"))  # the live one alone has it
    default = SimpleNamespace(name=EMBEDDER, dimensions=DIMENSIONS)
    every = EveryGeneration(index, lambda: Embedders(default, "default", lambda _: default))  # type: ignore[arg-type]
    np.testing.assert_allclose(every.vectors(["a"], PUBLIC)["a"], written.windows, atol=1e-6)
    assert set(every.vectors(["a", "b"], PUBLIC)) == {"a"}
