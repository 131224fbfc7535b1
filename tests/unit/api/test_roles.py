"""Roles and scopes: what a key may do, route by route, and never more than who made it."""

from __future__ import annotations

from itertools import chain
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from api.app import ROUTERS
from api.auth.key_records import Grant
from api.auth.scopes import Scope, route_name
from api.dependencies import Needs
from api.routes.mcp import METADATA as PROTECTED
from core.errors import InvalidRequest, NotAuthorised
from core.principal import AccessList
from core.roles import Role, has_role
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio

METADATA = (PROTECTED, f"{PROTECTED}/mcp")
SIGNING_IN = ("/auth", "/auth/login", "/auth/callback", "/auth/logout")
NEED_NONE = {"/healthz", "/readyz", "/metrics", "/v1/me", "/", "/docs", "/page/{name}", *METADATA} | {*SIGNING_IN}
"""Told to everybody, or (the metrics) to a key of their own as well."""
DUTIES = [
    ("GET", "/v1/sources", Role.CURATOR),
    ("GET", "/v1/failures", Role.CURATOR),
    ("GET", "/v1/status", Role.CURATOR),
    ("GET", "/v1/ledger?named=x", Role.CURATOR),
    ("GET", "/v1/sources/kinds", Role.CURATOR),
    ("GET", "/v1/audit", Role.AUDITOR),
    ("GET", "/v1/keys", Role.ADMIN),
    ("GET", "/v1/limits", Role.ADMIN),
    ("GET", "/v1/roles", Role.ADMIN),
    ("GET", "/metrics", Role.ADMIN),
]


def bearer(stack: Stack, grant: Grant) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.keys.create('key', grant)[1]}"}


def test_every_route_says_which_role_it_needs() -> None:
    for route in chain.from_iterable(module.router.routes for module in ROUTERS):
        assert isinstance(route, APIRoute)
        roles = [one.call.role for one in route.dependant.dependencies if isinstance(one.call, Needs)]
        assert len(roles) == (route.path not in NEED_NONE), f"{route.path} needs {roles}"


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_opens_its_own_routes(stack: Stack, client: httpx.AsyncClient, role: Role) -> None:
    headers = bearer(stack, Grant(roles=(role,)))
    for method, path, wanted in DUTIES:
        answered = await client.request(method, path, headers=headers)
        assert answered.status_code == (200 if role in (wanted, Role.ADMIN) else 403), (role, path)
    asked = await client.post("/v1/search", json={"query": "x"}, headers=headers)
    assert asked.status_code == (200 if role in (Role.READER, Role.ADMIN) else 403)


async def test_a_key_that_acts_for_others_is_a_reader_while_it_does(stack: Stack, client: httpx.AsyncClient) -> None:
    headers = bearer(stack, Grant(roles=(Role.ADMIN,), may_act=True))
    acting = {**headers, "X-Footnote-User": "ida"}
    assert (await client.get("/v1/me", headers=acting)).json()["roles"] == ["reader"]
    for method, path, _ in DUTIES:
        assert (await client.request(method, path, headers=acting)).status_code == 403
    gateway = bearer(stack, Grant(may_act=True))
    assert (await client.get("/v1/me", headers={**gateway, "X-Footnote-User": "ida"})).json()["user"] == "ida"
    assert (await client.get("/v1/keys", headers=gateway)).status_code == 403


async def test_an_administrator_does_not_act_without_the_right_to(stack: Stack, client: httpx.AsyncClient) -> None:
    headers = {**bearer(stack, Grant(roles=(Role.ADMIN,))), "X-Footnote-User": "ida"}
    refused = await client.get("/v1/me", headers=headers)
    assert refused.status_code == 403
    assert "keys create --act" in refused.json()["detail"]


async def test_a_scope_limits_routes(stack: Stack, client: httpx.AsyncClient) -> None:
    headers = bearer(stack, Grant(roles=(Role.ADMIN,), scope=Scope(("search", "sources:read"))))
    assert (await client.post("/v1/search", json={"query": "x"}, headers=headers)).status_code == 200
    assert (await client.get("/v1/sources", headers=headers)).status_code == 200
    assert (await client.get("/v1/me", headers=headers)).status_code == 200
    for method, path in (("POST", "/v1/sources/check"), ("GET", "/v1/keys"), ("POST", "/v1/answers")):
        refused = await client.request(method, path, json={}, headers=headers)
        assert refused.status_code == 403, path
        assert "limited to search, sources:read" in refused.json()["detail"]


