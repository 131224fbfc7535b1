"""Builds what answers questions, as the settings say."""

from __future__ import annotations

from core.lanes import Lanes, streams_of
from core.settings import Settings
from generation.answerer import Answerer
from generation.answering.quote_places import PlaceLookup
from generation.models.port import ChatModel
from generation.steps.retrieve import PassageSearch


def build_chat_model(settings: Settings) -> ChatModel | None:
    """The configured chat model; None when there is none, and answers are extracts."""
    if settings.llm.provider == "openai":
        from generation.models.openai import OpenAiModel  # noqa: PLC0415

        return OpenAiModel(settings.llm)
    if settings.llm.provider == "bedrock":
        from generation.models.bedrock import BedrockModel  # noqa: PLC0415

        return BedrockModel(settings.llm, streams_of(settings))
    return None


def build_answerer(
    settings: Settings, retriever: PassageSearch, locate: PlaceLookup | None = None, lanes: Lanes | None = None
) -> Answerer:
    """The answerer over this retriever, at work in these lanes or in its own. Connects to nothing yet."""
    return Answerer(retriever, build_chat_model(settings), settings, locate, lanes)
