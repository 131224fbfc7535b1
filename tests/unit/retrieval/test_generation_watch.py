"""Searches follow a swap to a generation of another model, without one that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.chunk import Chunk, EmbeddedChunk, Vector
from core.errors import IndexUnavailable, ModelUnavailable
from core.filters import AnyOf
from core.principal import Principal
from core.settings import Settings
from retrieval.embedding.embedders import Embedders
from retrieval.generation_watch import GenerationWatch, View
from retrieval.index.lance.index import LanceIndex
from retrieval.index.port import Generation
from retrieval.retriever import Retriever

PUBLIC = AnyOf("acl", frozenset({"public"}))


class _Embedder:
    def __init__(self, name: str, dimensions: int) -> None:
        self.name, self.dimensions = name, dimensions
        self.loaded = threading.Event()
        self.loaded.set()
        self.down = False

    def warm_up(self) -> None:
        if self.down:
            raise ModelUnavailable("no model")
        assert self.loaded.wait(30)

    def embed_query(self, query: str) -> Vector:
        return np.eye(self.dimensions, dtype=np.float32)[0]


class _Scene:
    def __init__(self, folder: Path) -> None:
        self.index = LanceIndex(folder)
        self.old, self.new = _Embedder("old", 2), _Embedder("new", 3)
        self.embedders = Embedders(self.old, "old-model", lambda _: self.new)  # type: ignore[arg-type]
        self.first = self.embedders.ensure(self.index).name
        self.fill(self.first, 2)
        self.second = self.index.begin("new", 3, "new-model").name
        self.fill(self.second, 3)
        self.now = 0.0
        self.watch = GenerationWatch(self.index, self.old, lambda: self.now, self.embedders)  # type: ignore[arg-type]

    def fill(self, name: str, dimensions: int) -> None:
        text = f"some words of {name}"
        where: Sequence[object] = (name, name, "s", "u", 0, text, 0, len(text))
        fields = ("id", "document_id", "source_id", "uri", "ordinal", "text", "start", "end")
        chunk = Chunk(**dict(zip(fields, where, strict=True)), acl=("public",))  # type: ignore[arg-type]
        index = self.index.for_generation(name)
        index.upsert([EmbeddedChunk(chunk, np.eye(dimensions, dtype=np.float32)[:1])])
        index.refresh()

    def until(self, name: str) -> None:
        end = time.monotonic() + 30
        while self.watch.view().name != name:
            self.now += 60
            assert time.monotonic() < end


@pytest.fixture
def scene(tmp_path: Path) -> _Scene:
    return _Scene(tmp_path / "index")


def test_until_the_new_model_is_loaded_the_old_generation_is_searched(scene: _Scene) -> None:
    assert scene.watch.view().name == scene.first
    scene.index.swap(scene.second)
    scene.new.loaded.clear()
    scene.now += 60
    view = scene.watch.view()
    assert (view.name, view.embedder) == (scene.first, scene.old)
    assert [hit.chunk_id for hit in view.index.lexical("words", PUBLIC, 5)] == [scene.first]
    scene.new.loaded.set()
    scene.until(scene.second)
    assert scene.watch.view().embedder is scene.new
    scene.index.swap(scene.first)
    scene.now += 60
    scene.until(scene.first)


def test_a_model_that_cannot_be_loaded_leaves_the_old_one_at_work(scene: _Scene) -> None:
    scene.watch.view()
    scene.new.down = True
    scene.index.swap(scene.second)
    scene.now += 60
    for _ in range(3):
        assert scene.watch.view().name == scene.first
    scene.new.down = False
    scene.until(scene.second)


class _HangingIndex(LanceIndex):
    """An index that answers, or raises, when it is let go."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.let_go = threading.Event()
        self.let_go.set()
        self.looks = 0
        self.down = False

    def generations(self) -> list[Generation]:
        self.looks += 1
        assert self.let_go.wait(60)
        if self.down:
            raise IndexUnavailable("no answer")
        return super().generations()


def test_searches_get_past_a_look_that_hangs_side_by_side(tmp_path: Path) -> None:
    """A hanging index made 16 searches take 13 times as long as one: they asked for the generations in a row."""
    index, now, searching = _HangingIndex(tmp_path), [0.0], threading.Barrier(17)
    embedder = _Embedder("old", 2)
    embedders = Embedders(embedder, "old-model", lambda _: embedder)  # type: ignore[arg-type]
    live = embedders.ensure(index).name
    watch = GenerationWatch(index, embedder, lambda: now[0], embedders)  # type: ignore[arg-type]
    assert watch.view().name == live
    index.let_go.clear()
    index.looks, now[0] = 0, 60.0
    found: list[str] = []

    def search() -> None:
        found.append(watch.view().name)
        searching.wait(30)  # all of them are in the index's hands at once, while the look still hangs
        assert not watch.has_moved(View(live, index, embedder))  # type: ignore[arg-type]

    threads = [threading.Thread(target=search) for _ in range(16)]
    for thread in threads:
        thread.start()
    searching.wait(30)
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert (found, index.looks) == ([live] * 16, 1)
    index.let_go.set()


def test_an_index_that_never_answered_is_asked_once_by_all_and_again_by_the_next(tmp_path: Path) -> None:
    index, errors = _HangingIndex(tmp_path), list[IndexUnavailable]()
    embedder = _Embedder("old", 2)
    Embedders(embedder, "old-model", lambda _: embedder).ensure(index)  # type: ignore[arg-type]
    watch = GenerationWatch(index, embedder)  # type: ignore[arg-type]
    index.down, index.looks = True, 0
    index.let_go.clear()

    def search() -> None:
        try:
            watch.view()
        except IndexUnavailable as error:
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    index.let_go.set()
    for thread in threads:
        thread.join(30)
    assert len(errors) == 4
    index.down = False
    assert watch.view().name == watch.name() != ""


def test_a_search_whose_generation_is_dropped_under_it_is_done_again(scene: _Scene, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    retriever = Retriever(scene.index, scene.old, None, settings, scene.embedders)  # type: ignore[arg-type]
    assert retriever.search("words", Principal()).index_generation == scene.first
    scene.index.swap(scene.second)
    scene.index.drop(scene.first)
    response = retriever.search("words", Principal())
    assert response.index_generation == scene.second
    assert [hit.chunk.id for hit in response.hits] == [scene.second]
    assert response.degraded == ()
