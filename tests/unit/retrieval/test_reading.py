"""What reads the best passages: how it changes the order, and what is said when it can't."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from core.chunk import Chunk, Vectors
from core.errors import ModelUnavailable
from core.pipeline import FusionConfig, LateInteractionConfig, LegWeights, PipelineConfig, RerankConfig
from retrieval.generation_watch import View
from retrieval.notes import Notes
from retrieval.ranked import Ranked, weigh_words
from retrieval.reading import read_tokens, rerank, words_found


class Letters:
    """A token is a letter, and unlike any other."""

    name = "letters"
    down = False

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return [np.array([ord(letter) - ord("a") for letter in text], np.int32) for text in texts]

    def token_embeddings(self, tokens: NDArray[np.int32]) -> Vectors:
        if self.down:
            raise ModelUnavailable("no model")
        return np.eye(26, dtype=np.float32)[tokens]


class EndOfTheAlphabet:
    name = "end-of-the-alphabet"

    def warm_up(self) -> None: ...

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        return [float(ord(passage[-1])) for passage in passages]


def notes(embedder: object) -> Notes:
    return Notes(View("g1", None, embedder))  # type: ignore[arg-type]


def found(*texts: str) -> list[Ranked]:
    """Candidates of falling score with these passages."""
    ranked = []
    for place, text in enumerate(texts):
        chunk = Chunk(id=text, document_id=text, source_id="s", uri="u", ordinal=0, text=text, start=0, end=len(text))
        ranked.append(Ranked(text, 1.0 - place / 10, None, None, {}, chunk=chunk))
    return ranked


def ids(ranked: Sequence[Ranked]) -> list[str]:
    return [item.id for item in ranked]


def test_tokens_reorder_by_both_scores_on_the_scale_of_the_first() -> None:
    head, said = found("xy", "xz", "ab"), notes(Letters())
    read_tokens("ab", head, LateInteractionConfig(weight=0.6), said)
    assert ids(head) == ["ab", "xy", "xz"]
    assert [item.hit().score for item in head] == pytest.approx([0.92, 0.88, 0.84]), "from .8 to 1, as before"
    assert [item.hit().scores.fused for item in head] == pytest.approx([0.8, 1.0, 0.9])
    assert head[0].hit().ranks.rerank is None
    assert said.degraded == []
    assert "interact" in said.timings_ms


@pytest.mark.parametrize("weight", [0, 1])
def test_a_weight_of_nothing_and_of_all(weight: float) -> None:
    head = found("xy", "ab", "ay")
    read_tokens("ab", head, LateInteractionConfig(weight=weight), notes(Letters()))
    assert ids(head) == (["ab", "ay", "xy"] if weight else ["xy", "ab", "ay"])


def test_what_scored_alike_before_is_told_apart() -> None:
    head = found("xy", "ab")
    head[1].fused = head[0].fused
    read_tokens("ab", head, LateInteractionConfig(), notes(Letters()))
    assert ids(head) == ["ab", "xy"]


def test_without_tokens_the_order_before_stands() -> None:
    for embedder, why in ((object(), "shows no token embeddings"), (Letters(), "no model")):
        if isinstance(embedder, Letters):
            embedder.down = True
        ranked, said = found("xy", "ab"), notes(embedder)
        read_tokens("ab", ranked, LateInteractionConfig(), said)
        assert ids(ranked) == ["xy", "ab"]
        assert len(said.degraded) == 1
        assert said.degraded[0].startswith("late interaction: ")
        assert why in said.degraded[0]


def test_a_reranker_reads_after_that_and_has_its_say() -> None:
    ranked, said = found("ab", "z", "y"), notes(Letters())
    read_tokens("ab", ranked, LateInteractionConfig(), said)
    rerank(EndOfTheAlphabet(), "ab", ranked, RerankConfig(depth=2, weight=0.5), said)
    assert sorted(ids(ranked)[:2]) == ["ab", "z"]
    assert [item.hit().ranks.rerank for item in ranked] == [1, 2, None]
    assert {item.rerank for item in ranked[:2]} == {float(ord("b")), float(ord("z"))}
    assert ranked[0].hit().score >= ranked[1].hit().score, "the score that placed it, not the reranker's own"


class Counting(EndOfTheAlphabet):
    def __init__(self) -> None:
        self.read: list[int] = []

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        self.read.append(len(passages))
        return super().score(query, passages)


def test_it_stops_reading_where_nothing_comes_among_the_best_any_more() -> None:
    falling, rising = "zyxwvutsrqponmlkjihgfedcba", "abcdefghijklmnopqrstuvwxyz"
    for letters, read in ((falling, [10, 10]), (rising, [10, 10, 6])):
        reranker, ranked = Counting(), found(*letters)
        rerank(reranker, "q", ranked, RerankConfig(depth=26, patience=10), notes(Letters()))
        assert reranker.read == read
        assert ids(ranked) == list(falling)
        assert [item.hit().ranks.rerank is not None for item in ranked].count(True) == sum(read)


def test_nothing_found_is_nothing_to_read() -> None:
    reranker, said = Counting(), notes(Letters())
    rerank(reranker, "q", [], RerankConfig(patience=10), said)
    read_tokens("q", [], LateInteractionConfig(), said)
    assert reranker.read == []
    assert said.degraded == []


def of_both_legs(*texts: str) -> list[Ranked]:
    """Candidates that the lexical leg puts in this order, and the vector leg in the opposite one."""
    ranked = found(*texts)
    for place, item in enumerate(ranked, start=1):
        behind = len(ranked) + 1 - place
        item.lexical, item.vector, item.fused = float(behind), place / 10, 0.5
        item.ranks = {"lexical": place, "vector": behind}
    return ranked


@pytest.mark.parametrize(
    ("question", "share"),
    [("alpha beta gamma delta", 1.0), ("alpha x y z", (0.25 / 0.7) ** 2), ("w x y z", 0.0)],
)
def test_words_count_as_far_as_they_are_found(question: str, share: float) -> None:
    ranked = of_both_legs("alpha beta gamma", "beta", "gamma")
    assert words_found(question, ranked, LateInteractionConfig()) == pytest.approx(share)
    assert words_found(question, ranked, LateInteractionConfig(coverage=0)) == 1


def test_only_the_best_by_words_are_looked_at() -> None:
    ranked = of_both_legs("a1", "b1", "c1", "alpha beta")
    assert words_found("alpha beta", ranked, LateInteractionConfig()) == 0


def test_a_lexical_leg_whose_passages_lack_the_words_counts_less() -> None:
    pipeline = PipelineConfig(name="p", fusion=FusionConfig(method="convex", weights=LegWeights(lexical=2)))
    for share, order in ((1.0, ["one", "two", "three"]), (0.1, ["three", "two", "one"])):
        ranked = of_both_legs("one", "two", "three")
        head = list(ranked)
        weigh_words(ranked, head, pipeline, share)
        assert ids(head) == order
        assert [item.fused for item in head] == [0.5] * 3, "what fusion gave stays to be seen"
