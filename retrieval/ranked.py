"""A candidate on its way to becoming a hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.chunk import Chunk, Vectors
from core.filters import Filter
from core.pipeline import FusionConfig, NeighbourConfig, PipelineConfig
from retrieval.fusion import Fused, Ranking, Scored, convex_fusion, reciprocal_rank_fusion
from retrieval.hit import Duplicate, Ranks, Scores, SearchHit
from retrieval.index.port import Candidate, LegResults, SearchIndex
from retrieval.neighbours import pooled, regularised

_FLOORS = {"lexical": 0.0, "vector": -1.0}
"""The lowest that a leg scores: BM25 and a cosine."""


@dataclass(slots=True)
class Ranked:
    """What is known of a candidate so far; the passage and the reranker's verdict come later.

    Attributes:
        fused: the fused score; None for a pipeline of one leg, which fuses nothing.
        windows: its passage's vectors, where they were read with it.
        placed: the score of the last that put it into its place after fusion.
        twins: passages of other documents that say the same, and have no place of their own in the ranking.
    """

    id: str
    fused: float | None
    lexical: float | None
    vector: float | None
    ranks: Mapping[str, int]
    chunk: Chunk | None = None
    windows: Vectors | None = None
    rerank: float | None = None
    rerank_rank: int | None = None
    placed: float | None = None
    twins: list[Chunk] = field(default_factory=list)

    @classmethod
    def of(cls, item: Fused, lexical: Mapping[str, float], vector: Mapping[str, float], *, single: bool) -> Ranked:
        """A fused candidate with the scores that the legs gave it."""
        fused = None if single else item.score
        return cls(item.id, fused, lexical.get(item.id), vector.get(item.id), item.ranks)

    @property
    def passage(self) -> Chunk:
        """The chunk. Raises LookupError before it was fetched."""
        if self.chunk is None:
            raise LookupError(f"chunk {self.id} was not fetched")
        return self.chunk

    @property
    def score(self) -> float:
        """That of the last ranking it was in."""
        order = (self.placed, self.fused, self.lexical, self.vector)
        return next(score for score in order if score is not None)

    def hit(self) -> SearchHit:
        """The hit, once its passage is known."""
        return SearchHit(
            chunk=self.passage,
            score=self.score,
            ranks=Ranks(self.ranks.get("lexical"), self.ranks.get("vector"), self.rerank_rank),
            scores=Scores(self.lexical, self.vector, self.fused, self.rerank),
            duplicates=tuple(Duplicate(twin.document_id, twin.uri, twin.metadata.title) for twin in self.twins),
        )


def rank(pipeline: PipelineConfig, legs: LegResults, k: int) -> list[Ranked]:
    """What the legs found as one ranking, best first. One leg alone keeps its own order, ties included.

    Args:
        k: how many candidates each leg was asked for.
    """
    scores = {"lexical": _scores(legs.lexical), "vector": _scores(legs.vector)}
    if pipeline.single:
        (leg,) = pipeline.legs
        fused = [Fused(found, score, {leg: at}) for at, (found, score) in enumerate(scores[leg].items(), start=1)]
    else:
        fused = _fuse(pipeline.fusion, scores, k)
    return [Ranked.of(item, scores["lexical"], scores["vector"], single=pipeline.single) for item in fused]


def weigh_words(ranked: Sequence[Ranked], head: list[Ranked], pipeline: PipelineConfig, share: float) -> None:
    """Put the head of a fused ranking into the order that fusion gives with ``share`` of the lexical leg's weight.

    Args:
        ranked: the whole ranking, as it was fused; the head's passages are of it.
    """
    legs: dict[str, dict[str, float]] = {"lexical": {}, "vector": {}}
    for leg, scores in legs.items():
        found = sorted((item for item in ranked if leg in item.ranks), key=lambda item: item.ranks[leg])
        scores.update((item.id, getattr(item, leg)) for item in found)
    weights = pipeline.fusion.weights
    less = weights.model_copy(update={"lexical": share * weights.lexical})
    fused = _fuse(pipeline.fusion.model_copy(update={"weights": less}), legs, pipeline.depth)
    new = {item.id: item.score for item in fused}
    for item in head:
        item.placed = new[item.id]
    head.sort(key=lambda item: (-item.score, item.id))


def vouch(ranked: list[Ranked], vectors: Mapping[str, Vectors], config: NeighbourConfig) -> None:
    """Reorder the head of a fused ranking by scores that take each candidate's neighbours into account.

    Candidates without vectors are gone by now, and stay where they are. The fused scores themselves stay too.
    """
    places = [at for at, item in enumerate(ranked[: config.depth]) if item.id in vectors]
    if not places:
        return
    head = [ranked[at] for at in places]
    together = np.stack([pooled(vectors[item.id]) for item in head])
    scores = regularised([item.score for item in head], together, weight=config.weight, neighbours=config.neighbours)
    for item, score in zip(head, scores, strict=True):
        item.placed = score
    best_first = sorted(head, key=lambda item: -item.score)  # stable: ties keep their order
    for at, item in zip(places, best_first, strict=True):
        ranked[at] = item


def mixed(head: Sequence[Ranked], scores: Sequence[float], weight: float) -> list[float]:
    """New scores for the head of a ranking: these count ``weight`` against those that it had.

    Both are brought to [0, 1] over the head, and the mix to where the head's scores were, above those behind it.
    """
    before = [item.score for item in head]
    low = min(before, default=0.0)
    width = max(before, default=0.0) - low or 1.0
    pairs = zip(_unit(before), _unit(scores), strict=True)
    return [low + width * ((1 - weight) * one + weight * other) for one, other in pairs]


def reread(head: list[Ranked], scores: Sequence[float], weight: float) -> None:
    """Put the head of a ranking into the order of what read its passages.

    The new score of each is :func:`mixed`. Ties keep their order.
    """
    new = mixed(head, scores, weight)
    for item, score in zip(head, new, strict=True):
        item.placed = score
    order = sorted(range(len(head)), key=lambda at: -new[at])
    head[:] = [head[at] for at in order]


def reorder(head: list[Ranked], scores: Sequence[float], weight: float) -> None:
    """:func:`reread` for the reranker, whose own scores and places a hit shows; alone, they are what counts."""
    for item, score in zip(head, scores, strict=True):
        item.rerank = score
    reread(head, scores, weight)
    if weight == 1:
        for item in head:
            item.placed = item.rerank
    for place, item in enumerate(head, start=1):
        item.rerank_rank = place


def _unit(scores: Sequence[float]) -> list[float]:
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    return [(score - low) / (high - low) if high > low else 0.0 for score in scores]


def _fuse(config: FusionConfig, scores: Mapping[str, dict[str, float]], k: int) -> list[Fused]:
    weights = config.weights.model_dump()
    if config.method == "rrf":
        return reciprocal_rank_fusion(
            {leg: Ranking(list(found), weights[leg]) for leg, found in scores.items()}, k=config.k
        )
    scored = {leg: Scored(found, weights[leg], _FLOORS[leg]) for leg, found in scores.items()}
    if len(scores["lexical"]) < k:  # it ran out: no other passage has any of the words
        scored["lexical"] = replace(scored["lexical"], rest=0.0)
    return convex_fusion(scored, normalisation=config.normalisation)


def _scores(leg: list[Candidate] | None) -> dict[str, float]:
    """Scores by chunk id, in the leg's order; empty for a leg that is down."""
    return {candidate.chunk_id: candidate.score for candidate in leg or ()}


def with_chunks(
    ranked: Sequence[Ranked], visible: Filter, index: SearchIndex, *, vectors: bool = False
) -> list[Ranked]:
    """Read the passages; one that went (or was closed to this reader) since the legs ran is left out."""
    missing = {item.id: item for item in ranked if item.chunk is None}
    if missing and vectors:
        for embedded in index.fetch_embedded(list(missing), visible):
            item = missing[embedded.chunk.id]
            item.chunk, item.windows = embedded.chunk, embedded.windows
    elif missing:
        for chunk in index.fetch(list(missing), visible):
            missing[chunk.id].chunk = chunk
    return [item for item in ranked if item.chunk is not None]
