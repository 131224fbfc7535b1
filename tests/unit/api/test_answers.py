"""Answers, as a stream and as one object."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from api.app import create_app
from core.errors import ModelUnavailable
from core.principal import Principal
from generation.events import Abstain, AnswerEvent, Done, Nearest, SourceRef, Sources, Token
from tests.unit.api.fakes import Stack, a_chunk, an_answer, with_conversations

pytestmark = pytest.mark.anyio

STREAM = {"accept": "text/event-stream"}


def read(text: str) -> list[tuple[str, str, Any]]:
    """The stream's events: id, name, data; comments left out."""
    events = []
    for block in text.split("\n\n"):
        if block and not block.startswith(":"):
            number, name, data = (line.partition(": ")[2] for line in block.split("\n"))
            events.append((number, name, orjson.loads(data)))
    return events


async def test_the_stream_has_ids_and_one_end(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.answerer.script = an_answer()
    response = await client.post("/v1/answers", json={"question": " How much leave? "}, headers=STREAM)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "content-length" not in response.headers
    events = read(response.text)
    answers, numbers = zip(*(event[0].split(".") for event in events), strict=True)
    assert set(answers) == {stack.answerer.question.answer_id}
    assert numbers == ("1", "2", "3", "4", "5", "6")
    assert [event[1] for event in events] == ["meta", "stage", "sources", "token", "citation", "done"]
    assert events[2][2]["index_generation"] == "g1"
    assert events[5][2]["notices"] == ["No such word."]
    assert events[2][2]["sources"][0]["heading_path"] == ["Leave", "Days"]
    assert events[4][2]["quote"] == "Everybody has 28 days of leave."
    assert stack.answerer.question.text == "How much leave?"


async def test_nothing_comes_after_the_end(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.answerer.script = [*an_answer(), Token(text="more"), *an_answer()]
    events = read((await client.post("/v1/answers", json={"question": "x"}, headers=STREAM)).text)
    assert [event[1] for event in events].count("done") == 1
    assert events[-1][1] == "done"


@pytest.mark.parametrize(
    ("failure", "slug"),
    [(ModelUnavailable("It broke off."), "model-unavailable"), (KeyError("secret"), "internal"), (None, "internal")],
)
async def test_a_failure_in_the_middle_is_the_last_event(
    stack: Stack, client: httpx.AsyncClient, failure: Exception | None, slug: str
) -> None:
    stack.answerer.script = [*an_answer()[:4], *([failure] if failure else [])]
    response = await client.post("/v1/answers", json={"question": "x"}, headers=STREAM)
    events = read(response.text)
    assert [event[1] for event in events].count("error") == 1
    assert events[-1][2]["type"] == f"urn:footnote:problem:{slug}"
    assert events[-1][2]["request_id"] == response.headers["x-request-id"]
    assert "secret" not in response.text


async def test_line_breaks_stay_inside_an_event(stack: Stack, client: httpx.AsyncClient) -> None:
    text = "a\n\nevent: done\ndata: {}\r\n\u2028 é 🙂"
    stack.answerer.script = an_answer(text)
    events = read((await client.post("/v1/answers", json={"question": "x"}, headers=STREAM)).text)
    assert events[3][2] == {"text": text}
    assert len(events) == 6


async def test_as_one_object(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.answerer.script = an_answer()
    body = {"question": "x", "conversation_id": "talk-1", "history": [{"role": "user", "content": "Hello"}]}
    answer = (await client.post("/v1/answers", json=body)).json()
    assert answer["answer"] == "Everybody has 28 days of leave."
    assert answer["citations"][0]["number"] == 1
    assert answer["sources"][0]["title"] == "Leave policy"
    assert answer["abstained"] is None
    assert answer["done"]["degraded"] == ["reranker: off"]
    assert answer["done"]["notices"] == ["No such word."]
    assert answer["index_generation"] == "g1"  # the one that answered, and not the one that was known before
    assert answer["model"] == "fake"
    assert stack.answerer.question.conversation_id == "talk-1"
    assert stack.answerer.question.history[0].content == "Hello"


async def test_abstaining(stack: Stack, client: httpx.AsyncClient) -> None:
    source = SourceRef.of(1, a_chunk())
    nearest = (Nearest(source=source, quote="28 days", quote_start=14, quote_end=21),)
    stack.answerer.script = [
        *an_answer()[:1],
        Sources(sources=(source,)),
        Abstain(reason="Not in the documents.", nearest=nearest),
        Done(finish_reason="abstain"),
    ]
    events = read((await client.post("/v1/answers", json={"question": "x"}, headers=STREAM)).text)
    assert [event[1] for event in events][-2:] == ["abstain", "done"]
    answer = (await client.post("/v1/answers", json={"question": "x"})).json()
    assert answer["answer"] == ""
    near = answer["abstained"]["nearest"][0]
    assert (near["document_id"], near["quote"], near["quote_start"], near["heading_path"]) == (
        "d1", "28 days", 14, ["Leave", "Days"],
    )  # fmt: skip
    assert near in [data["nearest"][0] for _, name, data in events if name == "abstain"]


async def test_the_reader_is_passed_on(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    stack.answerer.script = an_answer()
    headers = {**admin, "X-Footnote-User": "alice", "X-Footnote-Groups": '["hr", "eng"]'}
    await client.post("/v1/answers", json={"question": "x"}, headers=headers)
    assert stack.answerer.question.principal == Principal("alice", frozenset({"hr", "eng"}))


class Connection:
    """A client at the ASGI level: it can be slow, read piece by piece, and leave."""

    def __init__(self, stack: Stack, accept: str = "text/event-stream") -> None:
        self.app = create_app(services=stack.services())
        self.left = asyncio.Event()
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self._sent = False
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/answers",
            "raw_path": b"/v1/answers",
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"accept", accept.encode())],
            "client": ("127.0.0.1", 1),
            "server": ("footnote", 80),
        }

    async def receive(self) -> dict[str, Any]:
        if not self._sent:
            self._sent = True
            return {"type": "http.request", "body": b'{"question": "x"}', "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            await self.pieces.put(message["body"])

    async def run(self) -> None:
        await asyncio.wait_for(self.app(self._scope, self.receive, self.send), timeout=10)  # type: ignore[arg-type]


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
async def test_a_client_that_leaves_cancels_the_answer(stack: Stack, accept: str) -> None:
    stack.answerer.script = [*an_answer()[:4], asyncio.Event()]
    stack.settings = with_conversations(stack.settings, grace_s=0)
    connection = Connection(stack, accept)
    running = asyncio.create_task(connection.run())
    await asyncio.wait_for(stack.answerer.waiting.wait(), timeout=10)
    connection.left.set()
    await running
    await asyncio.wait_for(stack.answerer.closed.wait(), timeout=10)
    assert stack.answerer.closed_early


async def test_silence_is_filled_with_heartbeats(stack: Stack) -> None:
    go_on = asyncio.Event()
    script: list[AnswerEvent | Exception | asyncio.Event] = [*an_answer()]
    script.insert(1, go_on)
    stack.answerer.script = script
    connection = Connection(stack)
    running = asyncio.create_task(connection.run())
    assert (await asyncio.wait_for(connection.pieces.get(), timeout=10)).split(b"\n")[1] == b"event: meta"
    for _ in range(2):
        assert await asyncio.wait_for(connection.pieces.get(), timeout=10) == b": still here\n\n"
    go_on.set()
    await running
    rest = [connection.pieces.get_nowait() for _ in range(connection.pieces.qsize())]
    assert b"event: done" in rest[-2]
    assert rest[-1] == b""
