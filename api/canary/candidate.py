"""The settings of a candidate's answers."""

from __future__ import annotations

from core.errors import ConfigurationError
from core.model_settings import PromptSettings
from core.settings import Settings


def candidate_of(settings: Settings) -> Settings | None:
    """The settings that the candidate answers by; None: as everybody, its pipeline comes with the question."""
    canary = settings.canary
    if not canary.tried or not (canary.model or canary.generation or canary.prompts != PromptSettings()):
        return None
    llm = settings.llm if canary.model is None else settings.llm.model_copy(update={"model": canary.model})
    prompts = settings.prompts.model_copy(update=canary.prompts.model_dump(exclude_none=True))
    return settings.model_copy(update={"llm": llm, "prompts": prompts})


def check_candidate(settings: Settings) -> None:
    """Return when the candidate can be had, as far as that is known without loading anything.

    Raises:
        ConfigurationError: it can't.
    """
    from generation.prompts.prompt import Prompts  # noqa: PLC0415
    from retrieval.pipeline import named_pipelines  # noqa: PLC0415

    canary, candidate = settings.canary, candidate_of(settings)
    named = named_pipelines(settings, reranker=settings.reranker.model is not None)
    if canary.tried and canary.pipeline is not None and canary.pipeline not in named:
        raise ConfigurationError(f"canary.pipeline names {canary.pipeline!r}: use one of {', '.join(named)}.")
    if candidate is None or not (canary.model or canary.prompts != PromptSettings()):
        return
    if settings.llm.provider == "none":
        raise ConfigurationError("canary.model and canary.prompts need a model: set llm.provider.")
    Prompts.of(candidate.prompts)
