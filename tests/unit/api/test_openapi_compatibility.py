"""Clients that were written against the last released document go on working."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.openapi_changes import breaking_changes

RELEASED = Path(__file__).resolve().parents[3] / "docs" / "openapi.json"
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def released() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RELEASED.read_text())
    return found


@pytest.mark.anyio
async def test_nothing_breaks_clients_of_the_last_release(client: httpx.AsyncClient, released: dict[str, Any]) -> None:
    found = breaking_changes(released, (await client.get("/openapi.json")).json())
    assert found == [], (
        "These changes break clients of the HTTP API:\n  "
        + "\n  ".join(found)
        + "\nKeep what was there beside what is "
        "new. If it has to be, say so in CHANGELOG.md as **Breaking:** and accept it with: make openapi"
    )


def body(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


CHANGES: dict[str, tuple[Change, str]] = {
    "a path": (lambda d: d["paths"].pop("/v1/search"), "POST /v1/search is gone"),
    "a method": (lambda d: d["paths"]["/v1/sources"].pop("post"), "POST /v1/sources is gone"),
    "a field of an answer": (lambda d: body(d, "HitBody")["properties"].pop("uri"), "the field uri is gone"),
    "a field that may be missing": (lambda d: body(d, "HitBody")["required"].remove("uri"), "uri may be missing now"),
    "a field that is sent": (lambda d: body(d, "SearchRequest")["properties"].pop("limit"), "the field limit is gone"),
    "a required field": (
        lambda d: body(d, "SearchRequest")["required"].append("pipeline"),
        "the field pipeline is required now",
    ),
    "a type that is answered": (
        lambda d: body(d, "HitBody")["properties"]["uri"].update(type=["string", "null"]),
        "null is answered now",
    ),
    "a type that is sent": (
        lambda d: body(d, "SearchRequest")["properties"]["pipeline"].update(anyOf=[{"type": "string"}]),
        "null is refused now",
    ),
    "a narrower limit": (
        lambda d: body(d, "SearchRequest")["properties"]["limit"].update(maximum=100),
        "maximum is 100 now",
    ),
    "a value of an enumeration": (
        lambda d: body(d, "Turn")["properties"]["role"]["enum"].remove("assistant"),
        "the value 'assistant' is refused now",
    ),
    "a status": (lambda d: d["paths"]["/v1/search"]["post"]["responses"].pop("200"), "the status 200 is gone"),
    "the stream": (
        lambda d: d["paths"]["/v1/answers"]["post"]["responses"]["200"]["content"].pop("text/event-stream"),
        "text/event-stream is gone",
    ),
    "a field of an event": (lambda d: body(d, "CitationBody")["properties"].pop("quote"), "the field quote is gone"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_finds_what_breaks(released: dict[str, Any], what: str) -> None:
    changed = copy.deepcopy(released)
    change, said = CHANGES[what]
    change(changed)
    assert any(said in found for found in breaking_changes(released, changed))


def test_what_is_new_breaks_nothing(released: dict[str, Any]) -> None:
    changed = copy.deepcopy(released)
    changed["paths"]["/v1/new"] = changed["paths"]["/v1/search"]
    body(changed, "HitBody")["properties"]["new"] = {"type": "string"}
    body(changed, "SearchRequest")["properties"]["new"] = {"type": "string"}
    body(changed, "SearchRequest")["properties"]["limit"]["maximum"] = 1000
    assert breaking_changes(released, changed) == []
    assert breaking_changes(released, released) == []
