"""What title, headings, body and phrases add to the lexical leg, over both adapters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.chunk import EmbeddedChunk
from core.filters import AnyOf
from core.pipeline import FieldWeights
from retrieval.index.port import SearchIndex
from tests.contract.passages import PUBLIC, ids, passage, write

BODY = FieldWeights(title=0, headings=0, phrases=0)
FILLER = "gravel asphalt concrete timber copper granite marble sandstone plaster mortar " * 5


def titled(chunk_id: str, text: str, *, title: str = "", headings: tuple[str, ...] = ()) -> EmbeddedChunk:
    """A passage under a title and headings, of the length of all the others."""
    made = passage(chunk_id, f"{text} {FILLER}", title=title)
    return replace(made, chunk=replace(made.chunk, heading_path=headings))


@pytest.fixture(scope="module")
def shelf(shared_index: SearchIndex) -> SearchIndex:
    """Passages of which each holds the walrus somewhere else, and two with the same words in another order."""
    write(
        shared_index,
        titled("title", "one", title="Walrus", headings=("Care",)),
        titled("heading", "one", title="Animals", headings=("Care", "Walrus")),
        titled("text", "one walrus", title="Animals", headings=("Care",)),
        titled("nothing", "one", title="Animals", headings=("Care",)),
        titled("together", "the terms of service of the harbour"),
        titled("apart", "the service and the terms, harbour"),
        titled("without", "harbour service quay of terms"),
    )
    return shared_index


def found(index: SearchIndex, query: str, fields: FieldWeights) -> dict[str, float]:
    return {candidate.chunk_id: candidate.score for candidate in index.lexical(query, PUBLIC, 10, fields)}


def test_title_and_headings_are_part_of_the_body(shelf: SearchIndex) -> None:
    assert set(found(shelf, "walrus", BODY)) == {"title", "heading", "text"}


@pytest.mark.parametrize("field", ["title", "headings"])
def test_a_field_adds_to_the_score_of_what_has_the_word_there(shelf: SearchIndex, field: str) -> None:
    plain = found(shelf, "walrus", BODY)
    more = found(shelf, "walrus", BODY.model_copy(update={field: 1.0}))
    much = found(shelf, "walrus", BODY.model_copy(update={field: 3.0}))
    only = {"title": "title", "headings": "heading"}[field]
    assert set(more) == set(plain)
    assert next(iter(much)) == only
    for chunk_id, score in plain.items():
        gain = more[chunk_id] - score
        assert (gain > 0.1) == (chunk_id == only)
        assert much[chunk_id] - score == pytest.approx(3 * gain, abs=1e-3)


def test_a_field_can_be_searched_alone(shelf: SearchIndex) -> None:
    assert set(found(shelf, "walrus care", FieldWeights(title=1, headings=0, body=0))) == {"title"}
    alone = found(shelf, "walrus care", FieldWeights(title=0, headings=1, body=0))
    assert next(iter(alone)) == "heading"
    assert set(alone) == {"title", "heading", "text", "nothing"}


def test_a_body_that_counts_twice_as_much_scores_twice_as_much(shelf: SearchIndex) -> None:
    once, twice = found(shelf, "walrus", BODY), found(shelf, "walrus", BODY.model_copy(update={"body": 2.0}))
    assert twice == pytest.approx({chunk_id: 2 * score for chunk_id, score in once.items()}, rel=1e-3)


def test_a_phrase_counts_where_it_stands_as_it_was_asked(shelf: SearchIndex) -> None:
    query = "What are the terms of service?"
    plain = found(shelf, query, BODY)
    more = found(shelf, query, BODY.model_copy(update={"phrases": 1.0}))
    assert set(more) == set(plain) == {"together", "apart", "without"}
    assert next(iter(more)) == "together"
    assert more["together"] > plain["together"] + 0.1
    for other in ("apart", "without"):
        assert more[other] == pytest.approx(plain[other], abs=1e-3)


def test_no_question_is_refused_for_its_phrases(shelf: SearchIndex) -> None:
    every = FieldWeights(title=1, headings=1, body=1, phrases=1)
    for query in (
        "what is the",
        '"terms of service" -harbour +a:b (',
        "terms  \n of\tservice",
        "a" * 3000,
        "条款 服务",
    ):
        assert len(ids(shelf.lexical(query, PUBLIC, 10, every))) <= 7
    assert "together" in found(shelf, "terms of service " * 400, every)
    assert "together" in found(shelf, " ".join(f"word{n}" for n in range(700)) + " terms", every)


def test_a_word_that_is_spelt_nearly_so_is_found_whatever_its_ending(shelf: SearchIndex) -> None:
    for word, meant in (("walruss", "walrus"), ("wlarus", "walrus"), ("servcie", "service"), ("harburs", "harbour")):
        having = set(ids(shelf.lexical(meant, PUBLIC, 10, BODY)))
        assert having
        assert having <= set(ids(shelf.spelt_nearly(word, PUBLIC, 20)))
    assert len(shelf.spelt_nearly("walruss", PUBLIC, 2)) <= 2
    assert shelf.spelt_nearly("walruss", AnyOf("acl", frozenset({"user:nobody"})), 10) == []
    for odd in ("", "the", "a" * 3000, "条款", "a:b (", "\ud83d"):
        shelf.spelt_nearly(odd, PUBLIC, 10)


def test_both_legs_take_the_same_fields(shelf: SearchIndex) -> None:
    fields = BODY.model_copy(update={"title": 3.0})
    vector = passage("x").windows[0]
    legs = shelf.both("walrus", vector, PUBLIC, 10, fields)
    assert legs.lexical == shelf.lexical("walrus", PUBLIC, 10, fields)
