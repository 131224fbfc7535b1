"""Builds the guards, as the settings say."""

from __future__ import annotations

from core.lanes import Lanes
from core.settings import Settings
from generation.guarding.model import DiscreetModel
from generation.guarding.pii import PiiFinder, Policy
from generation.guarding.safety import LocalRules, SafetyJudge
from generation.models.port import ChatModel
from generation.prompts.prompt import Prompts
from generation.steps.guard import Guard


def build_guard(settings: Settings, prompts: Prompts, lanes: Lanes, *, modelled: bool) -> Guard:
    """The guard of answers. Connects to nothing yet.

    Raises:
        ConfigurationError: a policy can't be followed.
    """
    pii = settings.guard.pii
    finder = _finder(settings) if pii.questions or pii.answers else None
    return Guard(
        modelled=modelled,
        rules=prompts.rules,
        lane=lanes.searches,
        questions=Policy(finder, pii.questions) if finder and pii.questions else None,
        answers=Policy(finder, pii.answers) if finder and pii.answers else None,
        judges=_judges(settings, lanes),
        safety=settings.guard.safety,
    )


def discreet(model: ChatModel | None, settings: Settings, lanes: Lanes) -> ChatModel | None:
    """The model, told no more than ``guard.pii.context`` allows.

    Raises:
        ConfigurationError: the policy can't be followed.
    """
    if model is None or not settings.guard.pii.context:
        return model
    return DiscreetModel(model, Policy(_finder(settings), settings.guard.pii.context), lanes.searches)


def _finder(settings: Settings) -> PiiFinder:
    from generation.guarding.presidio import PresidioFinder  # noqa: PLC0415 - an extra, and seconds

    return PresidioFinder(settings.guard.pii)


def _judges(settings: Settings, lanes: Lanes) -> list[SafetyJudge]:
    safety = settings.guard.safety
    judges: list[SafetyJudge] = [LocalRules(safety.rules)] if safety.rules else []
    if safety.provider != "none":
        from generation.guarding import safety_services as services  # noqa: PLC0415 - httpx

        if safety.provider == "openai":
            judges.append(services.OpenAiModeration(safety))
        elif safety.provider == "azure":
            judges.append(services.AzureContentSafety(safety))
        else:
            judges.append(services.BedrockGuardrail(safety, lanes.searches))
    return judges
