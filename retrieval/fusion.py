"""Making one ranking of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Normalisation = Literal["min-max", "z-score", "theoretical"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """One leg's ids, best first, and how much it counts."""

    ids: Sequence[str]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Fused:
    """An id in the fused ranking; ``ranks`` holds its place, from 1, in each leg that has it."""

    id: str
    score: float
    ranks: Mapping[str, int]


def reciprocal_rank_fusion(legs: Mapping[str, Ranking], *, k: int = 60) -> list[Fused]:
    """Fuse rankings by reciprocal rank, best first.

    ``score(d) = sum over legs that hold d of weight / (k + rank(d))``, ranks from 1. A leg that doesn't hold ``d`` adds
    nothing. Ties are broken by id, so that the same legs give the same order everywhere. An id that a leg repeats
    counts at its first place.

    Cormack, Clarke and Büttcher: Reciprocal Rank Fusion outperforms Condorcet and individual rank learning methods,
    SIGIR 2009 (there k = 60 and no weights).

    Raises:
        ValueError: ``k`` or a weight is negative.
    """
    if k < 0 or any(leg.weight < 0 for leg in legs.values()):
        raise ValueError("k and weights must not be negative")
    ranks: dict[str, dict[str, int]] = {}
    for name, leg in legs.items():
        for rank, id in enumerate(dict.fromkeys(leg.ids), start=1):  # noqa: A001
            ranks.setdefault(id, {})[name] = rank
    fused = [
        Fused(id, sum(legs[name].weight / (k + rank) for name, rank in places.items()), places)
        for id, places in ranks.items()  # noqa: A001
    ]
    return sorted(fused, key=lambda item: (-item.score, item.id))


@dataclass(frozen=True, slots=True)
class Scored:
    """One leg's ids with their scores, best first, and how much it counts.

    Attributes:
        floor: the lowest score that the leg can give at all: 0 for BM25, -1 for a cosine.
        rest: the score of everything that the leg lacks, where that is known: 0 for a BM25 leg that ran out of
            passages with any of the words. None: unknown, but no better than the leg's last.
    """

    scores: Mapping[str, float]
    weight: float = 1.0
    floor: float = 0.0
    rest: float | None = None


def convex_fusion(legs: Mapping[str, Scored], *, normalisation: Normalisation = "min-max") -> list[Fused]:
    """Fuse rankings by their scores, best first.

    ``score(d) = sum over legs of weight * normalised score(d) / sum of weights``. A candidate that a leg lacks gets
    the leg's ``rest``, or else the lowest score in it. ``rest`` counts as one more candidate when the scale is made: a
    leg with a single hit then says that the hit is better than all others. A leg without candidates counts for
    nothing. Ties are broken by id.

    Bruch, Gai and Ingber: An Analysis of Fusion Functions for Hybrid Retrieval, TOIS 2023 (``theoretical`` is their
    theoretical min-max).

    Raises:
        ValueError: a weight is negative.
    """
    if any(leg.weight < 0 for leg in legs.values()):
        raise ValueError("weights must not be negative")
    filled = {name: leg for name, leg in legs.items() if leg.scores}
    total = sum(leg.weight for leg in filled.values()) or 1.0
    scaled = {name: _normalised(leg, normalisation) for name, leg in filled.items()}
    ranks: dict[str, dict[str, int]] = {}
    for name, leg in filled.items():
        for rank, id in enumerate(leg.scores, start=1):  # noqa: A001
            ranks.setdefault(id, {})[name] = rank
    fused = [
        Fused(id, sum(leg.weight * scaled[name].get(id) for name, leg in filled.items()) / total, places)
        for id, places in ranks.items()  # noqa: A001
    ]
    return sorted(fused, key=lambda item: (-item.score, item.id))


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A leg's normalised scores, and that of what it lacks."""

    scores: Mapping[str, float]
    rest: float

    def get(self, id: str) -> float:
        return self.scores.get(id, self.rest)


def _normalised(leg: Scored, normalisation: Normalisation) -> _Scaled:
    known = [*leg.scores.values(), *([] if leg.rest is None else [leg.rest])]
    values: NDArray[np.float64] = np.asarray(known, np.float64)
    if normalisation == "z-score":
        base, scale = float(values.mean()), float(values.std())
    else:
        base = float(values.min()) if normalisation == "min-max" else leg.floor
        scale = float(values.max()) - base
    if scale <= 0:  # all alike: the leg can't tell
        return _Scaled(dict.fromkeys(leg.scores, 0.0), 0.0)
    scaled = ((values - base) / scale).tolist()
    return _Scaled(dict(zip(leg.scores, scaled, strict=False)), min(scaled))
