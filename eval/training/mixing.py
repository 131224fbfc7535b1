"""How much a reranker's score should count, and what it is worth, on the dev questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.retrieval.scoring import MAX, NDCG, measure
from eval.training.groups import Group

Scored = Mapping[str, Sequence[float]]
"""A reranker's scores, by :func:`key`."""


@dataclass(frozen=True, slots=True)
class Mixed:
    """nDCG@10 on the dev questions: of the order before the reranker, and by the weight of its score."""

    before: float
    by_weight: dict[float, float]

    @property
    def best(self) -> float:
        """The weight with the highest nDCG@10; the smaller of equals, which changes less."""
        return max(self.by_weight, key=lambda weight: (round(self.by_weight[weight], 4), -weight))

    @property
    def after(self) -> float:
        """nDCG@10 at the best weight."""
        return self.by_weight[self.best]


def key(group: Group) -> str:
    """Identifies a question among those of all sources."""
    return f"{group.source}/{group.id}"


def mixed(groups: Sequence[Group], scores: Scored, weights: Sequence[float], depth: int) -> Mixed:
    """Rank the dev questions' candidates at each weight, as a search with this depth would.

    The mean over sources of the mean over a source's questions: a large source doesn't outvote the others.
    """
    return Mixed(
        before=_ndcg(groups, scores, 0.0, depth), by_weight={w: _ndcg(groups, scores, w, depth) for w in weights}
    )


def _ndcg(groups: Sequence[Group], scores: Scored, weight: float, depth: int) -> float:
    rankings = {key(group): _ranking(group, scores[key(group)], weight, depth) for group in groups}
    figures = measure(rankings, {key(group): group.relevant for group in groups})
    by_source: dict[str, list[float]] = {}
    for group in groups:
        by_source.setdefault(group.source, []).append(figures[key(group)][NDCG])
    return float(np.mean([np.mean(values) for values in by_source.values()])) if by_source else 0.0


def _ranking(group: Group, scores: Sequence[float], weight: float, depth: int) -> list[str]:
    """As ``retrieval.ranked.reorder`` ranks: both scores brought to [0, 1] over what the reranker reads."""
    head = min(depth, len(group.documents))
    together = (1 - weight) * _unit(group.first[:head]) + weight * _unit(scores[:head])
    order = [*np.argsort(-together, kind="stable").tolist(), *range(head, len(group.documents))]
    return MAX.ranking(group.documents[place] for place in order)


def _unit(scores: Sequence[float]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.asarray(scores, np.float64)
    width = float(np.ptp(values)) if len(values) else 0.0
    return (values - values.min()) / width if width > 0 else np.zeros_like(values)
