"""A chat model behind the chat-completions protocol: OpenAI, vLLM, or any gateway that speaks it."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.logs import get_logger
from core.model_settings import ChatSettings
from core.telemetry import MODEL_RETRIES
from generation.models.completion import Completion
from generation.models.port import Delta, Message, RequestRefused
from generation.models.sse import read_events
from retrieval.remote.http import retry_after

MAX_RETRIES = 2
_BACKOFF_S = 0.5
_MAX_BACKOFF_S = 8.0
_REFUSED = {
    401: "refuses the key: set llm.api_key",
    403: "refuses the key for this model: check llm.api_key and llm.model",
    404: "doesn't know the model or the path: check llm.model and llm.url (it usually ends in /v1)",
}
_BAD_REQUEST, _UNPROCESSABLE, _TOO_MANY, _SERVER_FAULT = 400, 422, 429, 500
_DONE = "[DONE]"
_INSTEAD = {"max_tokens": "max_completion_tokens", "temperature": None, "stream_options": None, "seed": None}
"""Parameters that some servers refuse, and what to send for them then."""
_UNSUPPORTED = r"unsupported|unknown|unrecogni[sz]ed|unexpected|not supported|not support|n't support|not permitted"
_MAX_COMPLAINT = 65_536

log = get_logger(__name__)

_T = TypeVar("_T")


class _Transient(ModelUnavailable):
    """Trying again at once can help; ``after_s`` is how long the server asks to wait, if it does."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class OpenAiModel:
    """Streams completions. A request that fails before its first token is tried again, at most twice."""

    def __init__(self, settings: ChatSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.name = settings.model
        self._settings = settings
        # Readers see what this is in. Where the server is, is in the log alone.
        self._where = f"The model {settings.model!r}"
        self._refused: dict[str, str | None] = {}
        self._address = _address(settings.url)
        key = settings.api_key.get_secret_value() if settings.api_key else None
        self._client = httpx.AsyncClient(
            # Compressed, a few bytes would unpack to gigabytes before their length could be seen.
            headers={"Accept-Encoding": "identity"} | (_signed(settings, key) if key else {}),
            # Reading has its own clocks below: a keep-alive comment must not pass for an answer.
            timeout=httpx.Timeout(settings.connect_timeout_s, read=settings.total_timeout_s),
            transport=transport,
        )

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
        """See :meth:`generation.models.port.ChatModel.stream`."""
        deadline = asyncio.get_running_loop().time() + self._settings.total_timeout_s
        refused = dict(self._refused)
        begun = False
        for attempt in range(MAX_RETRIES + 1):
            try:
                async with aclosing(self._attempt(messages, deadline, refused)) as deltas:
                    async for delta in deltas:
                        begun = True
                        yield delta
            except _Transient as error:
                if begun or attempt == MAX_RETRIES:
                    log.warning("llm.failed", url=self._address, reason=error.message)
                    raise ModelUnavailable(error.message) from error
                await self._pause(attempt, error, deadline)
            except FootnoteError as error:
                log.warning("llm.failed", url=self._address, reason=error.message)
                raise
            else:
                return

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _pause(self, attempt: int, error: _Transient, deadline: float) -> None:
        # Jitter keeps the clients of one overloaded server from coming back together.
        wait = random.uniform(0.5, 1) * _BACKOFF_S * 2**attempt  # noqa: S311
        wait = min(_MAX_BACKOFF_S, max(wait, error.after_s or 0))
        if asyncio.get_running_loop().time() + wait >= deadline:
            raise ModelUnavailable(error.message) from error
        MODEL_RETRIES.labels("llm").inc()
        log.warning("llm.retry", attempt=attempt + 1, wait_s=round(wait, 2))
        await asyncio.sleep(wait)

    async def _attempt(
        self, messages: Sequence[Message], deadline: float, refused: dict[str, str | None]
    ) -> AsyncGenerator[Delta]:
        clock = _Clock(self._settings, self._where, deadline)
        try:
            request = self._client.build_request("POST", self._url(), json=self._body(messages, refused))
            response = await clock.wait(self._client.send(request, stream=True))
            try:
                await self._check(response, clock, refused)
                self._refused.update(refused)  # taken without them: what it refused is a fact about this server
                async with aclosing(self._deltas(response, clock)) as deltas:
                    async for delta in deltas:
                        yield delta
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise ModelUnavailable(f"{self._where} doesn't answer in time ({type(error).__name__}).") from error
        except httpx.HTTPError as error:
            raise _Transient(f"{self._where} can't be reached or broke off ({type(error).__name__}).") from error

    async def _deltas(self, response: httpx.Response, clock: _Clock) -> AsyncGenerator[Delta]:
        completion = Completion(self._where)
        events = read_events(response.aiter_raw(), self._where)
        async with aclosing(events):
            try:
                while (event := await clock.wait(_following(events))) not in (None, _DONE):
                    text = completion.read(event)
                    if completion.alive:
                        clock.beat()
                    if text:
                        yield Delta(text)
            except (httpx.HTTPError, ModelUnavailable):
                # The answer is whole once it has a finish reason: only its token counts are lost.
                if completion.finish_reason is None:
                    raise
        if completion.finish_reason is None:
            raise _Transient(f"{self._where} cut its answer off.")
        yield Delta(finish_reason=completion.finish_reason, usage=completion.usage)

    async def _check(self, response: httpx.Response, clock: _Clock, refused: dict[str, str | None]) -> None:
        status = response.status_code
        if response.is_success:
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise ModelUnavailable(f"{self._where} compresses its answer, which it wasn't asked to.")
            return
        if status in _REFUSED:
            raise ConfigurationError(f"{self._where} {_REFUSED[status]} (HTTP {status}).")
        if status == _TOO_MANY or status >= _SERVER_FAULT:
            raise _Transient(
                f"{self._where} answers HTTP {status}.", retry_after(response.headers.get("retry-after", ""))
            )
        if status in (_BAD_REQUEST, _UNPROCESSABLE):
            name = _parameter_refused(await clock.wait(_complaint(response)))
            if name is not None and name not in refused:
                refused[name] = _INSTEAD[name]
                raise _Transient(f"{self._where} refuses the parameter {name} (HTTP {status}).")
        raise RequestRefused(f"{self._where} doesn't take the request (HTTP {status}).")

    def _url(self) -> httpx.URL:
        base = self._settings.url.rstrip("/")
        if self._settings.provider != "azure":
            return httpx.URL(f"{base}/chat/completions")
        deployment = quote(self._settings.model, safe="")
        url = httpx.URL(f"{base}/openai/deployments/{deployment}/chat/completions")
        return url.copy_set_param("api-version", self._settings.api_version)

    def _body(self, messages: Sequence[Message], refused: dict[str, str | None]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": self._settings.max_tokens,
            "temperature": self._settings.temperature,
        }
        if self._settings.seed is not None:
            body["seed"] = self._settings.seed
        for name, instead in refused.items():
            value = body.pop(name, None)
            if instead is not None:
                body[instead] = value
        return body


class _Clock:
    """Bounds each wait: for the first token, for the next one, and for the whole answer."""

    def __init__(self, settings: ChatSettings, where: str, deadline: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._token_s, self._deadline, self._where = settings.token_timeout_s, deadline, where
        self._limit = self._loop.time() + settings.first_token_timeout_s
        self._waits_for = f"first token within {settings.first_token_timeout_s:g} s (llm.first_token_timeout_s)"

    def beat(self) -> None:
        """A piece of the answer came."""
        self._limit = self._loop.time() + self._token_s
        self._waits_for = f"next token within {self._token_s:g} s (llm.token_timeout_s)"

    async def wait(self, coming: Awaitable[_T]) -> _T:
        whole = self._deadline <= self._limit
        try:
            async with asyncio.timeout_at(min(self._limit, self._deadline)):
                return await coming
        except TimeoutError as error:
            missed = "end of the answer in time (llm.total_timeout_s)" if whole else self._waits_for
            raise ModelUnavailable(f"{self._where} is too slow: no {missed}.") from error


def _signed(settings: ChatSettings, key: str) -> dict[str, str]:
    # Azure: https://learn.microsoft.com/azure/ai-services/openai/reference
    return {"api-key": key} if settings.provider == "azure" else {"Authorization": f"Bearer {key}"}


async def _following(events: AsyncIterator[str]) -> str | None:
    return await anext(events, None)


async def _complaint(response: httpx.Response) -> str:
    """The beginning of what the server says is wrong."""
    body = b""
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > _MAX_COMPLAINT:
            break
    return body[:_MAX_COMPLAINT].decode(errors="replace")


def _parameter_refused(answer: str) -> str | None:
    """The parameter that a server's error says it doesn't know, if it is one that can be done without.

    A name alone says little: that a prompt and ``max_tokens`` together are too long is true of one request only.
    """
    try:
        error = json.loads(answer)["error"]
        message, code, named = str(error["message"]), str(error.get("code")), error.get("param")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    for name in _INSTEAD:
        if named == name and re.search(_UNSUPPORTED, f"{code} {message}", re.IGNORECASE):
            return name
        # Many servers have the name in the message alone.
        said = rf"(?:{_UNSUPPORTED})\W+(?:\w+\W+){{0,5}}?{name}\b|\b{name}\b\W+(?:\w+\W+)?(?:{_UNSUPPORTED})"
        if named is None and re.search(said, message, re.IGNORECASE):
            return name
    return None


def _address(url: str) -> str:
    """The server's address for the log, without a password in it.

    Raises:
        ConfigurationError: it is no URL.
    """
    try:
        return str(httpx.URL(url).copy_with(userinfo=b""))
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"llm.url isn't a URL ({error}).") from error
