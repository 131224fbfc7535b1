"""What people would say on average of all answers, from few that they labelled and many that a judge scored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from eval.metrics import Estimate

_LEAST = 2


@dataclass(frozen=True, slots=True)
class Inferred:
    """An estimate of a mean.

    Attributes:
        power: from 0 to 1, how much the judge's scores count. At 0 it is people's labels alone.
        people_alone: the mean of the labels alone, with its normal interval: what the judge adds is the difference.
    """

    estimate: Estimate
    power: float
    people_alone: Estimate


def prediction_powered_mean(
    labels: Sequence[float], scores: Sequence[float], further: Sequence[float], *, confidence: float = 0.95
) -> Inferred:
    """PPI++ of a mean, with the power that makes the interval smallest.

    Angelopoulos, Duchi and Zrnic, PPI++: Efficient Prediction-Powered Inference, arXiv 2311.01453 (2023), section 6 and
    the example of means: the mean of ``power`` times the further scores, plus that of labels less ``power`` times their
    scores. Whatever the judge's bias, the interval covers people's mean in the limit; a judge that is near them makes
    it small.

    Args:
        labels: people's, of some answers drawn at random.
        scores: the judge's of the same answers, in that order.
        further: the judge's of answers that nobody labelled, from the same population.

    Raises:
        ValueError: fewer than two labels, a label without a score, or fewer than two further scores.
    """
    y, f, rest = (np.asarray(values, dtype=float) for values in (labels, scores, further))
    if len(y) != len(f):
        raise ValueError("each label needs the judge's score of the same answer")
    if len(y) < _LEAST or len(rest) < _LEAST:
        raise ValueError("a mean needs at least two labels, and two answers that only the judge scored")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    power = _power(y, f, rest)
    mean = float(power * rest.mean() + (y - power * f).mean())
    spread = math.sqrt(float((power * rest).var()) / len(rest) + float((y - power * f).var()) / len(y))
    alone = math.sqrt(float(y.var()) / len(y))
    return Inferred(_around(mean, z * spread), power, _around(float(y.mean()), z * alone))


def _power(y: NDArray[np.float64], f: NDArray[np.float64], rest: NDArray[np.float64]) -> float:
    everything = float(np.concatenate([f, rest]).var(ddof=1))
    if not everything:
        return 0.0
    shared = float(((y - y.mean()) * (f - f.mean())).mean())
    return min(1.0, max(0.0, shared / ((1 + len(y) / len(rest)) * everything)))


def _around(mean: float, half: float) -> Estimate:
    return Estimate(mean, mean - half, mean + half)
