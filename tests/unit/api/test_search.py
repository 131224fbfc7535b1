"""The search route's shape, filters and paging."""

from __future__ import annotations

import httpx
import pytest

from api.auth.key_records import Grant
from core.filters import All, AnyCase, AnyOf
from core.principal import ANONYMOUS, AccessList
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio


async def test_a_hit_has_the_documented_shape(stack: Stack, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/search", json={"query": " leave "})
    assert response.json() == {
        "hits": [
            {
                "chunk_id": "c1",
                "document_id": "d1",
                "source_id": "s1",
                "ordinal": 0,
                "uri": "file:///docs/leave.md",
                "title": "Leave policy",
                "text": "Everybody has 28 days of leave.",
                "page": 2,
                "heading_path": ["Leave", "Days"],
                "cells": [],
                "metadata": {
                    "title": "Leave policy",
                    "document_type": None,
                    "author": None,
                    "department": "HR",
                    "owner": None,
                    "tags": ["leave"],
                    "created": "2026-03-01T00:00:00Z",
                    "modified": None,
                    "language": None,
                },
                "score": 1.0,
                "ranks": {"lexical": 1, "vector": None, "rerank": None},
                "scores": {"lexical": None, "vector": None, "fused": None, "rerank": None},
                "duplicates": [],
            }
        ],
        "total_candidates": 1,
        "timings_ms": {"total": 1.5},
        "degraded": ["reranker: off"],
        "notices": ["No such word."],
        "index_generation": "g1",
        "pipeline": "hybrid",
    }
    assert stack.retriever.asked == {
        "query": "leave",
        "principal": ANONYMOUS,
        "filters": None,
        "limit": 10,
        "offset": 0,
        "pipeline": None,
    }


async def test_scores_are_for_administrators_and_readers_get_the_place(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    [hit] = (await client.post("/v1/search", json={"query": "x"}, headers=admin)).json()["hits"]
    assert hit["score"] == 0.03
    assert hit["scores"] == {"lexical": 7.5, "vector": None, "fused": 0.03, "rerank": None}
    _, key = stack.keys.create("a reader", Grant(user="tomas"))
    body = {"query": "x", "offset": 3}
    [hit] = (await client.post("/v1/search", json=body, headers={"Authorization": f"Bearer {key}"})).json()["hits"]
    assert hit["score"] == 1 / 4
    assert set(hit["scores"].values()) == {None}


async def test_filters_and_paging_are_passed_on(stack: Stack, client: httpx.AsyncClient) -> None:
    body = {"query": "x", "filters": {"department": ["HR"]}, "limit": 200, "offset": 20, "pipeline": "lexical"}
    assert (await client.post("/v1/search", json=body)).status_code == 200
    assert stack.retriever.asked["filters"] == All((AnyCase("department", frozenset({"HR"})),))
    assert (stack.retriever.asked["limit"], stack.retriever.asked["offset"]) == (200, 20)
    assert stack.retriever.asked["pipeline"] == "lexical"


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 201}, {"offset": -1}, {"limit": "many"}, {"query": 5}])
async def test_values_out_of_range_are_refused(client: httpx.AsyncClient, wrong: dict[str, object]) -> None:
    response = await client.post("/v1/search", json={"query": "x", **wrong})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == next(iter(wrong))


async def test_facets_count_each_key_among_what_the_others_leave(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.add_document("d1", AccessList(public=True))
    source = stack.catalog.sources.list()[0]
    stack.retriever.held = {"department": [("HR", 3), ("IT", 1)], "source_id": [(source.id, 4), ("gone", 1)]}
    _, key = stack.keys.create("ida", Grant(user="ida", groups=("hr",)))
    filters = {"department": ["HR"], "document": ["d1", "d2"]}
    response = await client.post(
        "/v1/search/facets", json={"filters": filters, "most": 2}, headers={"Authorization": f"Bearer {key}"}
    )
    by_key = {facet["key"]: facet["values"] for facet in response.json()["facets"]}
    assert by_key["department"] == [
        {"value": "HR", "label": "HR", "documents": 3},
        {"value": "IT", "label": "IT", "documents": 1},
    ]
    assert [value["label"] for value in by_key["source"]] == [source.name, "gone"]
    assert by_key["tags"] == []
    asked = stack.retriever.asked
    chosen, hr = AnyOf("document_id", frozenset({"d1", "d2"})), AnyCase("department", frozenset({"HR"}))
    assert asked["principal"].terms == frozenset({"public", "user:ida", "group:hr"})
    assert asked["wanted"]["department"] == All((chosen,))
    assert asked["wanted"]["tags"] == All((hr, chosen))
    assert asked["most"] == 2
    wrong = await client.post("/v1/search/facets", json={"filters": {"departement": ["HR"]}})
    assert wrong.status_code in {400, 422}
