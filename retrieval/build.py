"""Wiring a retriever from the settings."""

from __future__ import annotations

from core.settings import Settings
from retrieval.embedding.build import build_embedder
from retrieval.index.build import build_index
from retrieval.reranking.build import build_reranker
from retrieval.retriever import Retriever


def for_short_texts(settings: Settings) -> Settings:
    """With one thread for the embedder where nothing else is set, for who embeds questions and sentences."""
    embedder = settings.embedder.model_copy(update={"threads": settings.embedder.threads or 1})
    return settings.model_copy(update={"embedder": embedder})


def build_retriever(settings: Settings) -> Retriever:
    """Build the index, embedder and reranker that the settings name, and make sure that they go together.

    Raises:
        ConfigurationError: a model isn't there, or the index was built by another embedder.
        IndexUnavailable: the index doesn't answer.
    """
    embedder = build_embedder(settings)
    reranker = build_reranker(settings)
    index = build_index(settings)
    index.ensure(embedder.name, embedder.dimensions)
    return Retriever(index, embedder, reranker, settings)
