"""Metrics against cases worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.latency import ratio, report
from eval.metrics import bootstrap, mean_with_interval, ndcg, recall, reciprocal_rank

GRADES = {"a": 3, "b": 2, "c": 0, "d": 1}


def test_ndcg_by_hand() -> None:
    dcg = 2 / math.log2(2) + 3 / math.log2(4)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(["b", "x", "a"], GRADES) == pytest.approx(dcg / ideal)
    assert ndcg(["b", "x", "a"], GRADES, k=1) == pytest.approx(2 / 3)
    assert ndcg(["a", "b", "d"], GRADES) == 1
    assert ndcg([], GRADES) == ndcg(["a"], {}) == ndcg(["a"], {"a": 0}) == 0


def test_recall_and_reciprocal_rank_by_hand() -> None:
    assert recall(["c", "a", "x", "d"], GRADES) == pytest.approx(2 / 3)
    assert recall(["c", "a", "x", "d"], GRADES, k=2) == pytest.approx(1 / 3)
    assert reciprocal_rank(["c", "x", "d"], GRADES) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x"] * 10 + ["a"], GRADES) == 0
    assert recall([], {}) == 0


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True), st.dictionaries(st.sampled_from("abcdefgh"), st.integers(-1, 3))
)
def test_metrics_stay_within_bounds(ranking: list[str], grades: dict[str, int]) -> None:
    for metric in (ndcg, recall, reciprocal_rank):
        assert 0 <= metric(ranking, grades) <= 1 + 1e-9


def test_the_interval_holds_the_mean_and_matches_theory() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, 400)
    estimate = mean_with_interval(list(values))
    assert estimate.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / math.sqrt(400)
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.002)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.002)
    assert mean_with_interval([0.3]).low == pytest.approx(0.3)
    with pytest.raises(ValueError, match="no values"):
        bootstrap(lambda rows: 0.0, np.empty((0, 1)))


def test_latency_ratios_are_of_medians_over_pairs() -> None:
    raw = np.arange(1.0, 102.0)
    times = np.column_stack([raw, raw * 1.25])
    found = ratio(times, 1)
    assert (found.value, found.low, found.high) == pytest.approx((1.25, 1.25, 1.25))
    rows = report(["raw", "search"], times)
    assert rows[0]["p50_ms"] == 51
    assert rows[1]["p95_ms"] == pytest.approx(96 * 1.25)
