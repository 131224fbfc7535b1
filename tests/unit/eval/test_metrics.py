"""Intervals against theory."""

import math

import numpy as np
import pytest

from eval.bench.search.latency import ratio, report
from eval.metrics import bootstrap, mean_with_interval


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
