"""The Bedrock client, boto3 and all, against a local HTTP server that speaks the Converse API's event stream."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio.to_thread
import boto3
import pytest
from botocore.config import Config

from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.settings import LlmSettings
from generation.models.bedrock import BedrockModel
from generation.models.port import Delta, Message, Usage

DEADLINE_S = 10
MESSAGES = [
    Message("system", "Be brief."),
    Message("user", "Hello?"),
    Message("assistant", "Hi"),
    Message("user", "So?"),
]

Script = Callable[[BaseHTTPRequestHandler], None]


def frame(kind: str, payload: dict[str, Any], message_type: str = "event") -> bytes:
    """One message of AWS's event stream: lengths, headers, payload, checksums."""
    label = ":exception-type" if message_type == "exception" else ":event-type"
    headers = b""
    for name, value in ((label, kind), (":content-type", "application/json"), (":message-type", message_type)):
        headers += struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack("!I", zlib.crc32(message))


def token(text: str) -> bytes:
    return frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})


def stop(reason: str = "end_turn") -> bytes:
    return frame("messageStop", {"stopReason": reason})


USAGE = frame(
    "metadata", {"usage": {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}, "metrics": {"latencyMs": 1}}
)


def sends(*frames: bytes) -> Script:
    def script(request: BaseHTTPRequestHandler) -> None:
        goes_on(*frames, then=lambda request: None)(request)
        request.wfile.write(b"0\r\n\r\n")

    return script


def write(request: BaseHTTPRequestHandler, data: bytes) -> None:
    """One chunk; an empty one would end the stream."""
    if data:
        request.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def goes_on(*frames: bytes, then: Script) -> Script:
    """Send frames and leave the stream open for ``then``."""

    def script(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "application/vnd.amazon.eventstream")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for one in frames:
            write(request, one)
        then(request)

    return script


def refuses(status: int, code: str) -> Script:
    def script(request: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"message": "no"}).encode()
        request.send_response(status)
        request.send_header("x-amzn-ErrorType", code)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return script


@contextmanager
def serving(script: Script) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))) | {"path": self.path})
            self.close_connection = True
            script(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def model_at(url: str, *, streams: int = 32, **more: Any) -> Iterator[BedrockModel]:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=5, connect_timeout=2),
    )
    settings = LlmSettings(provider="bedrock", model="anthropic.claude-test", **more)
    model = BedrockModel(settings, streams, client)
    try:
        yield model
    finally:
        asyncio.run(model.close())


def ask(script: Script, **more: Any) -> tuple[list[Delta], FootnoteError | None, list[dict[str, Any]]]:
    async def run(model: BedrockModel) -> tuple[list[Delta], FootnoteError | None]:
        got: list[Delta] = []
        try:
            async for delta in model.stream(MESSAGES):
                got.append(delta)
        except FootnoteError as error:
            return got, error
        return got, None

    with serving(script) as (url, seen), model_at(url, **more) as model:
        got, error = asyncio.run(asyncio.wait_for(run(model), DEADLINE_S))
        return got, error, seen


def test_streams_text_then_finish_and_usage() -> None:
    start = frame("messageStart", {"role": "assistant"})
    got, error, (request,) = ask(sends(start, token("Grü"), token("ße"), frame("contentBlockStop", {}), stop(), USAGE))
    assert error is None
    assert got == [Delta("Grü"), Delta("ße"), Delta(finish_reason="stop", usage=Usage(7, 3))]
    assert request["path"] == "/model/anthropic.claude-test/converse-stream"
    assert request["system"] == [{"text": "Be brief."}]
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "user"]
    assert request["inferenceConfig"] == {"maxTokens": 1024, "temperature": 0.0}


@pytest.mark.parametrize(("told", "reason"), [("max_tokens", "length"), ("guardrail_intervened", "content_filter")])
def test_finish_reasons(told: str, reason: str) -> None:
    got, _, _ = ask(sends(token("a"), stop(told)))
    assert got[-1] == Delta(finish_reason=reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "AccessDeniedException", ConfigurationError),
        (404, "ResourceNotFoundException", ConfigurationError),
        (400, "ValidationException", ConfigurationError),
        (429, "ThrottlingException", ModelUnavailable),
        (503, "ServiceUnavailableException", ModelUnavailable),
    ],
)
def test_refusals(status: int, code: str, kind: type[FootnoteError]) -> None:
    _, error, _ = ask(refuses(status, code))
    assert type(error) is kind
    assert "anthropic.claude-test" in error.message


