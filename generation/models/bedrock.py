"""Claude on Amazon Bedrock, through its Converse API, which serves Bedrock's other chat models as well."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anyio.to_thread
import boto3
from botocore.config import Config
from botocore.eventstream import ParserError
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, PartialCredentialsError
from urllib3.exceptions import HTTPError

from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.model_settings import ChatSettings
from generation.models.port import Delta, FinishReason, Message, RequestRefused, Usage

_ATTEMPTS = 3
_REASONS: dict[str, FinishReason] = {
    "max_tokens": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_REFUSED = {
    "AccessDeniedException": "may not be used by these credentials: allow bedrock:InvokeModelWithResponseStream on it",
    "UnrecognizedClientException": "refuses the AWS credentials",
    "InvalidSignatureException": "refuses the AWS credentials",
    "ExpiredTokenException": "refuses the AWS credentials, which have expired",
    "ResourceNotFoundException": "is not there: check llm.model and llm.region",
    "ValidationException": "doesn't take the request: check that llm.model names a chat model or inference profile",
}


class BedrockModel:
    """Streams from Bedrock. boto3 blocks, so each event is fetched in a thread, and only when it is asked for:
    nothing piles up in between. boto3 itself tries again, with jitter, before the stream has begun.

    The threads are its own: a stream that waits for a word takes none from others. One that is given up keeps its
    thread until the read that is under way ends, so that there are never more than so many.

    Args:
        streams: how many there can be at a time; further ones wait, up to their time limit.
    """

    def __init__(self, settings: ChatSettings, streams: int = 32, client: Any | None = None) -> None:
        self._threads = ThreadPoolExecutor(streams, thread_name_prefix="bedrock")
        self.name = settings.model
        self._settings = settings
        self._where = f"The Bedrock model {settings.model!r}"
        self._client = client

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[Delta]:
        """See :meth:`generation.models.port.ChatModel.stream`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.total_timeout_s
        limit = loop.time() + self._settings.first_token_timeout_s
        opened = _Opened()
        reply = _Reply()
        try:
            await self._wait(lambda: opened.open(lambda: self._converse(messages)), min(limit, deadline))
            while (event := await self._wait(opened.next_event, min(limit, deadline))) is not None:
                try:
                    text = reply.read(event)
                except (TypeError, LookupError, AttributeError) as error:
                    raise ModelUnavailable(f"{self._where} sends events that aren't the Converse API's.") from error
                if text:
                    limit = loop.time() + self._settings.token_timeout_s
                    yield Delta(text)
        finally:
            opened.close()
        if reply.finish_reason is None:
            raise ModelUnavailable(f"{self._where} cut its answer off.")
        yield Delta(finish_reason=reply.finish_reason, usage=reply.usage)

    async def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            await anyio.to_thread.run_sync(self._client.close)

    async def _wait(self, call: Any, limit: float) -> Any:
        try:
            async with asyncio.timeout_at(limit):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except TimeoutError as error:
            raise ModelUnavailable(f"{self._where} is too slow (llm.*_timeout_s).") from error
        except (ClientError, BotoCoreError, ParserError, HTTPError, OSError) as error:
            # boto3 lets the errors of the connection under an open stream through as they are.
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> FootnoteError:
        if isinstance(error, ClientError):
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code == "ValidationException" and "too long" in error.response["Error"].get("Message", "").casefold():
                return RequestRefused(f"{self._where} doesn't take the request: it is too long ({code}).")
            if code in _REFUSED:
                return ConfigurationError(f"{self._where} {_REFUSED[code]} ({code}).")
            return ModelUnavailable(f"{self._where} doesn't answer ({code}).")
        if isinstance(error, NoCredentialsError | PartialCredentialsError | NoRegionError):
            return ConfigurationError(f"{self._where} needs AWS credentials and a region (llm.region): {error}")
        return ModelUnavailable(f"{self._where} can't be reached or broke off ({type(error).__name__}).")

    def _converse(self, messages: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
        if self._client is None:
            self._client = _connect(self._settings)
        answer = self._client.converse_stream(
            modelId=self._settings.model,
            system=[{"text": one.content} for one in messages if one.role == "system"],
            messages=[
                {"role": one.role, "content": [{"text": one.content}]} for one in messages if one.role != "system"
            ],
            inferenceConfig={"maxTokens": self._settings.max_tokens, "temperature": self._settings.temperature},
        )
        events: Iterator[Mapping[str, Any]] = answer["stream"]
        return events


def _connect(settings: ChatSettings) -> Any:
    return boto3.client(
        "bedrock-runtime",
        region_name=settings.region,
        config=Config(
            connect_timeout=settings.connect_timeout_s,
            read_timeout=max(settings.first_token_timeout_s, settings.token_timeout_s),
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        ),
    )


class _Opened:
    """The stream once it is open. Closing it never waits: who is at it meanwhile closes it when they are done."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._events: Iterator[Mapping[str, Any]] = iter(())
        self._lock = threading.Lock()
        self._busy = False
        self._closed = False

    def open(self, converse: Callable[[], Iterator[Mapping[str, Any]]]) -> None:
        with self._at_it():
            self._stream = converse()
            self._events = iter(self._stream)

    def next_event(self) -> Mapping[str, Any] | None:
        with self._at_it():
            return next(self._events, None)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if not self._busy:
                self._hang_up()

    @contextmanager
    def _at_it(self) -> Iterator[None]:
        with self._lock:
            if self._closed:  # it was given up while this waited for a thread
                raise CancelledError
            self._busy = True
        try:
            yield
        finally:
            with self._lock:
                self._busy = False
                if self._closed:
                    self._hang_up()

    def _hang_up(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


class _Reply:
    """What the stream has told so far."""

    def __init__(self) -> None:
        self.finish_reason: FinishReason | None = None
        self.usage: Usage | None = None

    def read(self, event: Mapping[str, Any]) -> str:
        if "messageStop" in event:
            self.finish_reason = _REASONS.get(event["messageStop"]["stopReason"], "stop")
        usage = event.get("metadata", {}).get("usage")
        if usage:
            self.usage = Usage.told(usage.get("inputTokens"), usage.get("outputTokens"))
        text = event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
        if not isinstance(text, str):
            raise TypeError("A delta's text is no text.")
        return text
