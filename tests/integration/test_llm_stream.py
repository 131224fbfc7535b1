"""The OpenAI-compatible client against a real HTTP server: one that is good, broken, slow, or not there."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.settings import LlmSettings
from generation.models.openai import OpenAiModel
from generation.models.port import Delta, Message, Usage
from tests.integration.scripted_model import (
    DEADLINE_S,
    END,
    OK,
    USAGE,
    Call,
    Script,
    Server,
    event,
    refuses,
    sends,
    serving,
    stalls,
)

MESSAGES = [Message("system", "Be brief."), Message("user", "Hello?")]

GOOD = sends(event("Hel"), event("lo"), event(finish="stop"), USAGE, END)


def settings(url: str, **more: Any) -> LlmSettings:
    return LlmSettings(provider="openai", model="m", url=url, api_key=SecretStr("sk-test"), **more)


@asynccontextmanager
async def model_at(server: Server, **more: Any) -> AsyncIterator[OpenAiModel]:
    model = OpenAiModel(settings(server.url, **more))
    try:
        yield model
    finally:
        await model.close()


def ask(*scripts: Script, **more: Any) -> tuple[list[Delta], FootnoteError | None, Server]:
    """What came, what was raised, and what the server saw."""

    async def run() -> tuple[list[Delta], FootnoteError | None, Server]:
        got: list[Delta] = []
        async with serving(*scripts) as server, model_at(server, **more) as model:
            try:
                async for delta in model.stream(MESSAGES):
                    got.append(delta)
            except FootnoteError as error:
                return got, error, server
            return got, None, server

    return asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def test_streams_text_then_finish_and_usage() -> None:
    got, error, server = ask(GOOD)
    assert error is None
    assert got == [Delta("Hel"), Delta("lo"), Delta(finish_reason="stop", usage=Usage(7, 3))]
    (call,) = server.calls
    assert call.headers["authorization"] == "Bearer sk-test"
    assert call.body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
    assert call.body["stream_options"] == {"include_usage": True}


def test_lines_and_characters_may_be_cut_anywhere() -> None:
    stream = (
        b": keep-alive\r\n\r\n"
        + event("Grüße, 日本\u2028 ")
        + event("€5 😀").replace(b"\n", b"\r\n")
        + event(finish="stop")
        + END
    )
    got, error, _ = ask(sends(*(stream[n : n + 1] for n in range(len(stream)))))
    assert error is None
    assert text(got) == "Grüße, 日本\u2028 €5 😀"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_lines_end_in_three_ways_after_a_byte_order_mark(end: bytes, step: int) -> None:
    stream = b"\xef\xbb\xbf" + (event("Hel") + b": hm\n" + event("lo") + event(finish="stop") + END).replace(b"\n", end)
    got, error, server = ask(sends(*(stream[n : n + step] for n in range(0, len(stream), step))))
    assert error is None
    assert text(got) == "Hello"
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "usage",
    [[2**64, 1], [-1, 3], [True, False], [float("nan"), 1.5], ["7", "3"], [None, 3], {"prompt_tokens": []}],
)
def test_counts_that_no_answer_has_are_no_counts(usage: Any) -> None:
    counts = (
        dict(zip(("prompt_tokens", "completion_tokens"), usage, strict=False)) if isinstance(usage, list) else usage
    )
    got, error, _ = ask(sends(event("a"), event(finish="stop"), event(usage=counts), END))
    assert error is None
    assert got[-1] == Delta(finish_reason="stop")


@pytest.mark.parametrize(
    ("told", "reason"), [("length", "length"), ("content_filter", "content_filter"), ("eos", "stop")]
)
def test_finish_reasons(told: str, reason: str) -> None:
    got, _, _ = ask(sends(event("a", finish=told), END))
    assert got[-1].finish_reason == reason


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_a_matter_of_configuration_and_not_tried_again(status: int) -> None:
    _, error, server = ask(refuses(status))
    assert isinstance(error, ConfigurationError)
    assert "llm." in error.message
    assert "sk-test" not in error.message
    assert len(server.calls) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_overloaded_server_is_tried_again(status: int) -> None:
    got, error, server = ask(refuses(status, headers="Retry-After: 0\r\n"), GOOD)
    assert error is None
    assert text(got) == "Hello"
    assert len(server.calls) == 2


def test_it_gives_up_after_two_more_tries() -> None:
    _, error, server = ask(refuses(503))
    assert isinstance(error, ModelUnavailable)
    assert "503" in error.message
    assert len(server.calls) == 3


def test_it_does_not_wait_past_its_deadline() -> None:
    _, error, server = ask(refuses(429, headers="Retry-After: 60\r\n"), total_timeout_s=2)
    assert isinstance(error, ModelUnavailable)
    assert len(server.calls) == 1


def test_cut_off_before_the_first_token_is_tried_again() -> None:
    got, error, server = ask(sends(), GOOD)
    assert error is None
    assert text(got) == "Hello"
    assert len(server.calls) == 2


@pytest.mark.parametrize("cut", [b"", b'data: {"choi', END], ids=["in silence", "in an event", "without a reason"])
def test_cut_off_in_the_middle_raises_and_is_not_tried_again(cut: bytes) -> None:
    got, error, server = ask(sends(event("Hel"), cut))
    assert text(got) == "Hel"
    assert isinstance(error, ModelUnavailable)
    assert len(server.calls) == 1


def test_a_connection_that_breaks_in_the_middle_raises() -> None:
    async def breaks(call: Call) -> None:
        await call.send(OK.replace(b"Connection: close", b"Content-Length: 9999"), event("Hel"))
        call.writer.transport.abort()

    _, error, _ = ask(breaks)
    assert isinstance(error, ModelUnavailable)


def test_an_answer_that_is_whole_does_not_need_its_usage() -> None:
    got, error, _ = ask(sends(event("a"), event(finish="stop")))
    assert error is None
    assert got[-1] == Delta(finish_reason="stop")


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {oops\n\n",
        b"data: [1]\n\n",
        b'data: {"choices": [3]}\n\n',
        b'data: {"choices": 3}\n\n',
        b"data: \xff\xfe\n\n",
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
        b'data: {"error": {"message": "boom"}}\n\n',
        b'data: {"choices": [{"delta": {}, "finish_reason": ["stop"]}]}\n\n',
        b'data: {"choices": [{"delta": {}, "finish_reason": {"a": 1}}]}\n\n',
        b"data: " + b"[" * 100_000 + b"]" * 100_000 + b"\n\n",
        b"data: " + b'{"a": ' * 100_000 + b"\n\n",
        b"data: " + b"x" * 4_000_001,
        (b"data: " + b"y" * 1_000_000 + b"\n") * 5,
    ],
    ids=lambda bad: bad[:40].decode(errors="replace"),
)
def test_what_is_not_the_protocol_raises(bad: bytes) -> None:
    got, error, _ = ask(sends(event("a"), bad, event(finish="stop"), END))
    assert text(got) == "a"
    assert isinstance(error, ModelUnavailable)


def test_no_first_token_in_time() -> None:
    _, error, server = ask(stalls, first_token_timeout_s=0.2)
    assert isinstance(error, ModelUnavailable)
    assert "llm.first_token_timeout_s" in error.message
    assert len(server.calls) == 1


def test_no_next_token_in_time_though_comments_keep_coming() -> None:
    async def chatters(call: Call) -> None:
        await call.send(OK, event("Hel"))
        while not call.reader.at_eof():
            await call.send(b": still here\n\n")
            await asyncio.sleep(0.01)

    got, error, _ = ask(chatters, token_timeout_s=0.2)
    assert text(got) == "Hel"
    assert isinstance(error, ModelUnavailable)
    assert "llm.token_timeout_s" in error.message


def test_no_end_in_time_though_tokens_keep_coming() -> None:
    async def babbles(call: Call) -> None:
        await call.send(OK)
        while not call.reader.at_eof():
            await call.send(event("bla "))
            await asyncio.sleep(0.01)

    _, error, _ = ask(babbles, total_timeout_s=0.4)
    assert isinstance(error, ModelUnavailable)
    assert "llm.total_timeout_s" in error.message


def test_nobody_listens() -> None:
    async def run() -> None:
        async with serving(GOOD) as server:
            url = server.url
        model = OpenAiModel(settings(url, total_timeout_s=1))
        try:
            with pytest.raises(ModelUnavailable, match="can't be reached"):
                await anext(model.stream(MESSAGES))
        finally:
            await model.close()

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def test_closing_the_generator_hangs_up() -> None:
    async def run() -> None:
        seen = asyncio.Event()

        async def waits(call: Call) -> None:
            await call.send(OK, event("Hel"))
            await call.gone()
            seen.set()

        async with serving(waits) as server, model_at(server) as model:
            async with aclosing(model.stream(MESSAGES)) as deltas:
                assert (await anext(deltas)).text == "Hel"
                assert not seen.is_set()
            await asyncio.wait_for(seen.wait(), DEADLINE_S)

    asyncio.run(run())


def test_cancelling_the_reader_hangs_up() -> None:
    async def run() -> None:
        begun, seen = asyncio.Event(), asyncio.Event()

        async def waits(call: Call) -> None:
            await call.send(OK)
            begun.set()
            await call.gone()
            seen.set()

        async with serving(waits) as server, model_at(server) as model:
            reading = asyncio.ensure_future(anext(model.stream(MESSAGES)))
            await asyncio.wait_for(begun.wait(), DEADLINE_S)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await asyncio.wait_for(seen.wait(), DEADLINE_S)

    asyncio.run(run())


def test_a_parameter_that_the_server_refuses_is_done_without() -> None:
    complaint = b'{"error": {"message": "Unsupported parameter: max_tokens. Use max_completion_tokens."}}'
    got, error, server = ask(refuses(400, complaint), GOOD)
    assert error is None
    assert text(got) == "Hello"
    assert "max_tokens" not in server.calls[1].body
    assert server.calls[1].body["max_completion_tokens"] == 1024


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "Extra inputs are not permitted", "param": "max_tokens"}}',
        b'{"error": {"message": "Use another.", "param": "max_tokens", "code": "unsupported_parameter"}}',
        b'{"error": {"message": "\'max_tokens\' is not supported with this model.", "code": null}}',
        b'{"error": {"message": "Unrecognized request argument supplied: max_tokens", "param": null}}',
        b'{"error": {"message": "this model doesn\'t support max_tokens"}}',
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_servers_refuse_a_parameter_in_many_words(body: bytes, status: int) -> None:
    got, error, server = ask(refuses(status, body), GOOD)
    assert error is None
    assert text(got) == "Hello"
    assert server.calls[1].body["max_completion_tokens"] == 1024


TOO_LONG = "context of 9000 tokens (8000 in messages, max_tokens 1000) is not supported"


@pytest.mark.parametrize(
    "fault",
    [
        {"message": "context too long"},
        {"message": TOO_LONG, "code": "context_length_exceeded"},
        {"message": TOO_LONG, "param": "messages", "code": "unsupported_value"},
        {"message": "max_tokens is too large: 1024. The maximum context length is 512.", "param": "max_tokens"},
        {"message": "Unsupported parameter.", "param": ["max_tokens"]},
        {"message": "Unsupported parameter: top_p, not max_tokens_to_sample", "param": None},
        ["max_tokens unsupported"],
        None,
    ],
)
def test_a_bad_request_that_names_no_parameter_is_reported_at_once_and_changes_nothing(fault: Any) -> None:
    async def run() -> None:
        refusal = refuses(400, json.dumps({"error": fault}).encode())
        async with serving(refusal, GOOD) as server, model_at(server) as model:
            with pytest.raises(ModelUnavailable, match="400"):
                await anext(model.stream(MESSAGES))
            assert text([delta async for delta in model.stream(MESSAGES)]) == "Hello"
            assert [call.body.get("max_tokens") for call in server.calls] == [1024, 1024]

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


@pytest.mark.parametrize("taken", [True, False], ids=["taken without it", "refused without it too"])
def test_what_a_server_refuses_is_remembered_once_it_took_the_request_without(taken: bool) -> None:
    async def run() -> None:
        unsupported = refuses(
            400, b'{"error": {"message": "no", "param": "max_tokens", "code": "unsupported_parameter"}}'
        )
        second = GOOD if taken else refuses(400)
        async with serving(unsupported, second, GOOD) as server, model_at(server) as model:
            for _ in range(2):
                try:
                    assert text([delta async for delta in model.stream(MESSAGES)]) == "Hello"
                except ModelUnavailable:
                    assert not taken
            third = server.calls[2].body
            assert ("max_completion_tokens" in third, "max_tokens" in third) == (taken, not taken)

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


async def unpacks(call: Call) -> None:
    """A gigabyte of blanks in a megabyte."""
    packed = gzip.compress(b" " * 2**20)
    await call.send(OK.replace(b"Connection", b"Content-Encoding: gzip\r\nConnection"), *[packed] * 1000)


async def never_stops_complaining(call: Call) -> None:
    await call.send(b"HTTP/1.1 400 X\r\nConnection: close\r\n\r\n", b'{"error": "')
    while not call.reader.at_eof():
        await call.send(b"x" * 10_000)


async def sends_garbage(call: Call) -> None:
    await call.send(OK.replace(b"Connection", b"Transfer-Encoding: chunked\r\nConnection"), b"zz\r\nnot a chunk\r\n")


async def has_a_long_head(call: Call) -> None:
    await call.send(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 300_000 + b"\r\n\r\n")


@pytest.mark.parametrize(
    "script",
    [
        unpacks,
        never_stops_complaining,
        sends_garbage,
        has_a_long_head,
        refuses(302, headers="Location: http://127.0.0.1:1/elsewhere\r\n"),
        refuses(429, headers="Retry-After: \xb2\r\n"),
        refuses(503, headers=f"Retry-After: {'9' * 5000}\r\n"),
    ],
)
def test_readers_are_not_told_where_the_server_is(script: Script) -> None:
    got, error, server = ask(script, total_timeout_s=2)
    assert got == []
    assert isinstance(error, ModelUnavailable)
    assert "127.0.0.1" not in error.message
    assert server.url.split(":")[2].split("/")[0] not in error.message
    assert all(call.headers["accept-encoding"] == "identity" for call in server.calls)


def test_the_log_says_where_the_server_is_without_its_password() -> None:
    async def run() -> None:
        async with serving(refuses(401)) as server:
            model = OpenAiModel(settings(server.url.replace("//", "//user:hidden@")))
            with capture_logs() as said, pytest.raises(ConfigurationError) as caught:
                await anext(model.stream(MESSAGES))
            await model.close()
        (line,) = (one for one in said if one["event"] == "llm.failed")
        assert line["url"] == server.url
        assert "hidden" not in str(said)
        assert server.url not in caught.value.message

    asyncio.run(asyncio.wait_for(run(), DEADLINE_S))


def test_an_address_that_is_none_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match=r"llm\.url"):
        OpenAiModel(settings("http://[::1"))


def test_reasoning_before_the_answer_counts_as_life() -> None:
    async def thinks(call: Call) -> None:
        await call.send(OK)
        for _ in range(6):
            await call.send(b'data: {"choices": [{"delta": {"reasoning_content": "hm"}}]}\n\n')
            await asyncio.sleep(0.1)
        await call.send(event("Yes"), event(finish="stop"), END)

    got, error, _ = ask(thinks, first_token_timeout_s=0.4, token_timeout_s=0.4)
    assert error is None
    assert text(got) == "Yes"
