"""Limits as callers meet them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from api.auth.key_records import Grant
from core.settings import Settings
from generation.events import Done
from generation.models.port import Usage
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack, an_answer, make_settings

pytestmark = pytest.mark.anyio
ASK = {"json": {"question": "x"}}


def limited(stack: Stack, api: dict[str, Any] | None = None, llm: str = "none", **limits: Any) -> None:
    base = make_settings(stack.settings.data_dir).model_dump()
    stack.settings = Settings.model_validate(
        {**base, "api": api or {}, "llm": {"provider": llm, "model": "m"}, "limits": limits}
    )


def bearer(stack: Stack, user: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.keys.create('test', Grant(user=user))[1]}"}


async def test_who_asks_too_much_is_told_when_to_come_back(stack: Stack) -> None:
    limited(stack, principal={"requests_per_minute": 6, "burst": 2})
    ann, ann_too, bob = bearer(stack, "ann"), bearer(stack, "ann"), bearer(stack, "bob")
    async with serving(stack) as client:
        first = await client.get("/v1/me", headers=ann)
        assert first.headers["ratelimit-policy"] == '"principal";q=6;w=60'
        assert first.headers["ratelimit"] == '"principal";r=1;t=10'
        assert (await client.get("/v1/me", headers=ann_too)).headers["ratelimit"].startswith('"principal";r=0;t=')
        refused = await client.get("/v1/me", headers=ann)
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:footnote:problem:limit-reached")
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert refused.headers["ratelimit"].startswith('"principal";r=0;t=')
        assert (await client.get("/v1/me", headers=bob)).status_code == 200


async def test_keys_that_open_nothing_are_counted_to_their_address(stack: Stack) -> None:
    limited(stack, address={"requests_per_minute": 6, "burst": 2})
    wrong = {"Authorization": "Bearer nonsense"}
    async with serving(stack) as client:
        found = [(await client.get("/v1/me", headers=wrong)).status_code for _ in range(4)]
        assert found == [401, 401, 429, 429]
        verify, stack.keys.verify = stack.keys.verify, None  # type: ignore[method-assign, assignment]
        assert (await client.get("/v1/me", headers=wrong)).status_code == 429  # the catalog isn't asked any more
        stack.keys.verify = verify  # type: ignore[method-assign]
        for path in ("/healthz", "/readyz", "/openapi.json"):
            assert (await client.get(path)).status_code in {200, 503}


async def test_exempt_routes_are_not_counted(stack: Stack) -> None:
    limited(stack, key={"requests_per_minute": 1}, exempt=["/v1/me", "/v1/documents/{document_id}"])
    key = bearer(stack)
    async with serving(stack) as client:
        for path in ("/v1/me", "/v1/me", "/v1/documents/d1", "/v1/documents/d2"):
            response = await client.get(path, headers=key)
            assert (response.status_code, "ratelimit" in response.headers) == (200 if path == "/v1/me" else 404, False)
        found = [(await client.get("/v1/documents/d1/text", headers=key)).status_code for _ in range(2)]
        assert found == [404, 429]


async def test_an_address_is_the_last_one_that_no_trusted_proxy_has(stack: Stack) -> None:
    limited(stack, api={"trusted_proxies": ["127.0.0.0/8"]}, address={"requests_per_minute": 1})
    async with serving(stack) as client:

        async def status(forwarded: str) -> int:
            return (await client.get("/v1/me", headers={"X-Forwarded-For": forwarded})).status_code

        assert [await status(way) for way in ("1.1.1.1", "2.2.2.2", "1.1.1.1")] == [200, 200, 429]
        assert await status("9.9.9.9, 1.1.1.1, 127.0.0.9") == 429  # what stands further left anybody may write


async def test_without_trusted_proxies_nobody_chooses_their_address(stack: Stack) -> None:
    limited(stack, address={"requests_per_minute": 1})
    async with serving(stack) as client:
        found = [(await client.get("/v1/me", headers={"X-Forwarded-For": f"1.1.1.{at}"})).status_code for at in (1, 2)]
    assert found == [200, 429]


async def test_one_person_has_so_many_answers_at_a_time(stack: Stack) -> None:
    limited(stack, principal={"streams": 1})
    more = asyncio.Event()
    stack.answerer.script = [*an_answer()[:2], more, *an_answer()[2:]]
    ann, bob = bearer(stack, "ann"), bearer(stack, "bob")
    async with serving(stack) as client:
        under_way = asyncio.create_task(client.post("/v1/answers", headers=ann, **ASK))  # type: ignore[arg-type]
        await asyncio.wait_for(stack.answerer.waiting.wait(), 30)
        stream = {**ann, "Accept": "text/event-stream"}
        refused = await client.post("/v1/answers", headers=stream, **ASK)  # type: ignore[arg-type]
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        more.set()
        assert (await client.post("/v1/answers", headers=bob, **ASK)).status_code == 200  # type: ignore[arg-type]
        assert (await under_way).status_code == 200
        await asyncio.gather(*stack.limits._tasks)
        assert (await client.post("/v1/answers", headers=ann, **ASK)).status_code == 200  # type: ignore[arg-type]


async def test_tokens_are_charged_to_who_asked(stack: Stack) -> None:
    limited(stack, llm="openai", key={"tokens_per_day": 100})
    stack.answerer.script = [*an_answer()[:-1], Done(finish_reason="stop", usage=Usage(90, 20))]
    key, other = bearer(stack), bearer(stack)
    async with serving(stack) as client:

        async def ask(headers: dict[str, str]) -> httpx.Response:
            response = await client.post("/v1/answers", headers=headers, **ASK)  # type: ignore[arg-type]
            await asyncio.gather(*stack.limits._tasks)
            return response

        assert [(await ask(who)).status_code for who in (key, key, other)] == [200, 429, 200]


async def test_leaving_an_answer_in_the_middle_is_not_free(stack: Stack) -> None:
    limited(stack, llm="openai", key={"tokens_per_day": 100})
    stack.answerer.script = [*an_answer()[:-1], RuntimeError("the reader left, or the model did")]
    key = bearer(stack)
    async with serving(stack) as client:
        assert (await client.post("/v1/answers", headers=key, **ASK)).status_code == 500  # type: ignore[arg-type]
        await asyncio.gather(*stack.limits._tasks)
        assert (await client.post("/v1/answers", headers=key, **ASK)).status_code == 429  # type: ignore[arg-type]
