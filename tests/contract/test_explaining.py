"""Why a document was found or not, over both adapters; and nothing of one that the reader may not read."""

from __future__ import annotations

import pytest

from core.chunk import Vector
from core.filters import Filter, parse_filters
from core.principal import Principal
from core.settings import RetrievalSettings, Settings
from retrieval.explaining import Explanation, Verdict
from retrieval.index.port import SearchIndex
from retrieval.pipeline import PipelineConfig
from retrieval.retriever import Retriever
from tests.contract.passages import DIMENSIONS, EMBEDDER, at, passage, write

STAFF = Principal("ann@example.com", frozenset({"staff"}))
HYBRID = PipelineConfig(name="both")
SAID_TWICE = "The canteen opens at noon. " * 10


class _Embedder:
    """Every question looks along the first axis."""

    name, dimensions = EMBEDDER, DIMENSIONS

    def embed_query(self, query: str) -> Vector:
        return at(0)


@pytest.fixture(scope="module")
def retriever(shared_index: SearchIndex) -> Retriever:
    write(
        shared_index,
        *(passage(f"near{n}", f"garden number {n}", angles=(n,), acl=("group:staff",)) for n in range(6)),
        passage("leave1", "leave is asked for in writing", angles=(50,), document="leave", department="HR"),
        passage("leave2", "nothing of the kind", angles=(60,), document="leave", department="HR", ordinal=1),
        passage("board", "leave of the board", angles=(1,), acl=("group:board", "user:zoe")),
        passage("canteen1", SAID_TWICE, angles=(5,), document="canteen1"),
        passage("canteen2", SAID_TWICE, angles=(5,), document="canteen2"),
    )
    settings = Settings(retrieval=RetrievalSettings(context_chunks=2, pipelines=(HYBRID,), pipeline=HYBRID.name))
    return Retriever(shared_index, _Embedder(), None, settings)  # type: ignore[arg-type]


def explain(retriever: Retriever, question: str, document: str, reader: Principal, **filters: str) -> Explanation:
    asked: Filter | None = parse_filters(filters)
    return retriever.explain(question, reader, document, filters=asked)


def test_each_leg_and_step_has_its_rank(retriever: Retriever) -> None:
    told = explain(retriever, "leave", "leave", STAFF)
    found = retriever.search("leave", STAFF, limit=50).hits
    first, second = told.passages
    assert (first.chunk_id, first.ordinal, second.chunk_id) == ("leave1", 0, "leave2")
    assert first.ranks["lexical"] == 1
    assert first.ranks["vector"] == 9
    assert "lexical" not in second.ranks  # it has no word of the question
    assert first.place == next(at for at, hit in enumerate(found, start=1) if hit.chunk.id == "leave1")
    assert (told.verdict, told.words, told.opened_by) == (Verdict.GIVEN, True, ("public",))


def test_what_no_word_finds_and_what_an_answer_has_no_room_for(retriever: Retriever) -> None:
    told = explain(retriever, "leave", "doc-near5", STAFF)
    assert (told.verdict, told.words, told.opened_by) == (Verdict.FOUND, False, ("group:staff",))
    assert not told.passages[0].given
    assert told.passages[0].place is not None


def test_a_filter_that_leaves_it_out_is_named(retriever: Retriever) -> None:
    told = explain(retriever, "leave", "leave", STAFF, department="Sales", document_type="pdf")
    assert told.verdict is Verdict.FILTERED
    department, kind = told.filters
    assert (department.field, department.passes, department.has) == ("department", False, ("HR",))
    assert (kind.passes, kind.has) == (False, ())
    assert explain(retriever, "leave", "leave", STAFF, department="hr").verdict is Verdict.GIVEN


def test_a_copy_is_shown_as_the_other_document(retriever: Retriever) -> None:
    told = [explain(retriever, "canteen", name, STAFF) for name in ("canteen1", "canteen2")]
    assert {one.verdict for one in told} == {Verdict.GIVEN, Verdict.COPY}
    shown = next(name for name, one in zip(("canteen1", "canteen2"), told, strict=True) if one.passages[0].given)
    assert {one.passages[0].twin_of for one in told} == {None, shown}


@pytest.mark.parametrize("reader", [STAFF, Principal(), Principal("zoe", sources=frozenset({"s2"}))])
def test_of_a_document_that_the_reader_may_not_read_nothing_else_is_said(
    retriever: Retriever, reader: Principal
) -> None:
    told = explain(retriever, "leave of the board", "doc-board", reader, department="Sales")
    assert (told.verdict, told.filters, told.passages, told.words) == (Verdict.CLOSED, (), (), None)
    assert "board" not in {hit.chunk.id for hit in told.response.hits}


def test_the_terms_that_open_it_are_named(retriever: Retriever) -> None:
    told = explain(retriever, "leave", "doc-board", Principal("zoe", frozenset({"board", "staff"})))
    assert told.opened_by == ("group:board", "user:zoe")


def test_what_the_index_does_not_hold(retriever: Retriever) -> None:
    assert explain(retriever, "leave", "nowhere", STAFF).verdict is Verdict.ABSENT
