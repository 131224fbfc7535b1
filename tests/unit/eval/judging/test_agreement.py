"""Agreement against reference implementations and a published worked example, to 1e-9."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from sklearn.metrics import cohen_kappa_score

from eval.judging.agreement import Level, Weights, alpha, confusion, kappa

KRIPPENDORFF_2011 = [
    [1, 1, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [5, 5, 5],
    [1, 1],
    [3],
]
"""Computing Krippendorff's Alpha-Reliability, section C: four observers, twelve units, some of them not seen by all."""


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_is_scikit_learns(weights: Weights) -> None:
    for seed in range(30):
        drawn = random.Random(seed)
        one = [drawn.randint(1, 5) for _ in range(drawn.randint(5, 200))]
        other = [value if drawn.random() < 0.6 else drawn.randint(1, 5) for value in one]
        expected = cohen_kappa_score(one, other, weights=None if weights == "none" else weights, labels=[1, 2, 3, 4, 5])
        assert kappa(confusion(one, other, (1, 5)), weights) == pytest.approx(expected, abs=1e-9)


def test_kappa_where_chance_explains_all_is_not_a_number() -> None:
    assert math.isnan(kappa(confusion([3, 3], [3, 3], (1, 5))))


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_worked_example(level: Level, published: float) -> None:
    assert round(alpha(KRIPPENDORFF_2011, level), 3) == published
    assert alpha(KRIPPENDORFF_2011, level) == pytest.approx(by_pairs(KRIPPENDORFF_2011, level), abs=1e-9)


def test_alpha_of_two_observers_and_two_values_is_that_of_the_worked_example() -> None:
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert round(alpha(list(zip(meg, owen, strict=True)), "nominal"), 3) == 0.095


def test_alpha_of_nothing_to_pair_is_not_a_number() -> None:
    assert math.isnan(alpha([[1], [2]]))
    assert math.isnan(alpha([[2, 2], [2, 2]]))


def by_pairs(units: list[list[int]], level: Level) -> float:
    """The definition, pair by pair: observed disagreement within units over that among all values."""
    paired = [unit for unit in units if len(unit) > 1]
    values = [value for unit in paired for value in unit]

    def distance(one: int, other: int) -> float:
        if level == "nominal":
            return float(one != other)
        if level == "interval":
            return float(one - other) ** 2
        low, high = min(one, other), max(one, other)
        between = sum(low <= value <= high for value in values)
        return (between - (values.count(low) + values.count(high)) / 2) ** 2

    observed = sum(
        distance(one, other) / (len(unit) - 1) for unit in paired for one, other in itertools.permutations(unit, 2)
    ) / len(values)
    expected = sum(distance(one, other) for one, other in itertools.permutations(values, 2))
    return 1 - observed / (expected / (len(values) * (len(values) - 1)))


def test_what_is_outside_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the scale from 1 to 5"):
        confusion([6], [1], (1, 5))
    with pytest.raises(ValueError, match="both raters"):
        confusion([1, 2], [1], (1, 5))
