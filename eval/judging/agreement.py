"""How far two or more raters agree beyond chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Weights = Literal["none", "linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval"]
Table = NDArray[np.float64]


def confusion(first: ArrayLike, second: ArrayLike, scale: tuple[int, int]) -> Table:
    """How often the first rater gave the row's value where the second gave the column's.

    Args:
        scale: the least and the greatest value.

    Raises:
        ValueError: a value is outside the scale, or the raters rated different numbers of items.
    """
    low, high = scale
    one, other = (np.asarray(values, dtype=int) for values in (first, second))
    if len(one) != len(other):
        raise ValueError("each item needs a value of both raters")
    for values in (one, other):
        if len(values) and not (low <= values.min() and values.max() <= high):
            raise ValueError(f"a value is outside the scale from {low} to {high}")
    size = high - low + 1
    counts = np.bincount((one - low) * size + other - low, minlength=size * size)
    return counts.reshape(size, size).astype(float)


def kappa(table: Table, weights: Weights = "none") -> float:
    """Cohen's kappa of a confusion table (Cohen 1960); weighted by distance (Cohen, Psychological Bulletin 70, 1968).

    Returns:
        1 for full agreement, 0 for that of chance; NaN where both gave one and the same value throughout.
    """
    size, total = len(table), table.sum()
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(float)
    disagreement = {"none": (distance > 0).astype(float), "linear": distance, "quadratic": distance**2}[weights]
    if not total:
        return math.nan
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    by_chance = float((disagreement * expected).sum())
    if not by_chance:
        return math.nan
    return 1 - float((disagreement * table).sum()) / by_chance


def alpha(units: Sequence[Sequence[int]], level: Level = "ordinal") -> float:
    """Krippendorff's alpha of any number of raters, with values missing (Krippendorff, Computing Krippendorff's
    Alpha-Reliability, University of Pennsylvania 2011).

    Args:
        units: for each item the values that it was given, in any order; one with fewer than two counts nothing.

    Returns:
        1 for full agreement, 0 for that of chance; NaN where nothing can be paired, or all values are the same.
    """
    paired = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in paired for value in unit})
    place = {value: at for at, value in enumerate(values)}
    together = np.zeros((len(values), len(values)))
    for unit in paired:
        counts = np.bincount([place[value] for value in unit], minlength=len(values)).astype(float)
        together += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    of_each = together.sum(axis=1)
    total = of_each.sum()
    distance = _distance(values, of_each, level)
    by_chance = float((np.outer(of_each, of_each) * distance).sum())
    if not by_chance:
        return math.nan
    return 1 - (float(total) - 1) * float((together * distance).sum()) / by_chance


def _distance(values: Sequence[int], of_each: Table, level: Level) -> Table:
    """Squared differences of all pairs of values."""
    if level == "ordinal":
        ranks = np.cumsum(of_each) - of_each / 2
        return np.asarray(np.subtract.outer(ranks, ranks) ** 2, dtype=float)
    given = np.array(values, dtype=float)
    differences = np.subtract.outer(given, given)
    return np.asarray((differences != 0) if level == "nominal" else differences**2, dtype=float)
