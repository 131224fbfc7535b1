"""Builds what answers questions, as the settings say."""

from __future__ import annotations

from core.lanes import Lanes, streams_of
from core.model_settings import ChatSettings
from core.settings import Settings
from core.verification_settings import EvidenceSettings
from generation.answerer import Answerer, MemoryMaker
from generation.answering.quote_places import PlaceLookup
from generation.caching.port import Visibility
from generation.caching.remember import Remember
from generation.caching.store import AnswerStore
from generation.evidence_model.model import evidence_model
from generation.models.port import ChatModel
from generation.steps.retrieve import PassageSearch
from generation.verification.evidence_support import EvidenceSupport
from generation.verification.overlap import OverlapSupport
from generation.verification.port import SupportModel
from retrieval.embedding.port import Embedder


def build_chat_model(settings: Settings) -> ChatModel | None:
    """The configured chat models as one; None when there is none, and answers are extracts."""
    chain = settings.llm.chain
    if not chain:
        return None
    from generation.models.failover import FailoverModel  # noqa: PLC0415

    streams = streams_of(settings)
    return FailoverModel([(chat_model(one, streams), one) for one in chain])


def chat_model(settings: ChatSettings, streams: int) -> ChatModel:
    """One model, without circuit and failover, with up to so many requests at a time."""
    if settings.provider == "bedrock":
        from generation.models.bedrock import BedrockModel  # noqa: PLC0415

        return BedrockModel(settings, min(streams, settings.concurrency))
    from generation.models.openai import OpenAiModel  # noqa: PLC0415

    return OpenAiModel(settings)


def build_memory(settings: Settings, visibility: Visibility, url: str) -> MemoryMaker | None:
    """What remembers answers in the Valkey at this address; None where the settings want none. Connects to nothing."""
    if not settings.cache.enabled:
        return None

    def make(search: PassageSearch, model: str, lanes: Lanes) -> Remember:
        return Remember(AnswerStore(url, settings.cache), visibility, search, settings, model=model, lanes=lanes)

    return make


def build_support(settings: EvidenceSettings, embedder: Embedder) -> SupportModel:
    """What tells whether passages support statements. Loads nothing yet.

    Raises:
        ConfigurationError: ``evidence.model`` names no usable weights.
    """
    words = OverlapSupport(embedder)
    model = evidence_model(settings, "supports")
    return words if model is None else EvidenceSupport(model, words)


def build_answerer(
    settings: Settings,
    retriever: PassageSearch,
    locate: PlaceLookup | None = None,
    lanes: Lanes | None = None,
    *,
    memory: MemoryMaker | None = None,
) -> Answerer:
    """The answerer over this retriever, at work in these lanes or in its own. Connects to nothing yet."""
    support = build_support(settings.evidence, retriever.embedder)
    return Answerer(retriever, build_chat_model(settings), settings, locate, lanes, memory=memory, support=support)
