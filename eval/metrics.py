"""Retrieval metrics of one query, and the confidence of their mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grades = Mapping[str, int]
_RESAMPLES = 2000


def ndcg(ranking: Sequence[str], grades: Grades, *, k: int = 10) -> float:
    """Normalised discounted cumulative gain at ``k``, with the grade itself as gain, as trec_eval's ndcg_cut.

    ``DCG = sum over ranks r from 1 to k of grade / log2(r + 1)``, over the DCG of the best possible ranking
    (Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, TOIS 2002). 0 if none is relevant.
    """
    gains = [max(0, grades.get(document, 0)) for document in ranking[:k]]
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k]
    return _dcg(gains) / _dcg(ideal) if ideal else 0.0


def recall(ranking: Sequence[str], grades: Grades, *, k: int = 100) -> float:
    """Share of the relevant documents that are in the first ``k``. 0 without relevant documents."""
    relevant = {document for document, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Grades, *, k: int = 10) -> float:
    """One over the rank of the first relevant document, 0 if the first ``k`` hold none. Its mean is MRR@k."""
    return next((1 / rank for rank, document in enumerate(ranking[:k], 1) if grades.get(document, 0) > 0), 0.0)


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic and its 95 % confidence interval."""

    value: float
    low: float
    high: float


def mean_with_interval(values: Sequence[float], *, seed: int = 0) -> Estimate:
    """The mean, with a percentile bootstrap interval over the values.

    Raises:
        ValueError: there are none.
    """
    return bootstrap(lambda rows: float(np.mean(rows[:, 0])), np.asarray(values, dtype=float)[:, None], seed=seed)


def bootstrap(
    statistic: Callable[[NDArray[np.float64]], float], rows: NDArray[np.float64], *, seed: int = 0
) -> Estimate:
    """A statistic of rows, with a 95 % percentile bootstrap interval: whole rows are drawn, so pairs stay pairs.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Raises:
        ValueError: there are no rows.
    """
    if len(rows) == 0:
        raise ValueError("no values to estimate from")
    generator = np.random.default_rng(seed)
    drawn = (rows[generator.integers(0, len(rows), len(rows))] for _ in range(_RESAMPLES))
    low, high = np.percentile([statistic(sample) for sample in drawn], [2.5, 97.5])
    return Estimate(statistic(rows), float(low), float(high))