def test_an_error_in_the_middle_raises() -> None:
    broken = frame("modelStreamErrorException", {"message": "boom"}, "exception")
    got, error, _ = ask(sends(token("Hel"), broken))
    assert got == [Delta("Hel")]
    assert isinstance(error, ModelUnavailable)


@pytest.mark.parametrize("cut", [b"", token("lo")[:20], b"\0" * 40], ids=["in silence", "in a frame", "by garbage"])
def test_cut_off_in_the_middle_raises(cut: bytes) -> None:
    got, error, _ = ask(sends(token("Hel"), cut))
    assert got == [Delta("Hel")]
    assert isinstance(error, ModelUnavailable)


@pytest.mark.parametrize(
    "bad",
    [
        frame("messageStop", {"stopReason": ["end_turn"]}),
        frame("messageStop", {"stopReason": {"a": 1}}),
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": 5}}),
        frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": ["x"]}}),
    ],
)
def test_what_is_not_the_protocol_raises(bad: bytes) -> None:
    got, error, _ = ask(sends(token("Hel"), bad, stop()))
    assert [delta.text for delta in got] == ["Hel"]
    assert isinstance(error, ModelUnavailable)


def test_counts_that_no_answer_has_are_no_counts() -> None:
    counted = frame("metadata", {"usage": {"inputTokens": 2**70, "outputTokens": -1, "totalTokens": 3}})
    got, error, _ = ask(sends(token("a"), stop(), counted))
    assert error is None
    assert got[-1] == Delta(finish_reason="stop")


def test_too_slow() -> None:
    def stalls(request: BaseHTTPRequestHandler) -> None:
        threading.Event().wait(1.5)

    got, error, _ = ask(goes_on(token("Hel"), then=stalls), token_timeout_s=0.3)
    assert got == [Delta("Hel")]
    assert isinstance(error, ModelUnavailable)
    assert "slow" in error.message


def test_nobody_listens() -> None:
    with serving(sends()) as (url, _):
        pass

    async def run(model: BedrockModel) -> None:
        with pytest.raises(ModelUnavailable, match="can't be reached"):
            await anext(model.stream(MESSAGES))

    with model_at(url) as model:
        asyncio.run(asyncio.wait_for(run(model), DEADLINE_S))


def test_closing_the_generator_hangs_up() -> None:
    hung_up = threading.Event()

    def babbles(request: BaseHTTPRequestHandler) -> None:
        try:
            while not hung_up.wait(0.01):
                write(request, token("bla"))
        except OSError:
            hung_up.set()

    async def run(model: BedrockModel) -> None:
        async with aclosing(model.stream(MESSAGES)) as deltas:
            assert (await anext(deltas)).text == "bla"
        assert await asyncio.to_thread(hung_up.wait, DEADLINE_S)

    with serving(goes_on(then=babbles)) as (url, _), model_at(url) as model:
        asyncio.run(run(model))


def test_a_stream_that_waits_takes_no_thread_that_others_need() -> None:
    let_go = threading.Event()

    def waits(request: BaseHTTPRequestHandler) -> None:
        assert let_go.wait(DEADLINE_S)
        for one in (token("lo"), stop()):
            write(request, one)
        request.wfile.write(b"0\r\n\r\n")

    async def run(model: BedrockModel) -> list[str]:
        async with aclosing(model.stream(MESSAGES)) as deltas:
            assert (await anext(deltas)).text == "Hel"
            second = asyncio.ensure_future(anext(deltas))
            for _ in range(10):  # it is in its thread by now, wherever that is from
                await asyncio.sleep(0)
            assert not second.done()
            assert anyio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
            let_go.set()
            return [(await second).text, *[delta.text async for delta in deltas]]

    with serving(goes_on(token("Hel"), then=waits)) as (url, _), model_at(url) as model:
        assert asyncio.run(asyncio.wait_for(run(model), DEADLINE_S)) == ["lo", ""]


def test_streams_that_were_given_up_never_hold_more_threads_than_there_may_be_streams() -> None:
    let_go, asked, others = threading.Event(), [], set(threading.enumerate())

    def waits(request: BaseHTTPRequestHandler) -> None:
        asked.append(1)
        assert let_go.wait(DEADLINE_S)

    async def run(model: BedrockModel) -> None:
        for _ in range(5):
            with pytest.raises(ModelUnavailable, match="slow"):
                await anext(model.stream(MESSAGES))
        assert len(asked) <= 2
        assert sum(thread.name.startswith("bedrock") for thread in set(threading.enumerate()) - others) <= 2
        let_go.set()

    with serving(waits) as (url, _), model_at(url, streams=2, first_token_timeout_s=0.2) as model:
        asyncio.run(asyncio.wait_for(run(model), DEADLINE_S))
