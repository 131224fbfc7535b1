"""Builds what answers questions, as the settings say."""

from __future__ import annotations

from core.lanes import Lanes, streams_of
from core.model_settings import ChatSettings
from core.settings import Settings
from generation.answerer import Answerer
from generation.answering.quote_places import PlaceLookup
from generation.models.port import ChatModel
from generation.steps.retrieve import PassageSearch


def build_chat_model(settings: Settings) -> ChatModel | None:
    """The configured chat models as one; None when there is none, and answers are extracts."""
    chain = settings.llm.chain
    if not chain:
        return None
    from generation.models.failover import FailoverModel  # noqa: PLC0415

    streams = streams_of(settings)
    return FailoverModel([(_chat_model(one, streams), one) for one in chain])


def _chat_model(settings: ChatSettings, streams: int) -> ChatModel:
    if settings.provider == "bedrock":
        from generation.models.bedrock import BedrockModel  # noqa: PLC0415

        return BedrockModel(settings, min(streams, settings.concurrency))
    from generation.models.openai import OpenAiModel  # noqa: PLC0415

    return OpenAiModel(settings)


def build_answerer(
    settings: Settings, retriever: PassageSearch, locate: PlaceLookup | None = None, lanes: Lanes | None = None
) -> Answerer:
    """The answerer over this retriever, at work in these lanes or in its own. Connects to nothing yet."""
    return Answerer(retriever, build_chat_model(settings), settings, locate, lanes)
