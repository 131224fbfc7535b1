"""What the sides are given: whole documents, or pieces that fit the model's window and lose nothing."""

from __future__ import annotations

import pytest

from eval.bench.peers.texts import covered, document_of, first, texts_of
from eval.datasets import Collection, DatasetError, Document
from tests.unit.eval.word_embedder import WordEmbedder

LONG = " ".join(f"word{n}" for n in range(50))
DOCUMENTS = (Document("a#1", "A title", LONG), Document("b", "", "short text"), Document("empty", " ", ""))


def test_whole_documents_are_given_as_they_are() -> None:
    texts = texts_of(DOCUMENTS, WordEmbedder(window_tokens=20), fit=False)
    assert texts == [
        {"id": "a#1", "title": "A title", "text": LONG},
        {"id": "b", "title": "", "text": "short text"},
    ]
    assert [document_of(text["id"], fit=False) for text in texts] == ["a#1", "b"]
    assert covered(texts, WordEmbedder(window_tokens=20)) == pytest.approx((20 + 2) / (52 + 2))


def test_pieces_fit_cover_everything_and_lead_back_to_their_document() -> None:
    texts = texts_of(DOCUMENTS, WordEmbedder(window_tokens=20), fit=True)
    assert all(len(text["text"].split()) <= 20 for text in texts)
    assert set(LONG.split()) <= {word for text in texts for word in text["text"].split()}
    assert {document_of(text["id"], fit=True) for text in texts} == {"a#1", "b"}
    assert len({text["id"] for text in texts}) == len(texts)
    assert covered(texts, WordEmbedder(window_tokens=20)) == 1


def test_of_a_part_of_the_documents_only_the_questions_that_it_answers_are_left() -> None:
    qrels = {"q1": {"a#1": 1, "b": 1}, "q2": {"b": 1}, "q3": {"a#1": 0, "b": 1}}
    whole = Collection("c", DOCUMENTS, {"q1": "one", "q2": "two", "q3": "three"}, qrels)
    part = first(whole, 1)
    assert part.documents == DOCUMENTS[:1]
    assert part.queries == {"q1": "one"}
    assert part.qrels == {"q1": {"a#1": 1}}
    assert first(whole, 3) == whole
    with pytest.raises(DatasetError, match="first 1 documents"):
        first(Collection("c", DOCUMENTS, {"q2": "two"}, {"q2": {"b": 1}}), 1)
