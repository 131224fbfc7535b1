"""The embedder that the settings name."""

from __future__ import annotations

from core.settings import Settings
from retrieval.embedding.port import Embedder


def build_embedder(settings: Settings) -> Embedder:
    """Build the embedder; its model is loaded by its first use or :meth:`Embedder.warm_up`.

    Raises:
        ConfigurationError: the model isn't there or isn't usable.
        ModelUnavailable: it must be downloaded first and can't be.
    """
    from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder  # noqa: PLC0415 - lazy adapter

    return SentenceTransformersEmbedder(settings.embedder)
