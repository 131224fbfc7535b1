"""Settings of what is kept from models and from readers. Nothing of personal data or content is checked by default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from core.section import Fraction, Seconds, Section

PiiAction = Literal["allow", "redact", "mask", "block", "pseudonymise"]
PiiPolicy = Mapping[str, PiiAction]
"""By entity, as ``PERSON`` or ``EMAIL_ADDRESS``; what isn't named is allowed."""


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"isn't a regular expression: {error}") from None
    return pattern


Regex = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_compiles)]


class PiiRecogniser(Section):
    """An entity of your own, by a regular expression."""

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,40}$")]
    regex: Regex
    score: Fraction = 0.5
    context: tuple[str, ...] = ()
    """Words that make it likelier where they stand near; they add .35 to the score."""


class PiiSettings(Section):
    """Personal data, by entity and stage. Needs the ``pii`` extra where a policy is set."""

    questions: PiiPolicy = Field(default_factory=dict)
    """Of questions and earlier turns, before anything is searched for or sent."""
    context: PiiPolicy = Field(default_factory=dict)
    """Of all that a chat model is sent."""
    answers: PiiPolicy = Field(default_factory=dict)
    """Of what readers are shown: the answer's text, and its quotes."""
    score: Fraction = 0.4
    """What a recogniser is at least as sure of is an entity."""
    regions: tuple[str, ...] = ("US", "GB", "DE", "FR", "NO", "NL", "ES", "IT", "SE", "CH", "AT")
    """Whose telephone numbers are known without a country's code."""
    recognisers: tuple[PiiRecogniser, ...] = ()

    @model_validator(mode="after")
    def _restorable(self) -> Self:
        for stage in ("questions", "answers"):
            if "pseudonymise" in getattr(self, stage).values():
                raise ValueError(
                    f"guard.pii.{stage} can't pseudonymise: nobody restores there. Set it in guard.pii.context."
                )
        return self


class SafetyRule(Section):
    """A category of content that isn't wanted."""

    category: Annotated[str, Field(min_length=1, max_length=100)]
    words: tuple[str, ...] = ()
    """Whole words or phrases, in any case."""
    patterns: tuple[Regex, ...] = ()


class SafetySettings(Section):
    """Content that isn't to be asked for, or shown."""

    provider: Literal["none", "openai", "bedrock", "azure"] = "none"
    rules: tuple[SafetyRule, ...] = ()
    """Checked on this machine, before the provider is asked."""
    questions: bool = True
    answers: bool = True
    on_failure: Literal["refuse", "allow"] = "refuse"
    """What is done where the provider can't be asked. Answers say so either way."""
    timeout_s: Seconds = 3
    url: str = ""
    """OpenAI's (https://api.openai.com/v1 where left out), or Azure's endpoint, or a private one of Bedrock."""
    api_key: SecretStr | None = None
    model: str = "omni-moderation-latest"
    region: str | None = None
    guardrail: str = ""
    """Of Bedrock: its id or ARN."""
    guardrail_version: str = "DRAFT"
    severity: Annotated[int, Field(ge=1, le=7)] = 4
    """Of Azure: from which severity (0, 2, 4, 6) on it isn't wanted."""
    blocklists: tuple[str, ...] = ()
    """Of Azure: names of block lists."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.provider == "bedrock" and not self.guardrail:
            raise ValueError("guard.safety.guardrail must name the guardrail of guard.safety.provider = 'bedrock'")
        if self.provider == "azure" and not (self.url and self.api_key):
            raise ValueError("guard.safety.url and guard.safety.api_key must be set for provider = 'azure'")
        if self.provider == "openai" and not self.api_key and not self.url:
            raise ValueError("guard.safety.api_key must be set for provider = 'openai'")
        return self


class GuardSettings(Section):
    """Guards of questions and answers."""

    pii: PiiSettings = PiiSettings()
    safety: SafetySettings = SafetySettings()
