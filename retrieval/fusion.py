"""Making one ranking of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


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
