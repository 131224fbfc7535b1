"""Generations of the index over HTTP, with the real parts but for the workers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from core.settings import ApiSettings, Settings

pytestmark = pytest.mark.anyio
KEY = "an-administrator's-key-for-tests"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    app = create_app(Settings(data_dir=tmp_path, api=ApiSettings(admin_key=KEY)))
    headers = {"Authorization": f"Bearer {KEY}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        yield client
    app.state.services.close()


async def test_what_cannot_be_done_is_said_and_leaves_all_as_it_was(service: httpx.AsyncClient) -> None:
    before = (await service.get("/v1/index")).json()
    [live] = before["generations"]
    assert live["live"]
    assert (live["model"], live["rebuild"]) == ("packaged", None)
    refused = {
        ("POST", "/v1/index/rollback"): (409, "the first one"),
        ("DELETE", f"/v1/index/{live['name']}"): (409, "live"),
        ("POST", "/v1/index/nothing/swap"): (404, "footnote index list"),
        ("GET", "/v1/index/rebuild/nothing"): (404, "rebuild"),
    }
    for (method, path), (status, detail) in refused.items():
        answer = await service.request(method, path)
        assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text
    for body, status in (({"model": "/no/such/folder"}, 422), ({"modle": "x"}, 422), ({}, 503)):
        answer = await service.post("/v1/index/rebuild", json=body)
        assert answer.status_code == status, answer.text
    assert (await service.get("/v1/index")).json() == before


async def test_it_is_for_administrators(service: httpx.AsyncClient) -> None:
    assert (await service.get("/v1/index", headers={"Authorization": ""})).status_code == 401
