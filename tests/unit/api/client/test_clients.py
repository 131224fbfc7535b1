"""Both clients of programs: typed answers, retries as the service asks for them, and what importing them costs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.client import (
    AsyncFootnote,
    CitationBody,
    DoneBody,
    Footnote,
    MetaBody,
    SearchBody,
    SourcesBody,
    StageBody,
    TokenBody,
)
from core.errors import FootnoteError, InvalidRequest, LimitReached, NotAuthorised, Unavailable
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import ADMIN_KEY, Stack, an_answer

pytestmark = pytest.mark.anyio
Answering = Callable[[httpx.Request], httpx.Response]


def refused(status: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, json={"detail": "Not now."})


class Script:
    """Answers in turn, the last one again and again; and notes what was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clients would have waited, in seconds."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("api.client.blocking.time.sleep", waited.append)
    monkeypatch.setattr("api.client.asynchronous.anyio.sleep", wait)
    return waited


def blocking(script: Answering, **options: Any) -> Footnote:
    return Footnote("http://footnote", transport=httpx.MockTransport(script), **options)


def found() -> httpx.Response:
    empty = {"total_candidates": 0, "timings_ms": {}, "degraded": [], "notices": [], "index_generation": "g1"}
    return httpx.Response(200, json={"hits": [], "pipeline": "hybrid", **empty})


async def test_typed_answers_and_events_from_the_service(stack: Stack) -> None:
    stack.answerer.script = an_answer()
    async with serving(stack) as served:
        asynchronous = AsyncFootnote(
            "http://localhost", ADMIN_KEY, transport=served._transport, user="ida", groups=["hr, all"]
        )
        async with asynchronous as client:
            events = [event async for event in client.stream("How many days?", filters={"department": "HR"})]
            answer = await client.ask("How many days?")
            hits = await client.search("leave", limit=3)
            with pytest.raises(InvalidRequest, match="at most 100"):
                await client.ask("?" * 101)
            with pytest.raises(NotAuthorised) as caught:
                await client.request("GET", "/v1/sources")
    kinds = [MetaBody, StageBody, SourcesBody, TokenBody, CitationBody, DoneBody]
    assert [type(event) for event in events] == kinds
    assert answer.answer == "".join(event.text for event in events if isinstance(event, TokenBody))
    assert answer.citations == [event for event in events if isinstance(event, CitationBody)]
    assert hits.hits[0].title == "Leave policy"
    assert stack.retriever.asked["limit"] == 3
    assert stack.answerer.question.principal.user == "ida"
    assert stack.answerer.question.principal.groups == {"hr, all"}
    assert caught.value.status == 403


def test_a_refused_search_is_made_again_after_as_long_as_the_service_asks_for(waits: list[float]) -> None:
    script = Script(refused(429, retry_after="7"), refused(503), found())
    assert isinstance(blocking(script).search("q"), SearchBody)
    assert waits == [7.0, 2.0]
    assert [json.loads(asked.content)["query"] for asked in script.asked] == ["q"] * 3


async def test_the_asynchronous_client_waits_as_well(waits: list[float]) -> None:
    script = Script(refused(503, retry_after="4"), found())
    async with AsyncFootnote("http://footnote", transport=httpx.MockTransport(script)) as client:
        await client.search("q")
    assert waits == [4.0]


def test_a_stream_that_was_refused_is_asked_for_again(waits: list[float]) -> None:
    done = {"finish_reason": "stop", "usage": None, "timings_ms": {}, "degraded": [], "notices": []}
    body = f"event: done\ndata: {json.dumps({**done, 'citations_dropped': 0})}\n\n"
    script = Script(refused(503, retry_after="1"), httpx.Response(200, text="event: new\ndata: {}\n\n" + body))
    [event] = blocking(script).stream("q")  # an event that this client doesn't know is left out
    assert isinstance(event, DoneBody)
    assert waits == [1.0]


@pytest.mark.parametrize("after", ["Thu, 01 Jan 1970 00:00:00 GMT", "0"])
def test_a_date_that_has_passed_is_no_wait(waits: list[float], after: str) -> None:
    blocking(Script(refused(429, retry_after=after), found())).search("q")
    assert waits == [0.0]


def test_it_gives_up_after_its_retries_and_where_the_wait_is_too_long(waits: list[float]) -> None:
    with pytest.raises(LimitReached, match="Not now"):
        blocking(Script(refused(429, retry_after="1"))).search("q")
    assert waits == [1.0, 1.0]
    with pytest.raises(Unavailable):
        blocking(Script(refused(503, retry_after="31"))).search("q")
    assert waits == [1.0, 1.0]


def test_what_changes_something_is_not_done_twice(waits: list[float]) -> None:
    script = Script(refused(503, retry_after="1"))
    with pytest.raises(Unavailable):
        blocking(script).request("POST", "/v1/sources", {})
    assert len(script.asked) == 1
    assert waits == []


@pytest.mark.parametrize("said", [httpx.Response(200, json={"not": "ours"}), httpx.Response(418, text="<html>")])
def test_something_else_than_footnote_is_said_in_a_sentence(said: httpx.Response) -> None:
    with pytest.raises(FootnoteError, match=r"isn't one of Footnote's|status 418"):
        blocking(Script(said)).search("q")


def broken_off(*names: str) -> httpx.Response:
    blocks = [f"id: a1.{at}\nevent: {name}\ndata: {{}}\n\n" for at, name in enumerate(names, start=1)]
    return httpx.Response(200, text="".join(blocks))


def test_a_stream_that_broke_off_is_taken_up_where_it_was(waits: list[float]) -> None:
    script = Script(broken_off("meta", "token"), httpx.Response(200, text="id: a1.3\nevent: done\ndata: {}\n\n"))
    events = list(blocking(script).events({"question": "q"}))
    assert [event.id for event in events] == ["a1.1", "a1.2", "a1.3"]
    assert "last-event-id" not in script.asked[0].headers
    assert script.asked[1].headers["last-event-id"] == "a1.2"
    assert waits == [1.0]


async def test_the_asynchronous_client_takes_it_up_too(waits: list[float]) -> None:
    script = Script(broken_off("meta"), httpx.Response(200, text="id: a1.2\nevent: done\ndata: {}\n\n"))
    async with AsyncFootnote("http://footnote", transport=httpx.MockTransport(script)) as client:
        assert [event.id async for event in client.events({"question": "q"})] == ["a1.1", "a1.2"]
    assert script.asked[1].headers["last-event-id"] == "a1.1"


def test_it_is_taken_up_so_often_and_no_more(waits: list[float]) -> None:
    with pytest.raises(Unavailable, match="broke off"):
        list(blocking(Script(broken_off("meta"))).events({"question": "q"}))
    assert waits == [1.0, 1.0]


def test_a_closed_iterator_reads_no_further() -> None:
    body = "event: meta\ndata: {}\n\nevent: token\ndata: {}\n\n"
    response = httpx.Response(200, text=body)
    events = blocking(Script(response)).events({"question": "q"})
    assert next(events).name == "meta"
    events.close()
    assert response.is_closed
    assert list(events) == []


def test_importing_it_loads_no_part_of_the_service() -> None:
    code = (
        "import sys, api.client\n"
        "print([n for n in ('fastapi', 'starlette', 'sqlalchemy', 'torch', 'lancedb', 'httpx') if n in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "[]"
