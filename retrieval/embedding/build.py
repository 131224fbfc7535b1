"""The embedder that the settings name."""

from __future__ import annotations

from pathlib import Path

from core.settings import Settings
from retrieval.embedding.embedders import Embedders
from retrieval.embedding.port import Embedder


def build_embedder(settings: Settings) -> Embedder:
    """Build the embedder; its model is loaded by its first use or :meth:`Embedder.warm_up`.

    Raises:
        ConfigurationError: the model isn't there or isn't usable.
        ModelUnavailable: it must be downloaded first and can't be.
    """
    from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder  # noqa: PLC0415 - lazy adapter

    return SentenceTransformersEmbedder(settings.embedder)


def build_embedders(settings: Settings, default: Embedder) -> Embedders:
    """The embedders of all generations; ``default`` is the one of :func:`build_embedder`."""

    def build(model: str) -> Embedder:
        embedder = settings.embedder.model_copy(update={"model": model})
        return build_embedder(settings.model_copy(update={"embedder": embedder}))

    return Embedders(default, lasting_name(settings.embedder.model), build)


def lasting_name(model: str) -> str:
    """The name of a model as every process finds it: a folder by its absolute path."""
    return str(Path(model).resolve()) if Path(model).is_dir() else model
