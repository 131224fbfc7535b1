"""Requests arrive at the given rate, whatever the service does, and what becomes of each is told apart."""

from __future__ import annotations

import asyncio
from itertools import count

import httpx
import pytest

from eval.bench.load import model
from eval.bench.load.arrivals import FIRST, READY, SEARCH, WHOLE, Load, Phase, one_by_one, under
from eval.bench.load.command import p95_ratio, rows, saturation
from eval.progress import unseen

pytestmark = pytest.mark.anyio

STREAM = "event: meta\ndata: {}\n\nevent: token\ndata: {}\n\nevent: done\ndata: {}\n\n"
LOAD = Load(("What is a lighthouse?",), searches_per_s=200.0, streams=2)


def _client(handler: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://footnote", transport=httpx.MockTransport(handler))  # type: ignore[arg-type]


async def test_served_refused_and_failed_are_told_apart() -> None:
    number = count()

    def service(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/answers":
            return httpx.Response(200, text=STREAM)
        if request.url.path == "/readyz":
            return httpx.Response(200)
        return httpx.Response((200, 503, 500)[next(number) % 3])

    async with _client(service) as client:
        phase = await under(client, LOAD, "much", 0.3, unseen)
    served, refused, failed = len(phase.served(SEARCH)), phase.count(SEARCH, refused=True), phase.ended(SEARCH)["500"]
    assert served >= refused >= failed >= served - 1
    # A Poisson process of 60 expected arrivals, from a seed.
    assert 30 < served + refused + failed < 100
    assert phase.ended(WHOLE)["ok"] == phase.ended(FIRST)["ok"] > 1
    assert phase.ended(READY)["ok"]
    assert saturation([Phase("one by one"), phase]).startswith("Saturated from much on")


async def test_arrivals_do_not_wait_and_stalls_are_charged_to_the_service() -> None:
    """A closed loop would have asked twice, and called the service quick."""
    go = asyncio.Event()

    async def service(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/search":
            asked.append(request)
            if len(asked) == 20:
                go.set()
            await go.wait()
        return httpx.Response(200)

    asked: list[httpx.Request] = []
    async with _client(service) as client:
        phase = await under(client, Load(LOAD.questions, 200.0, 0), "stalled", 0.4, unseen)
    # The first waited for nineteen that came after it.
    assert max(phase.served(SEARCH)) > 10 / 200


async def test_a_stream_that_breaks_off_is_a_failure() -> None:
    def service(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=STREAM.partition("event: done")[0])

    async with _client(service) as client:
        phase = await under(client, Load(LOAD.questions, 0.0, 1), "broken", 0.05, unseen)
    assert set(phase.ended(WHOLE)) == {"broken off"}
    assert phase.count(WHOLE, refused=False) > 0


async def test_rows_compare_with_the_service_at_leisure() -> None:
    async with _client(lambda _: httpx.Response(200)) as client:
        leisure = await one_by_one(client, LOAD.questions * 5, unseen)
    loaded = Phase("loaded", wall_s=1.0)
    for took in leisure.served(SEARCH):
        loaded.note(SEARCH, "ok", 3 * took)
    first, second = rows([leisure, loaded])
    assert (first["served"], first["p95 to one by one"]) == (5, "")
    assert second["p95 to one by one"].startswith("3.00 (")


async def test_no_times_have_no_ratio() -> None:
    assert p95_ratio([], [1.0]) is None


async def test_the_model_streams_as_many_tokens_as_it_was_told_to() -> None:
    async with await model.serve(0, 12, 1000.0) as server:
        port = server.sockets[0].getsockname()[1]
        async with httpx.AsyncClient() as client:
            response = await client.post(f"http://127.0.0.1:{port}/v1/chat/completions", json={"stream": True})
    assert response.text.count('"content"') == 12
    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("body", [b"", b"POST / HTTP/1.1\r\n"])
async def test_the_model_outlives_who_leaves(body: bytes) -> None:
    async with await model.serve(0, 1, 1000.0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.write(body)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
