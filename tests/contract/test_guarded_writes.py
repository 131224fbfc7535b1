"""Writes that come late, twice, in any order or from someone who dies change nothing, over both adapters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.chunk import EmbeddedChunk
from core.filters import All, AnyOf
from retrieval.index.port import DocumentUpdate, IndexedDocument, SearchIndex
from tests.contract.passages import DIMENSIONS, EMBEDDER, PUBLIC, found, passage, write
from tests.unit.ingestion.tasks.fakes import FakeIndex

Kind = Literal["content", "permissions", "unparsed", "deleted"]
"""What a version of a document changes. ``unparsed``: permissions too, but its new content is yet to be written."""
Write = Callable[[SearchIndex | FakeIndex], object]
_NUMBERS = itertools.count()
_EVERYTHING = All(())


@dataclass(frozen=True)
class Life:
    """A document's versions, from 1: what each changes, and the writes that tell an index of it."""

    document: str
    kinds: Sequence[Kind]

    def acl(self, version: int) -> tuple[str, ...]:
        return (f"user:v{version}",)

    def content(self, version: int, as_of: int, windows: int) -> list[EmbeddedChunk]:
        """Chunks of a version: one that all have, and some that few have."""
        own = [f"{self.document}-shared", *(f"{self.document}-{version % 2}-{n}" for n in range(version % 3))]
        made = [passage(name, document=self.document, version=version, acl=self.acl(as_of)) for name in own]
        return [EmbeddedChunk(one.chunk, one.windows[:, :windows]) for one in made]

    def writes(self, version: int, windows: int) -> list[Write]:
        kind = self.kinds[version - 1]
        if kind == "deleted":
            return [lambda index: index.delete_documents({self.document: version})]
        told = DocumentUpdate(self.document, acl=self.acl(version), up_to=version, restamp=kind == "permissions")
        if kind != "content":
            return [lambda index: index.update_documents([told]), *self._rebuilt(version, windows)]
        return [
            lambda index: index.update_documents([told]),
            lambda index: index.upsert(self.content(version, version, windows)),
            lambda index: index.delete_stale({self.document: version}),
        ]

    def _rebuilt(self, version: int, windows: int) -> list[Write]:
        """A build writes what was indexed last, with the permissions of now."""
        alive = list(itertools.takewhile(lambda one: self.kinds[one - 1] != "deleted", range(version - 1, 0, -1)))
        indexed = next((one for one in alive if self.kinds[one - 1] == "content"), None)
        if indexed is None:
            return []
        chunks = self.content(indexed, version, windows)
        return [lambda index: index.upsert(chunks, {self.document: version})]


@st.composite
def lives(draw: st.DrawFn) -> list[Kind]:
    """Starts with content, and comes back from a deletion with content."""
    kinds: list[Kind] = ["content"]
    for _ in range(draw(st.integers(1, 5))):
        after: list[Kind] = ["content"] if kinds[-1] == "deleted" else ["content", "permissions", "unparsed", "deleted"]
        kinds.append(draw(st.sampled_from(after)))
    return kinds


def _held(index: Any, document: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Version and readers of a document's chunks."""
    index.refresh()
    ids = [f"{document}-shared", *(f"{document}-{odd}-{n}" for odd in (0, 1) for n in range(3))]
    return {
        chunk.id: (chunk.version, chunk.acl) for chunk in index.fetch(ids, AnyOf("document_id", frozenset({document})))
    }


def test_the_highest_version_wins_in_any_order(shared_index: SearchIndex) -> None:
    @settings(max_examples=20, derandomize=True)
    @given(kinds=lives(), data=st.data())
    def check(kinds: list[Kind], data: st.DataObject) -> None:
        life = Life(f"life{next(_NUMBERS)}", kinds)
        every = {
            version: (life.writes(version, DIMENSIONS), life.writes(version, 2)) for version in range(1, len(kinds) + 1)
        }
        pool = [(version, place) for version, (mine, _) in every.items() for place in range(len(mine))]
        order = data.draw(st.permutations(pool)) + data.draw(st.lists(st.sampled_from(pool), max_size=3))
        last = len(kinds)
        order = [*order[: data.draw(st.integers(1, 8))], *((last, place) for place in range(len(every[last][0])))]
        fake, heard = FakeIndex(), 0
        for version, place in order:
            every[version][0][place](shared_index)
            every[version][1][place](fake)
            if place == 0:  # the index was told of permissions, or that it is gone
                heard = max(heard, version)
            assert all(fake.told[key] >= heard for key in fake.chunks)
        held = _held(shared_index, life.document)
        assert held == {key: (chunk.version, chunk.acl) for key, chunk in fake.chunks.items()}
        assert {acl for _, acl in held.values()} <= {life.acl(last)}
        if kinds[-1] == "content":
            assert set(held) == {one.chunk.id for one in life.content(last, last, DIMENSIONS)}
        if kinds[-1] == "deleted":
            assert held == {}

    check()


def test_a_document_is_refused_with_the_version_that_was_heard(index: SearchIndex) -> None:
    write(index, passage("a", document="d", version=4), passage("b", document="e", version=4))
    index.update_documents([DocumentUpdate("d", acl=["user:ann"], up_to=6)])
    late = [passage("a", document="d", version=5), passage("c", document="d", version=5)]
    assert index.upsert([*late, passage("b2", document="e", version=4)]) == {"d": 6}
    index.refresh()
    assert found(index, PUBLIC) == ["b", "b2"]
    assert index.counts().chunks == 3
    assert index.documents("", 9)[0] == IndexedDocument("d", {6: 1}, frozenset({"user:ann"}), 6)


def test_permissions_of_a_document_that_has_no_chunks_yet_hold_for_late_ones(index: SearchIndex) -> None:
    assert index.update_documents([DocumentUpdate("d", acl=["user:ann"], up_to=2, restamp=False)]) == 0
    assert index.upsert([passage("a", document="d", version=1)]) == {"d": 2}
    assert index.upsert([passage("a", document="d", version=1, acl=("user:ann",))], {"d": 2}) == {}
    index.refresh()
    assert [chunk.acl for chunk in index.fetch(["a"], _EVERYTHING)] == [("user:ann",)]


def test_older_permissions_do_not_replace_newer_ones_on_chunks_that_kept_their_version(index: SearchIndex) -> None:
    write(index, passage("a", document="d", version=1))
    index.update_documents([DocumentUpdate("d", acl=["user:ann"], up_to=3, restamp=False)])
    assert index.update_documents([DocumentUpdate("d", acl=["public"], up_to=2, restamp=False)]) == 0
    index.refresh()
    assert found(index, PUBLIC) == []
    assert index.documents("", 1)[0].latest == 3


def test_chunks_of_two_versions_of_a_document_do_not_come_together(index: SearchIndex) -> None:
    with pytest.raises(ValueError, match="several versions"):
        index.upsert([passage("a", document="d", version=1), passage("b", document="d", version=2)])
    assert index.counts().chunks == 0


def test_each_generation_remembers_for_itself(index: SearchIndex) -> None:
    index.delete_documents({"d": 3})
    beside = index.for_generation(index.begin(EMBEDDER, DIMENSIONS).name)
    assert beside.upsert([passage("a", document="d", version=1)]) == {}
    assert index.upsert([passage("a", document="d", version=1)]) == {"d": 3}
    beside.refresh()
    assert beside.counts().chunks == 1
