"""Late interaction over token embeddings that are known."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.chunk import Vectors
from core.settings import EmbedderSettings
from retrieval.embedding.port import TokenEmbeddings
from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder
from retrieval.reranking.late_interaction import LateInteractionReranker
from retrieval.reranking.port import Reranker

WORDS = ("leave", "holiday", "parental", "travel", "cost", "the", "staff", "x")
EMBEDDINGS = np.eye(len(WORDS), dtype=np.float32) * 3  # of any length: the cosine counts
EMBEDDINGS[1] = EMBEDDINGS[0] * 0.8 + EMBEDDINGS[1] * 0.6  # a holiday is much like leave


class Words:
    """A token is a word."""

    name = "words"

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return [np.array([WORDS.index(word) for word in text.split()], np.int32) for text in texts]

    def token_embeddings(self, tokens: NDArray[np.int32]) -> Vectors:
        return EMBEDDINGS[tokens]


@pytest.fixture
def reranker() -> LateInteractionReranker:
    assert isinstance(Words(), TokenEmbeddings)
    made = LateInteractionReranker(Words())
    assert isinstance(made, Reranker)
    return made


def test_what_was_asked_comes_before_what_is_like_it_and_that_before_the_rest(
    reranker: LateInteractionReranker,
) -> None:
    exact, alike, other = reranker.score("leave", ["the leave", "the holiday", "the travel"])
    assert exact == pytest.approx(1)
    assert alike == pytest.approx(0.8)
    assert other == pytest.approx(0)


def test_words_that_stand_together_count_more(reranker: LateInteractionReranker) -> None:
    far = "parental " + "x " * 100 + "leave"
    near = "x " * 50 + "parental leave " + "x " * 50
    apart, together = reranker.score("parental leave", [far, near])
    assert together == pytest.approx(1)
    assert apart == pytest.approx(0.5, abs=0.1)


def test_a_window_sees_across_the_border_of_its_blocks(reranker: LateInteractionReranker) -> None:
    for place in range(60):
        text = "x " * place + "parental leave" + " x" * (60 - place)
        assert reranker.score("parental leave", [text, "x"])[0] == pytest.approx(1)


def test_what_all_passages_have_hardly_counts(reranker: LateInteractionReranker) -> None:
    passages = ["staff cost", *["staff travel"] * 9]
    scores = reranker.score("staff cost", passages)
    assert scores[0] == pytest.approx(1)
    assert max(scores[1:]) < 0.1


def test_a_word_asked_twice_counts_twice(reranker: LateInteractionReranker) -> None:
    once = reranker.score("leave cost", ["leave", "cost"])
    twice = reranker.score("leave leave cost", ["leave", "cost"])
    assert once == pytest.approx([0.5, 0.5])
    assert twice == pytest.approx([2 / 3, 1 / 3])


def test_nothing_to_read_is_nothing_found(reranker: LateInteractionReranker) -> None:
    assert reranker.score("leave", []) == []
    assert reranker.score("leave", ["", "leave", ""]) == pytest.approx([0, 1, 0])
    assert reranker.score("leave", ["", ""]) == [0, 0]
    assert reranker.score("", ["leave"]) == [0]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=400).map(" ".join),
    st.lists(st.lists(st.sampled_from(WORDS), max_size=150).map(" ".join), min_size=1, max_size=6),
)
def test_scores_are_bounded_and_go_with_their_passages(query: str, passages: list[str]) -> None:
    reranker = LateInteractionReranker(Words())
    scores = reranker.score(query, passages)
    assert len(scores) == len(passages)
    assert all(-1e-5 <= score <= 1 + 1e-5 for score in scores)
    assert reranker.score(query, passages[::-1]) == pytest.approx(scores[::-1], abs=1e-5)


def test_the_packaged_embedder_knows_words_that_mean_alike() -> None:
    embedder = SentenceTransformersEmbedder(EmbedderSettings(device="cpu"))
    assert isinstance(embedder, TokenEmbeddings)
    reranker = LateInteractionReranker(embedder)
    assert reranker.name == f"late-interaction-{embedder.name}"
    reranker.warm_up()
    passages = ["The company car must be booked.", "The automobile has to be booked.", "The dinner has to be booked."]
    exact, alike, other = reranker.score("car", passages)
    assert exact > alike > other
    (tokens,) = embedder.token_ids(["leave"])
    assert embedder.token_embeddings(tokens).shape == (1, 384)
    assert not embedder.token_embeddings(np.array([10**9], np.int32)).any()
