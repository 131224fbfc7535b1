"""What every request body has in common: no type is taken for another."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.app import ROUTERS
from api.schemas.base import RequestBody
from tests.unit.api.fakes import Stack, an_answer

pytestmark = pytest.mark.anyio


def bodies(base: type = RequestBody) -> set[type]:
    """Every kind of request body there is."""
    assert ROUTERS  # they import them all
    return {one for direct in base.__subclasses__() for one in {direct, *bodies(direct)}}


def test_every_request_body_is_strict() -> None:
    found = bodies()
    assert {"KeyRequest", "SearchRequest", "AnswerRequest", "Turn", "SourceChange"} <= {one.__name__ for one in found}
    assert all(one.model_config["strict"] for one in found)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (("POST", "/v1/keys", {"name": "x", "admin": 1}), "admin"),
        (("POST", "/v1/keys", {"name": "x", "admin": "true"}), "admin"),
        (("POST", "/v1/keys", {"name": "x", "admin": "yes"}), "admin"),
        (("POST", "/v1/keys", {"name": "x", "groups": ["hr", 1]}), "groups.1"),
        (("POST", "/v1/keys", {"name": "x", "groups": "hr"}), "groups"),
        (("POST", "/v1/keys", {"name": "x", "groups": {"hr": 1}}), "groups"),
        (("POST", "/v1/search", {"query": "x", "limit": "5"}), "limit"),
        (("POST", "/v1/search", {"query": "x", "limit": True}), "limit"),
        (("POST", "/v1/search", {"query": "x", "limit": 5.0}), "limit"),
        (("POST", "/v1/search", {"query": 1}), "query"),
        (("POST", "/v1/answers", {"question": "x", "history": [{"role": "user", "content": 1}]}), "history.0.content"),
        (("POST", "/v1/index/rebuild", {"swap": 0}), "swap"),
        (("PATCH", "/v1/sources/x", {"enabled": 1}), "enabled"),
        (("PATCH", "/v1/sources/x", {"interval_s": "3600"}), "interval_s"),
    ],
)
async def test_no_type_is_taken_for_another(
    client: httpx.AsyncClient, admin: dict[str, str], request_: tuple[str, str, Any], field: str
) -> None:
    method, path, body = request_
    response = await client.request(method, path, json=body, headers=admin)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_what_is_right_is_taken(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    stack.answerer.script = an_answer()
    filters = {"modified": {"from": "2024-01-01", "to": "2024-12-31T23:00:00+01:00"}, "tags": ["a"]}
    history = [{"role": "user", "content": "x"}]
    search = {"query": "x", "limit": 5, "offset": 0, "filters": filters}
    for path, body, status in (
        ("/v1/search", search, 200),
        ("/v1/answers", {"question": "x", "history": history, "filters": filters}, 200),
        ("/v1/keys", {"name": "x", "user": None, "groups": ["hr"], "admin": True}, 201),
    ):
        assert (await client.post(path, json=body, headers=admin)).status_code == status
