"""Ids, headers and metrics around every request."""

from __future__ import annotations

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_a_request_id_is_kept_if_harmless(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz", headers={"X-Request-ID": "abc-1"})).headers["x-request-id"] == "abc-1"
    made = (await client.get("/healthz", headers={"X-Request-ID": "a b\tc"})).headers["x-request-id"]
    assert len(made) == 32


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/healthz", "/v1/nothing"])
async def test_security_headers_everywhere(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path, headers={"Origin": "https://elsewhere"})).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


async def test_what_depends_on_the_reader_is_stored_nowhere(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/search", json={"query": "x"})).headers["cache-control"] == "no-store"


async def test_metrics_count_routes_not_documents(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    await client.get("/v1/documents/some-secret-id")
    metrics = (await client.get("/metrics", headers=admin)).text
    assert 'route="/v1/documents/{document_id}",status="404"' in metrics
    assert "some-secret-id" not in metrics
