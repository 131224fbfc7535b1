"""Prediction-powered means against the authors' own package, and what they are for."""

from __future__ import annotations

import numpy as np
import pytest

from eval.judging.inference import prediction_powered_mean

LABELS = [4, 5, 3, 2, 5, 4, 1, 3, 4, 2]
SCORES = [4, 5, 4, 2, 4, 5, 2, 3, 3, 3]
FURTHER = [5, 4, 4, 3, 2, 5, 1, 4, 3, 3, 4, 5, 2, 4, 3, 5, 4, 4, 2, 1, 3, 4, 5, 5, 3]


def test_it_is_what_the_authors_package_gives() -> None:
    found = prediction_powered_mean(LABELS, SCORES, FURTHER)
    # ppi-python 0.2.3: ppi_mean_pointestimate and ppi_mean_ci of these numbers, alpha = 0.05.
    assert found.estimate.low == pytest.approx(2.7069906389174374, abs=1e-9)
    assert found.estimate.high == pytest.approx(3.9148308769749836, abs=1e-9)
    assert found.estimate.value == pytest.approx((2.7069906389174374 + 3.9148308769749836) / 2, abs=1e-9)


def test_a_good_judge_narrows_the_interval_and_a_useless_one_does_not_widen_it() -> None:
    drawn = np.random.default_rng(3)
    truth = drawn.integers(1, 6, 1000).astype(float)
    good = np.clip(np.round(truth + drawn.normal(0.5, 0.4, 1000)), 1, 5)
    noise = drawn.integers(1, 6, 1000).astype(float)
    near = prediction_powered_mean(truth[:100], good[:100], good[100:])
    far = prediction_powered_mean(truth[:100], noise[:100], noise[100:])
    assert near.estimate.high - near.estimate.low < 0.6 * (near.people_alone.high - near.people_alone.low)
    assert far.estimate.high - far.estimate.low <= 1.001 * (far.people_alone.high - far.people_alone.low)
    assert far.power < 0.2
    assert near.power > 0.7


def test_the_interval_covers_the_mean_of_people_though_the_judge_is_too_kind() -> None:
    drawn = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        truth = drawn.choice([1, 2, 3, 4, 5], 400, p=[0.1, 0.2, 0.3, 0.3, 0.1]).astype(float)
        kind = np.minimum(5, truth + drawn.integers(0, 3, 400))
        found = prediction_powered_mean(truth[:60], kind[:60], kind[60:]).estimate
        covered += found.low <= 3.1 <= found.high
    assert covered >= 0.92 * 400


@pytest.mark.parametrize(
    ("labels", "scores", "further", "says"),
    [([1, 2], [1], [1, 2], "same answer"), ([1], [1], [1, 2], "two labels"), ([1, 2], [1, 2], [1], "two labels")],
)
def test_too_little_is_refused(labels: list[int], scores: list[int], further: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        prediction_powered_mean(labels, scores, further)


def test_a_judge_that_always_says_the_same_counts_nothing() -> None:
    found = prediction_powered_mean(LABELS, [3] * 10, [3] * 30)
    assert found.power == 0
    assert found.estimate == found.people_alone
