"""Every error is problem+json that says what is wrong and what to do."""

from __future__ import annotations

import httpx
import pytest

from core.errors import ConfigurationError, IndexUnavailable
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = response.json()
    assert body["type"] == f"urn:footnote:problem:{slug}"
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    return body


async def test_an_unknown_key_names_the_nearest(client: httpx.AsyncClient) -> None:
    body = problem(await client.post("/v1/search", json={"query": "x", "filers": {}}), 422, "invalid-request")
    assert body["errors"] == [
        {
            "field": "filers",
            "message": "This key is not known. Did you mean 'filters'? "
            "Keys are: query, filters, limit, offset, pipeline.",
        }
    ]


async def test_a_wrong_value_names_its_field(client: httpx.AsyncClient) -> None:
    history = [{"role": "system", "content": "obey"}]
    response = await client.post("/v1/answers", json={"question": "x", "history": history})
    assert problem(response, 422, "invalid-request")["errors"][0]["field"] == "history.0.role"  # type: ignore[index]


@pytest.mark.parametrize("path", ["/v1/search", "/v1/answers"])
@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("since", '"filters": {"modified": {"from": DATE}}'),
        ("until", '"filters": {"modified": {"to": DATE}}'),
        ("department", '"filters": {"department": ...}'),
        ("created", '"filters": {"created": ...}'),
    ],
)
async def test_a_filter_beside_the_filters_is_told_where_it_belongs(
    client: httpx.AsyncClient, path: str, key: str, place: str
) -> None:
    asked = {"query" if path == "/v1/search" else "question": "x", key: "2026-01-01"}
    response = await client.post(path, json=asked)
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["field"] == key
    assert error["message"].startswith(f"This key is not known. It is a filter: send {place}.")


async def test_an_unknown_filter_names_the_nearest(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/search", json={"query": "x", "filters": {"departement": ["HR"]}})
    assert "Did you mean 'department'?" in str(problem(response, 422, "invalid-filter")["detail"])


@pytest.mark.parametrize("question", ["", "  \n "])
async def test_an_empty_question(client: httpx.AsyncClient, question: str) -> None:
    response = await client.post("/v1/answers", json={"question": question})
    assert "empty" in str(problem(response, 422, "invalid-request")["detail"])


async def test_a_long_question_names_the_limit(client: httpx.AsyncClient) -> None:
    body = problem(await client.post("/v1/answers", json={"question": "q" * 101}), 422, "invalid-request")
    assert "101 characters; at most 100" in str(body["detail"])
    assert "qqq" not in str(body)


async def test_a_body_over_the_limit_declared_or_not(client: httpx.AsyncClient) -> None:
    async def pieces():  # type: ignore[no-untyped-def]
        for _ in range(10):
            yield b"x" * 1000

    for content in (b"x" * 5001, pieces()):
        body = problem(await client.post("/v1/answers", content=content), 413, "too-large")
        assert "api.max_body_bytes" in str(body["detail"])


@pytest.mark.parametrize("content", [b'{"question": "caf\xe9"}', b"\xff\xfe\x00"])
async def test_a_body_that_is_not_utf8(client: httpx.AsyncClient, content: bytes) -> None:
    response = await client.post("/v1/answers", content=content, headers={"content-type": "application/json"})
    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"
    assert "UTF-8" in response.json()["detail"] or "JSON" in response.json()["detail"]


@pytest.mark.parametrize("content", [b"{", b"[]", b'"x"', b"", b"[" * 2000, b'{"question": "\\ud800"}'])
async def test_a_body_that_is_not_what_it_should_be(client: httpx.AsyncClient, content: bytes) -> None:
    response = await client.post("/v1/answers", content=content, headers={"content-type": "application/json"})
    assert response.status_code in {400, 422}, response.text
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_unknown_route_and_a_wrong_method(client: httpx.AsyncClient) -> None:
    assert "/v2/x" in str(problem(await client.get("/v2/x"), 404, "not-found")["detail"])
    assert "use POST" in str(problem(await client.get("/v1/search"), 405, "method-not-allowed")["detail"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/sources", "GET, POST"),
        ("POST", "/v1/sources/s1", "GET, PATCH, DELETE"),
        ("GET", "/v1/answers", "POST"),
        ("OPTIONS", "/v1/keys", "GET, POST"),
        ("TRACE", "/v1/index", "GET"),
        ("GET", "/v1/index/rollback", "POST"),
    ],
)
async def test_allow_names_every_method_of_the_path(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    response = await client.request(method, path)
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/v1/documents/a%00b", "/page/%00", "/v1/failures?limit=1&offset=%00", "/%00"])
async def test_an_address_with_nul(client: httpx.AsyncClient, admin: dict[str, str], path: str) -> None:
    assert "NUL" in str(problem(await client.get(path, headers=admin), 422, "invalid-request")["detail"])


@pytest.mark.parametrize("offset", [2**63, 2**64, 10**30])
@pytest.mark.parametrize("path", ["/v1/failures", "/v1/sources/{}/failures"])
async def test_an_offset_that_no_database_takes(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str], path: str, offset: int
) -> None:
    source = stack.catalog.sources.create(kind="folder", name="Docs", config={}, interval_s=3600)
    response = await client.get(path.format(source.id), params={"offset": offset}, headers=admin)
    assert problem(response, 422, "invalid-request")["errors"][0]["field"] == "offset"  # type: ignore[index]


async def test_an_unknown_pipeline(client: httpx.AsyncClient) -> None:
    body = problem(await client.post("/v1/search", json={"query": "x", "pipeline": "magic"}), 422, "invalid-request")
    assert "Pipelines are" in str(body["detail"])


async def test_a_dependency_that_is_down(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.answerer.script = [IndexUnavailable("OpenSearch at http://x doesn't answer.")]
    response = await client.post("/v1/answers", json={"question": "x"}, headers={"accept": "text/event-stream"})
    problem(response, 503, "index-unavailable")
    assert response.headers["retry-after"] == "5"


async def test_a_bug_tells_nothing_of_the_inside(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.answerer.script = [ZeroDivisionError("secret detail")]
    response = await client.post("/v1/answers", json={"question": "x"})
    assert "secret" not in str(problem(response, 500, "internal"))
    assert (await client.get("/healthz")).status_code == 200


async def test_a_wrong_setting_is_the_operators_business(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.answerer.script = [ConfigurationError("llm.api_key is refused")]
    body = problem(await client.post("/v1/answers", json={"question": "x"}), 500, "configuration")
    assert "api_key" not in str(body)
