"""The embedder that the settings name."""

from __future__ import annotations

import re
from dataclasses import replace

from core.errors import ConfigurationError
from core.model_settings import RemoteEmbedderSettings
from core.settings import Settings
from retrieval.embedding.embedders import Embedders
from retrieval.embedding.port import Embedder
from retrieval.embedding.side_by_side import BETWEEN, SideBySideEmbedder, model_folder, parts_of

_REMOTE = re.compile(r"(?P<kind>openai|bedrock):(?P<name>.+)")


def build_embedder(settings: Settings) -> Embedder:
    """Build the embedder, or several as one; models are loaded by their first use or :meth:`Embedder.warm_up`.

    Raises:
        ConfigurationError: the model isn't there or isn't usable.
        ModelUnavailable: it must be downloaded first and can't be.
    """
    parts = parts_of(settings.embedder.model)
    if len(parts) == 1 and (found := _REMOTE.match(parts[0].model)):
        return _remote(found["kind"], found["name"], settings.embedder.remote)
    if any(_REMOTE.match(part.model) for part in parts):
        raise ConfigurationError(
            f"embedder.model {settings.embedder.model!r} puts a model on a server beside another one: only models on "
            "this machine can stand side by side."
        )
    from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder  # noqa: PLC0415 - lazy adapter

    built = [
        (part.weight, SentenceTransformersEmbedder(settings.embedder.model_copy(update={"model": part.model})))
        for part in parts
    ]
    return SideBySideEmbedder(built) if len(built) > 1 else built[0][1]


def _remote(kind: str, name: str, settings: RemoteEmbedderSettings) -> Embedder:
    from retrieval.embedding.remote import EmbeddingService, RemoteEmbedder  # noqa: PLC0415 - lazy adapters

    service: EmbeddingService
    if kind == "openai":
        from retrieval.embedding.openai import OpenAiEmbeddings  # noqa: PLC0415

        service = OpenAiEmbeddings(name, settings)
    else:
        from retrieval.embedding.bedrock import BedrockEmbeddings  # noqa: PLC0415 - boto3

        service = BedrockEmbeddings(name, settings)
    return RemoteEmbedder(f"{kind}:{settings.served_model or name}", settings, service)


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
