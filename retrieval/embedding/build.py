"""The embedder that the settings name."""

from __future__ import annotations

from dataclasses import replace

from core.settings import Settings
from retrieval.embedding.embedders import Embedders
from retrieval.embedding.port import Embedder
from retrieval.embedding.side_by_side import BETWEEN, SideBySideEmbedder, model_folder, parts_of


def build_embedder(settings: Settings) -> Embedder:
    """Build the embedder, or several as one; models are loaded by their first use or :meth:`Embedder.warm_up`.

    Raises:
        ConfigurationError: the model isn't there or isn't usable.
        ModelUnavailable: it must be downloaded first and can't be.
    """
    from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder  # noqa: PLC0415 - lazy adapter

    parts = [
        (part.weight, SentenceTransformersEmbedder(settings.embedder.model_copy(update={"model": part.model})))
        for part in parts_of(settings.embedder.model)
    ]
    return SideBySideEmbedder(parts) if len(parts) > 1 else parts[0][1]


def build_embedders(settings: Settings, default: Embedder) -> Embedders:
    """The embedders of all generations; ``default`` is the one of :func:`build_embedder`."""

    def build(model: str) -> Embedder:
        embedder = settings.embedder.model_copy(update={"model": model})
        return build_embedder(settings.model_copy(update={"embedder": embedder}))

    return Embedders(default, lasting_name(settings.embedder.model), build)


def lasting_name(model: str) -> str:
    """The name of a model, or of several, as every process finds it: a folder by its absolute path."""
    return BETWEEN.join(str(replace(part, model=_lasting(part.model))) for part in parts_of(model))


def _lasting(model: str) -> str:
    folder = model_folder(model)
    return model if folder is None else str(folder)
