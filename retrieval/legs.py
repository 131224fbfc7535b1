"""Asking the index for candidates, by words and by vectors."""

from __future__ import annotations

from core.chunk import Vector
from core.filters import Filter
from core.pipeline import PipelineConfig
from retrieval.index.port import LegResults
from retrieval.notes import Notes


def search_legs(
    pipeline: PipelineConfig, query: str, embedding: Vector | None, visible: Filter, notes: Notes, *, k: int
) -> LegResults:
    """The best ``k`` candidates of each of the pipeline's legs; those that are down are noted.

    Args:
        embedding: the question's; None: words have to do.

    Raises:
        IndexUnavailable: no leg that was asked for answers.
    """
    index = notes.view.index
    with notes.timed("search"):
        if embedding is None:
            return LegResults(lexical=index.lexical(query, visible, k, pipeline.fields), vector=None)
        if pipeline.single:
            return LegResults(lexical=None, vector=index.vector(embedding, visible, k))
        legs = index.both(query, embedding, visible, k, pipeline.fields)
    for leg, why in legs.errors.items():
        notes.without(leg, why)
    return legs
