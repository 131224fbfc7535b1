"""The OpenAPI document says who may do what, what may be answered, and nothing of the inside."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from api.schemas.answers import EVENT_BODIES
from core.filters import parse_filters
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio

OPEN = {"/healthz", "/readyz", "/auth"}
EVERYBODY = {"/v1/me", "/auth/logout"}
OPENAI = {"/v1/chat/completions", "/v1/models", "/v1/embeddings"}
READERS = {"/v1/answers", "/v1/search", "/v1/me/sources", *OPENAI}
BELOW = ("/v1/documents", "/v1/search/", "/v1/uploads", "/v1/answers/", "/v1/conversations")


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, operation) for path, ways in document["paths"].items() for method, operation in ways.items()]


async def test_every_operation_says_which_key_it_needs(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, _, operation in operations(document):
        if path in OPEN:
            assert "security" not in operation
        elif path in EVERYBODY:
            assert operation["security"] == [{"key": []}, {}]
        elif path in READERS or path.startswith(BELOW):
            assert operation["security"] == [{"key": ["reader"]}, {}], path
        else:
            assert operation["security"] in [[{"key": [role]}] for role in ("curator", "reviewer", "auditor", "admin")]


async def test_a_key_is_needed_where_readers_without_one_are_not_served(stack: Stack) -> None:
    stack.settings = stack.settings.model_copy(
        update={"api": stack.settings.api.model_copy(update={"anonymous": False})}
    )
    async with serving(stack) as client:
        document = (await client.get("/openapi.json")).json()
    assert document["paths"]["/v1/search"]["post"]["security"] == [{"key": ["reader"]}]


async def test_every_operation_says_how_it_may_fail(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        statuses = {int(status) for status in operation["responses"]}
        if path in OPEN:
            continue
        wanted = {401, 403, 429, 503} | (set() if path in OPENAI else {422})
        wanted |= {400, 413, 415} if "requestBody" in operation else set()
        wanted |= {404} if "{" in path else set()
        assert wanted <= statuses, (path, method)
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                kind, body = ("json", "OpenAiError") if path in OPENAI else ("problem+json", "Problem")
                told = {f"application/{kind}": {"schema": {"$ref": f"#/components/schemas/{body}"}}}
                assert response["content"] == told, (path, method, status)


async def test_filters_are_named(document: dict[str, Any]) -> None:
    for name in ("SearchRequest", "AnswerRequest"):
        schema, _ = document["components"]["schemas"][name]["properties"]["filters"]["anyOf"]
        assert schema["additionalProperties"] is False
        for example in schema["examples"]:
            assert parse_filters(example) is not None
        assert parse_filters({key: ["x"] for key in schema["properties"] if key not in {"created", "modified"}})
        assert {"department", "source", "created", "modified"} <= set(schema["properties"])


async def test_it_has_no_names_of_the_inside(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert not re.findall(r":(?:func|class|attr|meth|mod):|Raises:|Args:|HTTPValidationError", text)
    assert not re.findall(r"\b(?:core|api|retrieval|generation|ingestion)\.[a-z_]+\.[a-z_]+", text)


async def test_every_event_of_a_stream_is_a_schema(document: dict[str, Any]) -> None:
    told = document["paths"]["/v1/answers"]["post"]["responses"]["200"]["content"]["text/event-stream"]["schema"]
    assert told["contentSchema"] == {"$ref": "#/components/schemas/AnswerEvent"}
    events = document["components"]["schemas"]["AnswerEvent"]["oneOf"]
    named = {one["properties"]["event"]["const"]: one["properties"]["data"]["$ref"] for one in events}
    assert set(named) == {*EVENT_BODIES, "error"}
    assert all(ref.rpartition("/")[2] in document["components"]["schemas"] for ref in named.values())


async def test_every_reference_leads_somewhere_and_nothing_is_a_vendors_own(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= set(document["components"]["schemas"])
    assert not re.findall(r'"x-[^"]*":', text)
