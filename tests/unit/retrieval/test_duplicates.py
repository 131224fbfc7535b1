"""One result for each text, with its other places, of what its reader may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chunk import Chunk, EmbeddedChunk, Vector, Vectors
from core.filters import All, AnyOf, Filter
from core.metadata import Metadata
from core.pipeline import FieldWeights
from core.principal import Principal
from core.settings import RerankerSettings, RetrievalSettings, Settings
from retrieval.hit import SearchHit
from retrieval.index.port import Candidate, Generation, LegResults
from retrieval.retriever import Retriever

LONG = " ".join(f"word{place}" for place in range(60))


def chunk(
    name: str, text: str, *, acl: str = "public", title: str = "", document: str = "", department: str = "HR"
) -> Chunk:
    return Chunk(
        id=name,
        document_id=document or f"doc-{name}",
        source_id="s",
        uri=f"file:///{name}",
        ordinal=0,
        text=text,
        start=0,
        end=len(text),
        acl=(acl,),
        metadata=Metadata(title=title or name, department=department),
    )


def passes(one: Chunk, filter: Filter) -> bool:
    if isinstance(filter, All):
        return all(passes(one, clause) for clause in filter.clauses)
    assert isinstance(filter, AnyOf)
    held = one.acl if filter.field == "acl" else (one.metadata.department,)
    return not filter.values.isdisjoint(held)


@dataclass
class Shelf:
    """An index that ranks what passes the filter in the order in which it was given."""

    chunks: Sequence[Chunk]
    rounds: int = 0

    def lexical(self, query: str, filter: Filter, k: int, fields: FieldWeights) -> list[Candidate]:
        self.rounds += 1
        passing = [one for one in self.chunks if passes(one, filter)]
        return [Candidate(one.id, one.document_id, 1.0 / at) for at, one in enumerate(passing[:k], start=1)]

    def both(self, query: str, embedding: Vector, filter: Filter, k: int, fields: FieldWeights) -> LegResults:
        return LegResults(self.lexical(query, filter, k, fields), self.lexical(query, filter, k, fields))

    def fetch(self, chunk_ids: Sequence[str], filter: Filter) -> list[Chunk]:
        found = {one.id: one for one in self.chunks if passes(one, filter)}
        return [found[each] for each in chunk_ids if each in found]

    def fetch_embedded(self, chunk_ids: Sequence[str], filter: Filter) -> list[EmbeddedChunk]:
        return [EmbeddedChunk(one, np.eye(1, 2, dtype=np.float32)) for one in self.fetch(chunk_ids, filter)]

    def vectors(self, chunk_ids: Sequence[str], filter: Filter) -> dict[str, Vectors]:
        return {}

    def generations(self) -> list[Generation]:
        return [Generation("g", "fake", 2, True)]


class Model:
    name = "fake"
    dimensions = 2
    embedded = 0

    def embed_query(self, query: str) -> Vector:
        self.embedded += 1
        return np.array([1, 0], np.float32)

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        return [float(len(passage)) for passage in passages]


def search(
    chunks: Sequence[Chunk],
    *terms: str,
    rerank: bool = False,
    shelf: Shelf | None = None,
    model: Model | None = None,
    **more: object,
) -> tuple[SearchHit, ...]:
    model = model or Model()
    settings = Settings(retrieval=RetrievalSettings(depth=10), reranker=RerankerSettings(depth=3, weight=1))
    retriever = Retriever(shelf or Shelf(chunks), model, model if rerank else None, settings)  # type: ignore[arg-type]
    reader = Principal(groups=frozenset(terms))
    return retriever.search("words", reader, **{"pipeline": None if rerank else "lexical", **more}).hits  # type: ignore[arg-type]


def shown(hits: Sequence[SearchHit]) -> list[tuple[str, list[str]]]:
    return [(hit.chunk.id, [other.document_id for other in hit.duplicates]) for hit in hits]


def test_copies_are_one_result_with_its_other_places() -> None:
    chunks = [chunk("a", LONG), chunk("b", "other"), chunk("c", f" {LONG}\n", title="Copy")]
    hits = search(chunks)
    assert shown(hits) == [("a", ["doc-c"]), ("b", [])]
    (other,) = hits[0].duplicates
    assert (other.document_id, other.uri, other.title) == ("doc-c", "file:///c", "Copy")


def test_a_few_words_are_the_same_only_under_the_same_title() -> None:
    chunks = [
        chunk("a", "120 EUR.", title="Rome"),
        chunk("b", "120 EUR.", title="Oslo"),
        chunk("c", "120 EUR.", title="Rome"),
    ]
    assert shown(search(chunks)) == [("a", ["doc-c"]), ("b", [])]


def test_a_text_that_one_document_holds_twice_has_two_places() -> None:
    chunks = [
        chunk(name, LONG, document=document) for name, document in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"))
    ]
    assert shown(search(chunks)) == [("a", ["y"]), ("b", ["y"])]


def test_a_copy_that_the_filter_leaves_out_is_no_place() -> None:
    chunks = [chunk("a", LONG, department="IT"), chunk("b", LONG), chunk("c", LONG)]
    assert shown(search(chunks, filters=AnyOf("department", frozenset({"HR"})))) == [("b", ["doc-c"])]


def test_pages_hold_each_text_once_and_are_full_however_many_copies_there_are() -> None:
    chunks = [chunk(f"{text}{copy}", f"{LONG} {text}") for text in "abcdefgh" for copy in range(40)]
    shelf = Shelf(chunks)
    first, second = (search(chunks, shelf=shelf, limit=4, offset=offset) for offset in (0, 4))
    assert [hit.chunk.id for hit in (*first, *second)] == [f"{text}0" for text in "abcdefgh"]
    assert shelf.rounds > 2
    assert search(chunks, limit=4, offset=8) == ()


def test_a_question_is_embedded_once_however_deep_copies_make_a_search_look() -> None:
    chunks = [chunk(f"{text}{copy}", f"{LONG} {text}") for text in "abcd" for copy in range(40)]
    shelf, model = Shelf(chunks), Model()
    assert len(search(chunks, shelf=shelf, model=model, limit=4, pipeline="hybrid")) == 4
    assert shelf.rounds > 2
    assert model.embedded == 1


def test_the_reranker_reads_each_text_once() -> None:
    chunks = [
        chunk("a", LONG),
        chunk("b", LONG),
        chunk("c", LONG + " more"),
        chunk("d", LONG + " and even more"),
        chunk("e", "e"),
    ]
    assert shown(search(chunks, rerank=True)) == [("d", []), ("c", []), ("a", ["doc-b"]), ("e", [])]


PASSAGES = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["public", "group:a", "group:b"])), max_size=30)


@given(PASSAGES, st.sets(st.sampled_from("ab")), st.integers(0, 5), st.booleans())
def test_what_a_reader_may_not_see_changes_nothing(
    passages: list[tuple[str, str]], groups: set[str], offset: int, rerank: bool
) -> None:
    chunks = [chunk(f"{at}", f"{LONG} {text}", acl=acl) for at, (text, acl) in enumerate(passages)]
    terms = {"public", *(f"group:{name}" for name in groups)}
    seen = [one for one in chunks if not terms.isdisjoint(one.acl)]
    found = search(chunks, *groups, offset=offset, limit=2, rerank=rerank)
    assert found == search(seen, *groups, offset=offset, limit=2, rerank=rerank)
    named = {place.document_id for hit in found for place in hit.duplicates} | {hit.chunk.document_id for hit in found}
    assert named <= {one.document_id for one in seen}


@given(PASSAGES)
def test_every_document_is_named_once(passages: list[tuple[str, str]]) -> None:
    chunks = [chunk(f"{at}", f"{LONG} {text}") for at, (text, _) in enumerate(passages)]
    hits = search(chunks, limit=50)
    named = [name for hit in hits for name in (hit.chunk.document_id, *(other.document_id for other in hit.duplicates))]
    assert sorted(named) == sorted(one.document_id for one in chunks)
    assert len(hits) == len({one.text for one in chunks})


@pytest.mark.parametrize("pipeline", ["lexical", "hybrid", "convex+neighbours"])
def test_all_pipelines_group(pipeline: str) -> None:
    assert shown(search([chunk("a", LONG), chunk("b", LONG)], pipeline=pipeline)) == [("a", ["doc-b"])]
