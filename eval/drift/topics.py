"""Whether a week's questions are about other things than those of the month before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
LEAST = 50
"""Questions that either side needs."""
_FEWEST_IN_A_CLUSTER = 20
_MOST_CLUSTERS = 10
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Topics:
    """How a week's questions stand to those before.

    Attributes:
        psi: the population stability index over clusters of the questions before; by custom, under 0.1 nothing has
            moved, and over 0.25 much has.
        clusters: how many.
        new: the share of the week's questions whose nearest one before is further away than that of 95 % of the
            questions before is; 0.05 is what to expect.
        grown: what the share of the cluster that grew most was, and is.
    """

    psi: float
    clusters: int
    new: float
    grown: tuple[float, float]


def topics(before: Points, week: Points, seed: int = 0) -> Topics | None:
    """Compare two sets of questions by their unit vectors, (n, d) each; None where either has under :data:`LEAST`."""
    if min(len(before), len(week)) < LEAST:
        return None
    centres = k_means(before, min(_MOST_CLUSTERS, len(before) // _FEWEST_IN_A_CLUSTER), seed)
    was, now = (_shares(nearest(points, centres), len(centres)) for points in (before, week))
    most = int(np.argmax(now - was))
    within = before @ before.T
    np.fill_diagonal(within, -np.inf)
    usual = np.quantile(1 - within.max(axis=1), 0.95)
    new = float((1 - (week @ before.T).max(axis=1) > usual + 1e-6).mean())
    return Topics(psi(was, now), len(centres), new, (float(was[most]), float(now[most])))


def psi(expected: NDArray[np.float64], actual: NDArray[np.float64]) -> float:
    """The population stability index of two distributions over the same classes, none of whose shares is 0."""
    return float(((actual - expected) * np.log(actual / expected)).sum())


def k_means(points: Points, k: int, seed: int) -> Points:
    """Centres of k clusters, by Lloyd's algorithm from k-means++; (k, d). The same seed finds the same ones."""
    rng = np.random.default_rng(seed)
    centres: Points = points[rng.integers(len(points))][None]
    while len(centres) < k:
        away = _squared(points, centres).min(axis=1)
        if not away.any():
            break  # there are no more different points
        centres = np.vstack([centres, points[rng.choice(len(points), p=away / away.sum())]])
    for _ in range(_ROUNDS):
        mine = nearest(points, centres)
        moved = np.stack(
            [points[mine == at].mean(axis=0) if (mine == at).any() else one for at, one in enumerate(centres)]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    return centres


def nearest(points: Points, centres: Points) -> NDArray[np.intp]:
    """The number of the nearest centre of each point."""
    found: NDArray[np.intp] = np.argmin(_squared(points, centres), axis=1)
    return found


def _squared(points: Points, centres: Points) -> NDArray[np.float64]:
    own = (points.astype(float) ** 2).sum(axis=1)[:, None] + (centres.astype(float) ** 2).sum(axis=1)
    distances: NDArray[np.float64] = np.maximum(own - 2 * points.astype(float) @ centres.astype(float).T, 0)
    return distances


def _shares(mine: NDArray[np.intp], k: int) -> NDArray[np.float64]:
    """Of each cluster, with half a question added to each, so that none is empty."""
    counts = np.bincount(mine, minlength=k).astype(np.float64)
    return np.asarray((counts + 0.5) / (len(mine) + 0.5 * k), dtype=np.float64)
