"""Which origins' pages may call the API: none, but those of ``api.allowed_origins``, and those without cookies."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack, make_settings

pytestmark = pytest.mark.anyio

ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


async def test_no_origin_may_by_default(client: httpx.AsyncClient) -> None:
    sent = {"Origin": "https://intranet.example.com"}
    assert "access-control-allow-origin" not in (await client.get("/v1/me", headers=sent)).headers
    asked = await client.options("/v1/search", headers={**sent, **ASKING})
    assert asked.status_code == 405
    assert "access-control-allow-origin" not in asked.headers


async def test_those_of_the_list_may_without_cookies(tmp_path: Path, anyio_backend: str) -> None:
    stack = Stack(make_settings(tmp_path, allowed_origins=["https://intranet.example.com"]))
    async with serving(stack) as client:
        ours, foreign = {"Origin": "https://intranet.example.com"}, {"Origin": "https://evil.example"}
        asked = await client.options("/v1/search", headers={**ours, **ASKING})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, ours["Origin"])
        assert "access-control-allow-credentials" not in asked.headers
        assert (await client.get("/v1/me", headers=ours)).headers["access-control-allow-origin"] == ours["Origin"]
        assert (await client.options("/v1/search", headers={**foreign, **ASKING})).status_code == 400
        assert "access-control-allow-origin" not in (await client.get("/v1/me", headers=foreign)).headers
    stack.catalog.close()
