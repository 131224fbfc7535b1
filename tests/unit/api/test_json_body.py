"""Bodies are JSON that means one thing, or a 4xx that says why; never more than that."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.json_body import MAX_DEPTH, read_json
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack

JSON = {"content-type": "application/json"}
REFUSED = {
    b'{"query": "x", "limit": NaN}': "NaN is not a JSON value",
    b'{"query": "x", "limit": -Infinity}': "-Infinity is not a JSON value",
    b'{"query": "x", "limit": 1e999}': "a number is too large",
    b'{"query": "x", "limit": 18446744073709551616}': "a number is over 64 bits",
    b'{"query": "x", "limit": 1' + b"0" * 5000 + b"}": "a number is over 64 bits",
    b'{"query": "public", "query": "secret"}': "the key 'query' stands twice in one object",
    b'{"query": "x", "filters": {"tags": ["a"], "tags": ["b"]}}': "the key 'tags' stands twice in one object",
    b'{"query": "\\ud800"}': "NUL or half of a surrogate pair",
    b'{"query": "a\\u0000b"}': "NUL or half of a surrogate pair",
    b'{"query": "x", "filters": {"\\udfff": ["a"]}}': "NUL or half of a surrogate pair",
    b'{"query": "x", "filters": ' + b"[" * 40 + b"]" * 40 + b"}": "nested more than 32 levels",
    b"[" * 100_000 + b"]" * 100_000: "nested more than 32 levels",
    b'{"query": ' * 100_000 + b"1" + b"}" * 100_000: "nested more than 32 levels",
}


@pytest.mark.anyio
@pytest.mark.parametrize("route", ["/v1/search", "/v1/answers", "/v1/sources", "/v1/keys", "/v1/index/rebuild"])
async def test_what_means_several_things_or_none_is_refused(stack: Stack, admin: dict[str, str], route: str) -> None:
    roomy = stack.settings.api.model_copy(update={"max_body_bytes": 10_000_000})
    stack.settings = stack.settings.model_copy(update={"api": roomy})
    async with serving(stack) as client:
        for body, why in REFUSED.items():
            response = await client.post(route, content=body, headers={**JSON, **admin})
            assert response.status_code == 422, (body[:60], response.text)
            assert response.headers["content-type"] == "application/problem+json"
            assert why in response.json()["detail"], body[:60]


@pytest.mark.anyio
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "nonsense", ""])
async def test_a_body_that_is_not_said_to_be_json(client: httpx.AsyncClient, media_type: str) -> None:
    response = await client.post("/v1/search", content=b'{"query": "x"}', headers={"content-type": media_type})
    assert response.status_code == 415
    assert response.json()["type"] == "urn:footnote:problem:unsupported-media-type"
    assert "Content-Type: application/json" in response.json()["detail"]


@pytest.mark.anyio
@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON", "application/a+json"])
async def test_json_by_all_its_names(client: httpx.AsyncClient, media_type: str) -> None:
    for body in (b'{"query": "x"}', b'\xef\xbb\xbf{"query": "x"}'):
        response = await client.post("/v1/search", content=body, headers={"content-type": media_type})
        assert response.status_code == 200, response.text


leaves = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.recursive(leaves | texts, lambda below: st.lists(below) | st.dictionaries(texts, below), max_leaves=20))
def test_other_json_is_read_as_it_is(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_anything_else_is_refused_in_one_of_two_ways(body: bytes) -> None:
    with contextlib.suppress(json.JSONDecodeError, UnicodeDecodeError):
        read_json(body)


def test_the_deepest_that_is_read() -> None:
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(json.JSONDecodeError, match="nested"):
        read_json(b"[" * (MAX_DEPTH + 1) + b"1" + b"]" * (MAX_DEPTH + 1))
