"""Intervals against theory."""

import math

import numpy as np
import pytest

from eval.bench.search.latency import rows_of
from eval.metrics import bootstrap, mean_with_interval, share, wilson


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
    rows = rows_of(["raw", "search"], {"idle": np.column_stack([raw, raw * 1.25])})
    assert [row["condition"] for row in rows] == ["idle", "idle"]
    assert rows[0]["p50_ms"] == 51
    assert rows[1]["p95_ms"] == pytest.approx(96 * 1.25)
    found = rows[1]["p50_ratio"]
    assert (found.value, found.low, found.high) == pytest.approx((1.25, 1.25, 1.25))
    assert found.times() == "1.25x (1.25-1.25)"


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_what_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)
    assert share(1, 2).startswith("50.0 % (1 of 2; ")
    assert share(0, 0) == "none"
