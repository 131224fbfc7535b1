"""A request under a name that isn't ours is refused: a page elsewhere may have pointed its own name here."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.hosts import AllowedHosts
from core.errors import IndexUnavailable
from core.settings import ApiSettings
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack

LOOPBACK = ["localhost", "LOCALHOST", "localhost:8321", "localhost.", "127.0.0.1:1", "[::1]", "[::1]:8321"]
ELSEWHERE = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "10.0.0.5",
    "[::2]",
    "",
    ":80",
    "localhost@x",
]


def allows(name: str | None, **settings: Any) -> bool:
    headers = [(b"accept", b"*/*")] + ([(b"host", name.encode())] if name is not None else [])
    return AllowedHosts(ApiSettings(**settings)).allows(headers)


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0", "::", "localhost"])
def test_loopback_names_go_without_saying_and_no_others(bound: str) -> None:
    assert [allows(host, host=bound) for host in LOOPBACK] == [True] * len(LOOPBACK)
    assert [allows(host, host=bound) for host in ELSEWHERE] == [False] * len(ELSEWHERE)
    assert not allows(None, host=bound)


@pytest.mark.parametrize(
    ("bound", "host"),
    [("10.0.0.5", "10.0.0.5:8321"), ("fd00::5", "[fd00::5]:8321"), ("Kb.example.com", "kb.example.com")],
)
def test_so_does_the_one_name_or_address_that_is_served(bound: str, host: str) -> None:
    assert allows(host, host=bound)
    assert not allows("evil.example", host=bound)


def test_a_list_stands_for_itself() -> None:
    listed = {"allowed_hosts": ["kb.example.com", "*.kb.example.com"]}
    assert allows("KB.example.com:443", **listed)
    assert allows("a.b.kb.example.com", **listed)
    for host in ("localhost", "evilkb.example.com", ".kb.example.com", "kb.example.com.evil.example"):
        assert not allows(host, **listed)
    assert allows("anything.example", allowed_hosts=["*"])


def test_two_hosts_are_none() -> None:
    twice = [(b"host", b"localhost"), (b"host", b"evil.example")]
    assert not AllowedHosts(ApiSettings()).allows(twice)


@given(st.binary(max_size=40), st.sampled_from(LOOPBACK))
def test_nothing_around_a_good_name_makes_another_one_pass(noise: bytes, good: str) -> None:
    header = noise + b"." + good.encode()
    assert not AllowedHosts(ApiSettings()).allows([(b"host", header)])


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/", "/v1/search", "/v1/me", "/openapi.json", "/nowhere"])
async def test_a_foreign_name_is_refused_everywhere(client: httpx.AsyncClient, path: str) -> None:
    refused = await client.get(path, headers={"Host": "evil.example"})
    assert refused.status_code == 421
    assert refused.json()["type"] == "urn:footnote:problem:misdirected-request"
    assert "api.allowed_hosts" in refused.json()["detail"]


@pytest.mark.anyio
async def test_health_answers_an_orchestrator_by_any_address_and_tells_it_states_only(
    stack: Stack, admin: dict[str, str]
) -> None:
    stack.index.down = IndexUnavailable("OpenSearch at http://search.internal:9200 does not answer.")
    async with serving(stack) as client:
        assert (await client.get("/healthz", headers={"Host": "10.1.2.3:8321"})).status_code == 200
        foreign = await client.get("/readyz", headers={"Host": "10.1.2.3:8321"})
        assert (await client.get("/metrics", headers={"Host": "10.1.2.3:8321"})).status_code == 401
        told = await client.get("/metrics", headers={"Host": "10.1.2.3:8321", **admin})
        assert 'footnote_dependency_up{dependency="index",required="true"} 0.0' in told.text
        assert foreign.json()["dependencies"]["index"] == {"state": "down", "required": True, "detail": None}
        assert "search.internal" not in foreign.text
        assert "search.internal" in (await client.get("/readyz", headers=admin)).text
