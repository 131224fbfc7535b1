"""trec_eval's figures through our names, against cases worked out by hand; and documents from passages."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from eval.retrieval.scoring import METRICS, DocumentScore, measure

GRADES = {"a": 3, "b": 2, "c": 0, "d": 1}


def one(ranking: list[str], grades: dict[str, int] = GRADES) -> dict[str, float]:
    return measure({"q": ranking}, {"q": grades})["q"]


def test_ndcg_has_the_grade_as_its_gain() -> None:
    dcg = 2 / math.log2(2) + 3 / math.log2(4)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert one(["b", "x", "a"])["ndcg@10"] == pytest.approx(dcg / ideal)
    assert one(["a", "b", "d"])["ndcg@10"] == 1
    assert one(["x"] * 1 + [f"x{n}" for n in range(9)] + ["a"])["ndcg@10"] == 0


def test_recall_mrr_and_map() -> None:
    found = one(["c", "a", "x", "d"])
    assert found["recall@10"] == pytest.approx(2 / 3)
    assert found["mrr@10"] == pytest.approx(1 / 2)
    assert found["map"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    deep = [f"x{n}" for n in range(49)] + ["a"] + [f"y{n}" for n in range(49)] + ["b"]
    assert [one(deep)[metric] for metric in ("recall@10", "recall@50", "recall@100")] == pytest.approx(
        [0, 1 / 3, 2 / 3]
    )
    assert one([f"x{n}" for n in range(10)] + ["a"])["mrr@10"] == 0


def test_a_query_without_a_ranking_scores_nothing_and_is_there() -> None:
    found = measure({"q": []}, {"q": GRADES, "missing": {"a": 1}})
    assert found == {query: dict.fromkeys(METRICS, 0.0) for query in ("q", "missing")}


@given(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1))
def test_the_order_given_is_the_order_measured(ranking: list[str]) -> None:
    """trec_eval breaks ties by name; a ranking has none."""
    for place, document in enumerate(ranking, start=1):
        assert one(ranking, {document: 1})["map"] == pytest.approx(1 / place)


def test_a_document_stands_where_its_best_passage_does() -> None:
    assert DocumentScore().ranking(["b", "a", "b", "c"]) == ["b", "a", "c"]


def test_a_sum_counts_the_best_passages_and_no_more() -> None:
    passages = ["a", "b", "b", "c", "c", "c"]
    assert DocumentScore("sum:2").ranking(passages) == ["b", "a", "c"]  # 1.13, 1, .82
    assert DocumentScore("sum:3").ranking(passages) == ["c", "b", "a"]  # 1.17
    assert DocumentScore("sum:1").ranking(passages) == ["a", "b", "c"]


@given(st.lists(st.sampled_from("abcd")))
def test_every_rule_ranks_the_same_documents_once(passages: list[str]) -> None:
    for rule in ("max", "sum:1", "sum:3"):
        ranking = DocumentScore(rule).ranking(passages)
        assert sorted(ranking) == sorted(set(passages))


@pytest.mark.parametrize("rule", ["", "mean", "sum:0", "sum:", "max:2"])
def test_an_unknown_rule_is_refused(rule: str) -> None:
    with pytest.raises(InvalidRequest, match="use max, or sum:N"):
        DocumentScore(rule)
