"""The pipelines that a retriever offers: built in, and those of the settings."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import ConfigurationError
from core.pipeline import (
    FieldWeights,
    FusionConfig,
    LateInteractionConfig,
    LegWeights,
    NeighbourConfig,
    PipelineConfig,
    RerankConfig,
)
from core.settings import Settings

__all__ = [
    "FieldWeights",
    "FusionConfig",
    "LateInteractionConfig",
    "LegWeights",
    "NeighbourConfig",
    "PipelineConfig",
    "RerankConfig",
    "default_pipeline",
    "named_pipelines",
]

LEXICAL, VECTOR, HYBRID, RERANKED = "lexical", "vector", "hybrid", "hybrid+rerank"
CONVEX, NEIGHBOURS, LATE = "convex", "convex+neighbours", "convex+late+neighbours"


def named_pipelines(settings: Settings, *, reranker: bool, tokens: bool = True) -> dict[str, PipelineConfig]:
    """Pipelines by name: each leg alone, both fused by rank, by score, by score with neighbours, and that with late
    interaction before, the reranked one where there is a reranker, then the settings' own.

    Args:
        reranker: whether there is one.
        tokens: whether the embedder shows the token embeddings that late interaction is made of.

    Raises:
        ConfigurationError: two of one name, or one with a reranker where none is set.
    """
    own = settings.retrieval
    weights = LegWeights(lexical=own.lexical_weight, vector=own.vector_weight)
    fusion = FusionConfig(weights=weights, k=own.rrf_k)
    by_score = FusionConfig(method="convex", normalisation="z-score", weights=weights)
    offered = [
        PipelineConfig(name=LEXICAL, legs=("lexical",), depth=own.depth),
        PipelineConfig(name=VECTOR, legs=("vector",), depth=own.depth),
        PipelineConfig(name=HYBRID, depth=own.depth, fusion=fusion),
        PipelineConfig(name=CONVEX, depth=own.depth, fusion=by_score),
        PipelineConfig(name=NEIGHBOURS, depth=own.depth, fusion=by_score, neighbours=NeighbourConfig()),
    ]
    if tokens:
        offered.append(offered[-1].model_copy(update={"name": LATE, "late_interaction": LateInteractionConfig()}))
    if reranker:
        rerank = RerankConfig(depth=settings.reranker.depth, weight=settings.reranker.weight)
        # On top of the best there is without it: what `footnote train reranker` measures a model on, too.
        offered.append(offered[-1].model_copy(update={"name": RERANKED, "reranker": rerank}))
    named: dict[str, PipelineConfig] = {}
    for pipeline in (*offered, *own.pipelines):
        if pipeline.name in named:
            raise ConfigurationError(
                f"Two pipelines are named {pipeline.name!r}: give one in retrieval.pipelines another."
            )
        if pipeline.reranker is not None and not reranker:
            raise ConfigurationError(f"Pipeline {pipeline.name!r} has a reranker: set reranker.model first.")
        named[pipeline.name] = pipeline
    return named


def default_pipeline(settings: Settings, named: Mapping[str, PipelineConfig]) -> str:
    """The name of the pipeline of a search that names none.

    Raises:
        ConfigurationError: the settings name one that there is not.
    """
    wanted = settings.retrieval.pipeline
    if wanted is None:
        return next(name for name in (RERANKED, LATE, NEIGHBOURS) if name in named)
    if wanted not in named:
        hint = " Set reranker.model first." if wanted == RERANKED else ""
        raise ConfigurationError(
            f"retrieval.pipeline names {wanted!r}, which there is not: use one of {', '.join(named)}.{hint}"
        )
    return wanted
