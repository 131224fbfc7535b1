"""What every search index must do when it is shared, over both adapters: generations, handles, threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from core.chunk import EmbeddedChunk
from core.errors import ConfigurationError, Conflict, FootnoteError, NotFound
from core.filters import AnyOf
from retrieval.index.port import SearchIndex
from tests.contract.passages import DIMENSIONS, EMBEDDER, PUBLIC, at, found, ids, passage, write

OpenIndex = Callable[[], SearchIndex]


class TestGenerations:
    def test_ensure_makes_one_and_keeps_it(self, index: SearchIndex, open_index: OpenIndex) -> None:
        first = index.ensure(EMBEDDER, DIMENSIONS)
        assert (first.embedder, first.dimensions, first.live) == (EMBEDDER, DIMENSIONS, True)
        assert open_index().ensure(EMBEDDER, DIMENSIONS) == first
        assert index.generations() == [first]

    @pytest.mark.parametrize(("embedder", "dimensions"), [("another", DIMENSIONS), (EMBEDDER, DIMENSIONS * 2)])
    def test_ensure_refuses_another_embedder(self, index: SearchIndex, embedder: str, dimensions: int) -> None:
        with pytest.raises(ConfigurationError, match=embedder):
            index.ensure(embedder, dimensions)

    def test_a_new_one_is_built_beside_the_old_and_swapped_in(self, index: SearchIndex, open_index: OpenIndex) -> None:
        write(index, passage("old"))
        old = index.ensure(EMBEDDER, DIMENSIONS)
        new = index.begin("better-embedder", 4)
        assert not new.live
        assert old.name < new.name
        building = index.for_generation(new.name)
        write(building, EmbeddedChunk(passage("new").chunk, np.eye(4, dtype=np.float32)[:1]))
        assert found(index, PUBLIC) == ["old"]
        index.swap(new.name)
        other = open_index()
        for handle in (index, other, building):
            assert ids(handle.lexical("words", PUBLIC, 5)) == ["new"]
            assert ids(handle.vector(np.eye(4, dtype=np.float32)[0], PUBLIC, 5)) == ["new"]
        assert found(index.for_generation(old.name), PUBLIC) == ["old"]
        assert [(g.name, g.live) for g in other.generations()] == [(old.name, False), (new.name, True)]
        assert other.ensure("better-embedder", 4).name == new.name
        index.swap(old.name)
        assert found(other, PUBLIC) == ["old"]

    def test_only_one_that_is_not_live_can_be_dropped(self, index: SearchIndex) -> None:
        write(index, passage("a"))
        live = index.ensure(EMBEDDER, DIMENSIONS)
        with pytest.raises(Conflict):
            index.drop(live.name)
        spare = index.begin(EMBEDDER, DIMENSIONS)
        index.drop(spare.name)
        assert index.generations() == [live]
        assert found(index, PUBLIC) == ["a"]
        assert index.begin(EMBEDDER, DIMENSIONS).name > live.name

    def test_one_that_is_not_there_is_not_found(self, index: SearchIndex) -> None:
        for act in (index.drop, index.swap):
            with pytest.raises(NotFound):
                act("no-such-generation")


class TestSharing:
    def test_a_second_handle_sees_what_the_first_writes(self, index: SearchIndex, open_index: OpenIndex) -> None:
        other = open_index()
        assert found(other, PUBLIC) == []
        write(index, passage("a"), passage("b"))
        assert found(other, PUBLIC) == ["a", "b"]
        other.delete_documents({"doc-a": 2})
        other.refresh()
        assert found(index, PUBLIC) == ["b"]

    def test_threads_write_and_read_at_once(self, index: SearchIndex, open_index: OpenIndex) -> None:
        failures: list[FootnoteError] = []

        def work(handle: SearchIndex, worker: int) -> None:
            try:
                for n in range(4):
                    name = f"w{worker}n{n}"
                    write(handle, passage(name, document=f"d{worker}"), passage("shared"))
                    assert ids(handle.vector(at(0), AnyOf("document_id", frozenset({f"d{worker}"})), 10))
                handle.delete_documents({f"d{worker}": 2} if worker % 2 else {})
            except FootnoteError as error:
                failures.append(error)

        handles = [index, index, open_index(), open_index()]
        threads = [threading.Thread(target=work, args=(handle, n)) for n, handle in enumerate(handles)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        index.refresh()
        assert failures == []
        assert found(index, PUBLIC) == sorted([f"w{worker}n{n}" for worker in (0, 2) for n in range(4)] + ["shared"])
        assert index.counts().chunks == 9
