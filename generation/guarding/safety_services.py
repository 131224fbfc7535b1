"""Services that judge content: OpenAI's moderation, Azure AI Content Safety, Amazon Bedrock Guardrails.

Their protocols:
https://platform.openai.com/docs/api-reference/moderations/create,
https://learn.microsoft.com/en-us/rest/api/contentsafety/text-operations/analyze-text (2024-09-01),
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import httpx

from core.errors import ModelUnavailable
from core.guard_settings import SafetySettings
from core.lanes import Lane
from generation.guarding.safety import Judgement, Side

_AZURE_VERSION, _AZURE_MOST = "2024-09-01", 10_000


class HttpJudge:
    """A service behind one POST. See :class:`generation.guarding.safety.SafetyJudge`."""

    name = ""

    def __init__(self, settings: SafetySettings, url: str, headers: dict[str, str]) -> None:
        self._settings = settings
        self._url = url
        self._client = httpx.AsyncClient(headers=headers, timeout=settings.timeout_s)

    async def judge(self, text: str, side: Side) -> Judgement:  # noqa: ARG002 - the port's
        """See :meth:`generation.guarding.safety.SafetyJudge.judge`."""
        found: list[str] = []
        for body in self._bodies(text):
            try:
                response = await self._client.post(self._url, json=body)
                response.raise_for_status()
                found.extend(self._categories(response.json()))
            except httpx.HTTPStatusError as error:
                raise ModelUnavailable(f"{self.name} answers HTTP {error.response.status_code}.") from error
            except httpx.HTTPError as error:
                raise ModelUnavailable(f"{self.name} can't be reached ({type(error).__name__}).") from error
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise ModelUnavailable(f"{self.name} answers something else than a judgement.") from error
        return Judgement(tuple(dict.fromkeys(found)))

    async def close(self) -> None:
        """See :meth:`generation.guarding.safety.SafetyJudge.close`."""
        await self._client.aclose()

    def _bodies(self, text: str) -> list[dict[str, Any]]:
        raise NotImplementedError

    def _categories(self, answer: Any) -> list[str]:
        raise NotImplementedError


class OpenAiModeration(HttpJudge):
    """``POST /moderations``."""

    name = "The moderation service"

    def __init__(self, settings: SafetySettings) -> None:
        base = (settings.url or "https://api.openai.com/v1").rstrip("/")
        key = {"Authorization": f"Bearer {settings.api_key.get_secret_value()}"} if settings.api_key else {}
        super().__init__(settings, f"{base}/moderations", key)

    def _bodies(self, text: str) -> list[dict[str, Any]]:
        return [{"model": self._settings.model, "input": text}]

    def _categories(self, answer: Any) -> list[str]:
        found: list[str] = []
        for result in _listed(answer["results"]):
            if result["flagged"] is True:
                found += [name for name, hit in result["categories"].items() if hit is True] or ["flagged"]
            elif result["flagged"] is not False:
                raise TypeError
        return found


class AzureContentSafety(HttpJudge):
    """``POST /contentsafety/text:analyze``; longer texts go in parts of 10,000 characters."""

    name = "Azure AI Content Safety"

    def __init__(self, settings: SafetySettings) -> None:
        assert settings.api_key is not None
        url = f"{settings.url.rstrip('/')}/contentsafety/text:analyze?api-version={_AZURE_VERSION}"
        super().__init__(settings, url, {"Ocp-Apim-Subscription-Key": settings.api_key.get_secret_value()})

    def _bodies(self, text: str) -> list[dict[str, Any]]:
        parts = [text[at : at + _AZURE_MOST] for at in range(0, len(text), _AZURE_MOST)]
        output = "FourSeverityLevels" if self._settings.severity % 2 == 0 else "EightSeverityLevels"
        more = {"blocklistNames": list(self._settings.blocklists)} if self._settings.blocklists else {}
        return [{"text": part, "outputType": output, **more} for part in parts]

    def _categories(self, answer: Any) -> list[str]:
        analysis = _listed(answer["categoriesAnalysis"])
        found = [str(one["category"]) for one in analysis if int(one["severity"]) >= self._settings.severity]
        return found + [str(one["blocklistName"]) for one in answer.get("blocklistsMatch") or ()]


class BedrockGuardrail:
    """``ApplyGuardrail``. See :class:`generation.guarding.safety.SafetyJudge`."""

    name = "The Bedrock guardrail"

    def __init__(self, settings: SafetySettings, lane: Lane) -> None:
        self._settings = settings
        self._lane = lane

    @cached_property
    def _client(self) -> Any:
        import boto3  # noqa: PLC0415 - half a second
        from botocore.config import Config  # noqa: PLC0415

        wait = self._settings.timeout_s
        config = Config(connect_timeout=wait, read_timeout=wait, retries={"total_max_attempts": 1})
        return boto3.client(
            "bedrock-runtime",
            region_name=self._settings.region,
            endpoint_url=self._settings.url or None,
            config=config,
        )

    async def judge(self, text: str, side: Side) -> Judgement:
        """See :meth:`generation.guarding.safety.SafetyJudge.judge`."""
        return await self._lane.run(lambda: self._judged(text, side), begun=True)

    async def close(self) -> None:
        """See :meth:`generation.guarding.safety.SafetyJudge.close`."""
        if "_client" in self.__dict__:
            self._client.close()

    def _judged(self, text: str, side: Side) -> Judgement:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            answer = self._client.apply_guardrail(
                guardrailIdentifier=self._settings.guardrail,
                guardrailVersion=self._settings.guardrail_version,
                source="INPUT" if side == "question" else "OUTPUT",
                content=[{"text": {"text": text}}],
            )
            if answer["action"] == "NONE":
                return Judgement()
            policies = [name for one in answer.get("assessments", ()) for name in one if name.endswith("Policy")]
            return Judgement(tuple(dict.fromkeys(policies)) or ("guardrail",))
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "an error")
            raise ModelUnavailable(f"{self.name} answers {code}.") from error
        except (BotoCoreError, LookupError, TypeError) as error:
            raise ModelUnavailable(f"{self.name} can't be asked ({type(error).__name__}).") from error


def _listed(value: Any) -> list[Any]:
    """What must be a list with something in it: an empty judgement is none."""
    if not isinstance(value, list) or not value:
        raise TypeError
    return value
