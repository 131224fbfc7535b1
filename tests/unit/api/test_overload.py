"""With everything busy, keys are checked, readiness is right, and what is too much is refused in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from core.lanes import MOST_WAITING
from core.principal import AccessList
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack, an_answer, make_settings
from tests.unit.api.test_readiness import ready

pytestmark = pytest.mark.anyio
PUBLIC_ACL = AccessList.everyone()
SEARCH = {"json": {"query": "x"}}
ANSWER = {"json": {"question": "x"}}


@asynccontextmanager
async def many(
    client: httpx.AsyncClient, path: str, count: int, **options: Any
) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """So many requests, all of them at work or waiting, or refused already."""
    tasks = [asyncio.create_task(client.post(path, **options)) for _ in range(count)]
    try:
        yield tasks
    finally:
        await asyncio.gather(*tasks)


async def refused(tasks: list[asyncio.Task[Any]], count: int) -> None:
    """Return when so many have been refused."""
    async with asyncio.timeout(30):
        while sum(task.done() for task in tasks) < count:
            await asyncio.sleep(0)


def check_refusals(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        if task.done():
            response = task.result()
            assert (response.status_code, response.json()["type"]) == (503, "urn:footnote:problem:overloaded")
            assert int(response.headers["retry-after"]) > 0


async def test_searches_that_hang_keep_nothing_else_from_being_answered(stack: Stack, admin: dict[str, str]) -> None:
    stack.settings = make_settings(stack.settings.data_dir, searches=2)
    let_go = threading.Event()
    find = stack.retriever.search

    def hangs(*args: Any, **options: Any) -> Any:
        assert let_go.wait(30)
        return find(*args, **options)

    async with serving(stack) as client:
        await ready(client)
        stack.retriever.search = hangs  # type: ignore[method-assign]
        async with many(client, "/v1/search", 2 + MOST_WAITING + 50, **SEARCH) as tasks:
            await refused(tasks, 50)
            check_refusals(tasks)
            readyz = await client.get("/readyz")
            assert readyz.status_code == 200, readyz.text
            assert (await client.get("/v1/me", headers=admin)).json()["admin"] is True
            assert (await client.get("/v1/status", headers=admin)).status_code == 200
            let_go.set()
        assert [task.result().status_code for task in tasks].count(200) == 2 + MOST_WAITING


async def test_answers_beyond_the_limit_are_refused_and_streams_go_on(stack: Stack) -> None:
    stack.settings = make_settings(stack.settings.data_dir, streams=3, queue_s=0.05)
    more = asyncio.Event()
    stack.answerer.script = [*an_answer()[:2], more, *an_answer()[2:]]
    async with serving(stack) as client:
        await ready(client)
        async with many(client, "/v1/answers", 10, **ANSWER) as tasks:
            await refused(tasks, 7)
            check_refusals(tasks)
            more.set()
        assert sorted(task.result().status_code for task in tasks) == [200] * 3 + [503] * 7
        assert (await client.post("/v1/answers", **ANSWER)).status_code == 200  # type: ignore[arg-type]


async def test_a_stream_without_a_place_has_the_status_of_its_refusal(stack: Stack) -> None:
    stack.settings = make_settings(stack.settings.data_dir, streams=1, queue_s=0.01)
    more = asyncio.Event()
    stack.answerer.script = [*an_answer()[:2], more, *an_answer()[2:]]
    async with serving(stack) as client, many(client, "/v1/answers", 1, **ANSWER):
        await asyncio.wait_for(stack.answerer.waiting.wait(), 30)
        response = await client.post("/v1/answers", headers={"Accept": "text/event-stream"}, **ANSWER)  # type: ignore[arg-type]
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        more.set()


async def test_requests_beyond_the_limit_are_refused_but_for_health(stack: Stack) -> None:
    stack.settings = make_settings(stack.settings.data_dir, max_connections=2)
    more = asyncio.Event()
    stack.answerer.script = [*an_answer()[:2], more, *an_answer()[2:]]
    async with serving(stack) as client:
        await ready(client)
        async with many(client, "/v1/answers", 2, **ANSWER):
            await asyncio.wait_for(stack.answerer.waiting.wait(), 30)
            response = await client.get("/v1/me")
            assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            assert "api.max_connections" in response.json()["detail"]
            assert (await client.get("/readyz")).status_code == 200
            more.set()
        assert (await client.get("/v1/me")).status_code == 200


async def test_files_that_hang_hold_up_nothing_else(stack: Stack, admin: dict[str, str]) -> None:
    stack.settings = make_settings(stack.settings.data_dir, queue_s=0.05)
    stack.add_document("d1", PUBLIC_ACL)
    let_go = threading.Event()
    size = stack.blobs.size

    def hangs(key: str) -> int:
        assert let_go.wait(30)
        return size(key)

    stack.blobs.size = hangs  # type: ignore[method-assign]
    async with serving(stack) as client:
        await ready(client)
        tasks = [asyncio.create_task(client.get("/v1/documents/d1/original")) for _ in range(20)]
        await refused(tasks, 12)
        check_refusals(tasks)
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/v1/status", headers=admin)).status_code == 200
        assert (await client.post("/v1/search", **SEARCH)).status_code == 200  # type: ignore[arg-type]
        let_go.set()
        assert sorted(response.status_code for response in await asyncio.gather(*tasks)) == [200] * 8 + [503] * 12
