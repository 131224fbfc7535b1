"""An ordered list of chat models over real servers: who writes when one is down, busy, slow, or set up wrongly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from core.errors import ConfigurationError, ModelUnavailable
from core.model_settings import ChatSettings
from core.settings import Settings
from generation.build import build_chat_model
from generation.models.failover import FailoverModel
from generation.models.openai import OpenAiModel
from generation.models.port import ChatModel, Delta, Message
from tests.integration.test_llm_stream import (
    END,
    GOOD,
    OK,
    Call,
    Script,
    Server,
    event,
    refuses,
    sends,
    serving,
    stalls,
    text,
)

MESSAGES = [Message("user", "Hello?")]
CUT = sends(event("Hel"))
LATER = refuses(503, headers="Retry-After: 60\r\n")
TOO_LONG = refuses(400, b'{"error": {"message": "maximum context length is 8192 tokens", "code": "x"}}')


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def chain(
    *scripts: Script, clock: Callable[[], float] | None = None, **more: Any
) -> AsyncIterator[tuple[FailoverModel, list[Server]]]:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serving(script)) for script in scripts]
        chats = [
            ChatSettings(provider="openai", model=f"m{at}", url=server.url, total_timeout_s=5, **more)
            for at, server in enumerate(servers, start=1)
        ]
        model = FailoverModel([(OpenAiModel(chat), chat) for chat in chats], clock or Clock())
        try:
            yield model, servers
        finally:
            await model.close()


async def heard(model: ChatModel) -> list[Delta]:
    return [delta async for delta in model.stream(MESSAGES)]


async def into(got: list[Delta], model: ChatModel) -> None:
    """As :func:`heard`, keeping what came before an error."""
    async for delta in model.stream(MESSAGES):
        got.append(delta)


def test_the_first_one_writes_as_long_as_it_can() -> None:
    async def run() -> None:
        async with chain(GOOD, GOOD) as (model, servers):
            got = await heard(model)
            assert (model.name, text(got), [delta.stand_in for delta in got]) == ("m1", "Hello", [None] * 3)
            assert not servers[1].calls

    asyncio.run(run())


@pytest.mark.parametrize("fault", [LATER, refuses(401), refuses(404), TOO_LONG, sends(b"data: nonsense\n\n"), stalls])
def test_the_next_one_writes_where_the_first_fails_before_its_first_word(fault: Script) -> None:
    async def run() -> None:
        async with chain(fault, GOOD, first_token_timeout_s=0.5) as (model, servers):
            got = await heard(model)
            assert text(got) == "Hello"
            told = [delta.stand_in for delta in got]
            assert told[0] is not None
            assert told[0].name == "m2"
            assert servers[0].url not in told[0].why
            assert told[1:] == [None] * 2
            assert servers[1].calls[0].body["model"] == "m2"

    asyncio.run(run())


def test_what_was_written_stands() -> None:
    async def run() -> None:
        async with chain(CUT, GOOD) as (model, servers):
            got: list[Delta] = []
            with pytest.raises(ModelUnavailable):
                await into(got, model)
            assert text(got) == "Hel"
            assert not servers[1].calls

    asyncio.run(run())


def test_the_last_ones_error_is_told_where_all_fail() -> None:
    async def run() -> None:
        async with chain(LATER, refuses(401)) as (model, _):
            with pytest.raises(ConfigurationError, match="m2"):
                await heard(model)

    asyncio.run(run())


def test_a_model_that_failed_often_is_left_alone_and_tried_again_later() -> None:
    async def run() -> None:
        clock = Clock()
        async with chain(LATER, GOOD, clock=clock, circuit_failures=2, circuit_open_s=30) as (model, servers):
            for _ in range(4):
                assert text(await heard(model)) == "Hello"
            assert len(servers[0].calls) == 2
            servers[0].scripts = [GOOD]
            clock.now = 30
            assert (await heard(model))[0].stand_in is None
            assert (await heard(model))[0].stand_in is None
            assert len(servers[0].calls) == 4

    asyncio.run(run())


def test_a_prompt_that_is_too_long_says_nothing_of_the_model() -> None:
    async def run() -> None:
        async with chain(TOO_LONG, GOOD, circuit_failures=1) as (model, servers):
            await heard(model)
            servers[0].scripts = [GOOD]
            assert (await heard(model))[0].stand_in is None
            # The request after it asks for the same as the one before.
            assert servers[0].calls[0].body == servers[0].calls[1].body

    asyncio.run(run())


def test_no_more_requests_at_a_time_than_are_allowed() -> None:
    async def run() -> None:
        here, go_on = asyncio.Event(), asyncio.Event()

        async def waits(call: Call) -> None:
            await call.send(OK, event("Hel"))
            here.set()
            await go_on.wait()
            await call.send(event("lo"), event(finish="stop"), END)

        async with chain(waits, GOOD, concurrency=1, first_token_timeout_s=0.5) as (model, servers):
            first = asyncio.create_task(heard(model))
            await asyncio.wait_for(here.wait(), 5)
            second = await heard(model)
            assert second[0].stand_in is not None
            assert "llm.concurrency" in second[0].stand_in.why
            go_on.set()
            assert text(await first) == "Hello"
            assert len(servers[0].calls) == 1

    asyncio.run(run())


def test_a_reader_who_leaves_gives_the_place_back() -> None:
    async def run() -> None:
        async with chain(GOOD, concurrency=1, first_token_timeout_s=0.5) as (model, _):
            async with aclosing(model.stream(MESSAGES)) as deltas:
                await anext(deltas)
            assert text(await heard(model)) == "Hello"

    asyncio.run(run())


def test_azure_has_addresses_of_its_own_and_another_header() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    async def run() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            seen.append((line, {k.lower(): v for k, v in (one.split(": ", 1) for one in rest if one)}))
            writer.write(OK + event("Hi") + event(finish="stop") + END)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        made = Settings.model_validate(
            {
                "llm": {
                    "provider": "azure",
                    "model": "gpt 4o/eu",
                    "url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/",
                    "api_key": "azure-secret",
                }
            }
        )
        model = build_chat_model(made)
        assert model is not None
        assert text(await heard(model)) == "Hi"
        await model.close()
        server.close()
        assert "azure-secret" not in repr(made)

    asyncio.run(run())
    ((line, headers),) = seen
    assert line == "POST /openai/deployments/gpt%204o%2Feu/chat/completions?api-version=2024-10-21 HTTP/1.1"
    assert headers["api-key"] == "azure-secret"
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("llm", "words"),
    [
        ({"provider": "azure", "model": "m"}, "Azure resource"),
        ({"provider": "openai", "model": "m", "fallbacks": [{"model": "x"}]}, "fallbacks needs a provider"),
        ({"fallbacks": [{"provider": "openai", "model": "x"}]}, "which is none"),
        ({"provider": "openai", "model": "m", "fallbacks": [{"provider": "openai"}]}, "must name the model"),
        ({"provider": "openai", "model": "m", "url": "ftp://x"}, "http"),
    ],
)
def test_settings_that_cannot_work(llm: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate({"llm": llm})


def test_well_known_keys_of_fallbacks_are_refused_in_production() -> None:
    fallback = {"provider": "openai", "model": "x", "api_key": SecretStr("changeme")}
    with pytest.raises(ValidationError, match=r"llm\.fallbacks\.0\.api_key is a well-known default"):
        Settings.model_validate(
            {"environment": "production", "llm": {"provider": "openai", "model": "m", "fallbacks": [fallback]}}
        )