async def test_a_scope_limits_sources(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.add_document("d1", AccessList.everyone())
    [source] = stack.catalog.sources.list()
    other = stack.catalog.sources.create(kind="folder", name="Other", config={"path": "/o"}, interval_s=3600)
    stack.add_document("d2", AccessList.everyone(), source_id=other.id)
    headers = bearer(stack, Grant(roles=(Role.READER, Role.CURATOR), scope=Scope((), (source.id,))))
    assert (await client.get("/v1/documents/d1", headers=headers)).status_code == 200
    assert (await client.get("/v1/documents/d2", headers=headers)).status_code == 404
    assert (await client.get(f"/v1/sources/{source.id}", headers=headers)).status_code == 200
    for path in (f"/v1/sources/{other.id}", "/v1/sources", "/v1/failures", "/v1/status"):
        assert (await client.get(path, headers=headers)).status_code == 403, path
    await client.post("/v1/search", json={"query": "x"}, headers=headers)
    assert stack.retriever.asked["principal"].sources == {source.id}


async def test_a_key_opens_at_most_what_its_maker_s_does(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    made = {"name": "limited", "admin": True, "routes": ["keys", "search"], "expires_at": "2100-01-01T00:00:00Z"}
    plain = (await client.post("/v1/keys", json=made, headers=admin)).json()["key"]
    limited = {"Authorization": f"Bearer {plain}"}
    wide: list[dict[str, Any]] = [
        {},
        {"routes": ["answers"]},
        {"routes": ["search", "index:read"]},
        {"routes": ["search"], "expires_at": "2101-01-01T00:00:00Z"},
    ]
    for body in wide:
        refused = await client.post("/v1/keys", json={"name": "x", **body}, headers=limited)
        assert refused.status_code == 403, body
    inner = (await client.post("/v1/keys", json={"name": "x", "routes": ["search:read"]}, headers=limited)).json()
    assert inner["expires_at"] == "2100-01-01T00:00:00Z"
    unlimited, _ = stack.keys.create("unlimited")
    assert (await client.post(f"/v1/keys/{unlimited.id}/rotate", json={}, headers=limited)).status_code == 403


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"routes": ["serch"]}, "Scopes are:"),
        ({"routes": ["/v1/search"]}, "is no scope"),
        ({"sources": ["x"]}, "not the id of a source"),
        ({"roles": ["boss"]}, "'reader'"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "before it is made"),
        ({"expires_at": "2030-01-01T00:00:00"}, "timezone"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "before the year 2200"),
    ],
)
async def test_what_a_key_cannot_be_limited_to(
    client: httpx.AsyncClient, admin: dict[str, str], body: dict[str, Any], said: str
) -> None:
    refused = await client.post("/v1/keys", json={"name": "x", **body}, headers=admin)
    assert refused.status_code == 422
    assert said in refused.json()["detail"]


def test_paths_have_names() -> None:
    named = {"/v1/sources/x/sync": "sources", "/v1/me": "me", "/mcp": "mcp", "/v1": "", "/": "", "//v1//keys": "keys"}
    assert {path: route_name(path) for path in named} == named


ROUTES = st.lists(st.sampled_from(["search", "answers", "sources", "sources:read", "keys:read"]), unique=True)


@given(outer=ROUTES, inner=ROUTES, method=st.sampled_from(["GET", "POST"]), name=st.sampled_from(["search", "sources"]))
def test_a_scope_that_holds_another_lets_through_whatever_that_does(
    outer: list[str], inner: list[str], method: str, name: str
) -> None:
    def lets_through(scope: Scope) -> bool:
        try:
            scope.check(method, f"/v1/{name}/x")
        except NotAuthorised:
            return False
        return True

    one, other = Scope(tuple(outer)), Scope(tuple(inner))
    assert not (one.holds(other) and lets_through(other)) or lets_through(one)


def test_only_an_administrator_has_every_role() -> None:
    for role in Role:
        assert {wanted for wanted in Role if has_role([role], wanted)} == (set(Role) if role is Role.ADMIN else {role})
    with pytest.raises(InvalidRequest):
        Grant(roles=()).check()
