"""Writes to every generation, over both adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from core.chunk import EmbeddedChunk, Vector, Vectors
from core.errors import ConfigurationError
from core.metadata import Metadata
from retrieval.embedding.embedders import Embedders, live_of
from retrieval.index.every_generation import EveryGeneration
from retrieval.index.port import DocumentUpdate, SearchIndex
from tests.contract.passages import DIMENSIONS, EMBEDDER, PUBLIC, found, ids, passage, write
from tests.word_tokenizer import WordTokenizer

OTHER = 4


class _Embedder:
    """Every text points the same way."""

    window_tokens = 100
    tokenizer = WordTokenizer()

    def __init__(self, name: str, dimensions: int) -> None:
        self.name, self.dimensions = name, dimensions
        self.embedded = 0

    def warm_up(self) -> None: ...

    def embed_query(self, query: str) -> Vector:
        return np.eye(self.dimensions, dtype=np.float32)[0]

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        self.embedded += len(texts)
        return np.tile(self.embed_query(""), (len(texts), 1))


@pytest.fixture
def other() -> _Embedder:
    return _Embedder("other", OTHER)


@pytest.fixture
def embedders(other: _Embedder) -> Embedders:
    return Embedders(_Embedder(EMBEDDER, DIMENSIONS), "default", lambda _: other)


@pytest.fixture
def every(index: SearchIndex, embedders: Embedders) -> EveryGeneration:
    return EveryGeneration(index, lambda: embedders)


def _lexical(index: SearchIndex, name: str) -> list[str]:
    return sorted(ids(index.for_generation(name).lexical("words", PUBLIC, 10)))


def test_each_gets_vectors_of_its_own_model(every: EveryGeneration, index: SearchIndex, other: _Embedder) -> None:
    new = index.begin("other", OTHER, "other-model")
    write(every, passage("a"), passage("b"))
    assert found(index, PUBLIC) == ["a", "b"] == _lexical(index, new.name)
    assert index.for_generation(new.name).vectors(["a"], PUBLIC)["a"].shape == (1, OTHER)
    assert other.embedded == 2
    write(every, passage("a"), passage("c"))
    assert other.embedded == 3, "what a generation has of a chunk is not embedded again"


def test_deletions_and_permissions_reach_all(every: EveryGeneration, index: SearchIndex) -> None:
    new = index.begin(EMBEDDER, DIMENSIONS)
    write(every, passage("a"), passage("b"), passage("c", version=1), passage("d"))
    assert every.delete_documents({"doc-a": 2}) == 1
    assert (
        every.update_documents(
            [DocumentUpdate("doc-b", acl=["user:x"], metadata=Metadata(title="t"), uri="u", up_to=2)]
        )
        == 1
    )
    assert every.delete_documents({"doc-c": 1}) == 1
    assert every.delete_stale({"doc-d": 1}) == 0
    every.refresh()
    assert found(index, PUBLIC) == ["d"] == _lexical(index, new.name)


def test_the_one_before_goes_on_getting_writes(every: EveryGeneration, index: SearchIndex) -> None:
    old = live_of(index)
    assert old is not None
    new = index.begin(EMBEDDER, DIMENSIONS)
    every.swap(new.name)
    write(every, passage("a"))
    every.swap(old.name)
    assert found(index, PUBLIC) == ["a"]


def test_one_that_is_begun_during_a_write_gets_it_and_one_that_is_dropped_is_no_fault(
    index: SearchIndex, embedders: Embedders, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = EveryGeneration(index, lambda: embedders)
    doomed = index.begin(EMBEDDER, DIMENSIONS)
    write(every, passage("a"))
    original, begun = embedders.of, []

    def meanwhile(generation: object) -> object:
        if not begun:
            index.drop(doomed.name)
            begun.append(index.begin(EMBEDDER, DIMENSIONS).name)
        return original(generation)  # type: ignore[arg-type]

    monkeypatch.setattr(embedders, "of", meanwhile)
    write(every, passage("b"))
    assert found(index, PUBLIC) == ["a", "b"]
    assert _lexical(index, begun[0]) == ["b"]


def test_known_vectors_come_from_the_models_own_generation(every: EveryGeneration, index: SearchIndex) -> None:
    new = index.begin("other", OTHER, "other-model")
    write(every, passage("a"))
    index.swap(new.name)
    assert every.vectors(["a"], PUBLIC)["a"].shape == (1, DIMENSIONS)


def test_a_generation_nobody_can_embed_for_is_named(index: SearchIndex) -> None:
    embedders = Embedders(_Embedder(EMBEDDER, DIMENSIONS), "default", lambda _: _Embedder("third", OTHER))
    every = EveryGeneration(index, lambda: embedders)
    name = index.begin("other", OTHER, "other-model").name
    with pytest.raises(ConfigurationError, match=f"{name}.*footnote index drop"):
        every.upsert([EmbeddedChunk(passage("a").chunk, passage("a").windows)])


def test_the_model_is_written_down(index: SearchIndex, embedders: Embedders) -> None:
    assert index.begin("other", OTHER, "other-model").model == "other-model"
    assert [one.model for one in index.generations()] == ["", "other-model"]
    assert embedders.ensure(index).live
