"""Signing in on the page: the whole way through a provider's form, the cookie, its token against forged requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from api.app import ROUTERS
from tests.servers.oidc import OidcServer
from tests.unit.api.auth.conftest import sign_in, signing_in
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio


async def test_the_way_in_and_out(stack: Stack, provider: OidcServer, client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/me")).status_code == 401
    assert (await client.get("/auth")).json() == {"name": "Company account", "href": "/auth/login"}
    back = await sign_in(client, "ann")
    assert (back.status_code, back.headers["location"]) == (303, "/")
    cookies = back.headers.get_list("set-cookie")
    assert any(one.startswith("footnote=") and "HttpOnly" in one and "SameSite=lax" in one for one in cookies)
    told = (await client.get("/v1/me")).json()
    assert (told["user"], told["groups"]) == ("Ann@example.com", ["/staff", "hr"])
    page = {"X-Footnote-CSRF": told["csrf"]}
    assert (await client.post("/v1/search", json={"query": "x"}, headers=page)).status_code == 200
    out = await client.post("/auth/logout", headers=page)
    assert out.json()["location"].startswith(f"{provider.url}/logout?id_token_hint=ey")
    kept = client.cookies.get("footnote")
    assert not kept
    assert (await client.get("/v1/me")).status_code == 401


async def test_a_session_that_ended_is_nobody_s(stack: Stack, client: httpx.AsyncClient) -> None:
    await sign_in(client, "ann")
    cookie = client.cookies["footnote"]
    csrf = (await client.get("/v1/me")).json()["csrf"]
    await client.post("/auth/logout", headers={"X-Footnote-CSRF": csrf})
    again = await client.get("/v1/me", headers={"Cookie": f"footnote={cookie}"})
    assert (again.status_code, "session has ended" in again.json()["detail"]) == (401, True)


async def test_the_catalog_alone_gives_no_session_away(stack: Stack, client: httpx.AsyncClient) -> None:
    await sign_in(client, "ann")
    with stack.catalog.database.read() as connection:
        [row] = connection.exec_driver_sql("SELECT * FROM sessions").all()
    assert client.cookies["footnote"] not in str(row)
    for kept in (row.digest, row.digest[:12]):
        assert (await client.get("/v1/me", headers={"Cookie": f"footnote={kept}"})).status_code == 401


async def test_over_https_the_cookie_is_bound_to_the_host(
    tmp_path: Path, provider: OidcServer, anyio_backend: str
) -> None:
    stack = signing_in(tmp_path, provider.url, identity={"public_url": "https://kb.example.com"})
    async with serving(stack) as client:
        client.base_url = httpx.URL("https://kb.example.com")
        back = await sign_in(client, "ann")
        [cookie] = [one for one in back.headers.get_list("set-cookie") if one.startswith("__Host-footnote=")]
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert (await client.get("/v1/me")).status_code == 200
    stack.catalog.close()


async def test_nothing_changes_by_a_request_from_elsewhere(stack: Stack, client: httpx.AsyncClient) -> None:
    """What a page elsewhere can have a browser send: the cookie, and bodies of a form's types."""
    await sign_in(client, "bob")
    for route in chain.from_iterable(module.router.routes for module in ROUTERS):
        assert isinstance(route, APIRoute)
        path = route.path.replace("{source_id}", "a" * 32).replace("{key:path}", "k")
        for method in route.methods - {"GET", "HEAD", "OPTIONS"}:
            for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
                forged = await client.request(method, path, content=b"{}", headers={"Content-Type": kind})
                refused_for = {403: "X-Footnote-CSRF", 415: "application/json"}
                assert refused_for[forged.status_code] in forged.text, (method, path, kind)
                assert forged.status_code == 403 or kind != "application/json"
    assert [event.action for event in stack.catalog.audit.list() if event.action != "key.configure"] == []


async def test_another_session_s_token_is_no_good(stack: Stack, client: httpx.AsyncClient) -> None:
    await sign_in(client, "ann")
    foreign = (await client.get("/v1/me")).json()["csrf"]
    client.cookies.clear()
    await sign_in(client, "bob")
    for sent in (foreign.encode(), b"", "é".encode()):
        refused = await client.post("/v1/search", json={"query": "x"}, headers={b"X-Footnote-CSRF": sent})  # type: ignore[arg-type]
        assert refused.status_code == 403


async def test_a_sign_in_counts_only_in_the_browser_that_began_it(stack: Stack, client: httpx.AsyncClient) -> None:
    begun = await client.get("/auth/login")
    state = httpx.URL(begun.headers["location"]).params["state"]
    for cookie, sent in ((None, state), ("another", state), ("footnote-sign-in", "x")):
        headers = {"Cookie": f"footnote-sign-in={cookie}"} if cookie else {}
        client.cookies.clear()
        refused = await client.get("/auth/callback", params={"code": "c", "state": sent}, headers=headers)
        assert refused.status_code == 401
    denied = await client.get("/auth/login")
    state = httpx.URL(denied.headers["location"]).params["state"]
    refused = await client.get("/auth/callback", params={"error": "access_denied", "state": state})
    assert (refused.status_code, "access_denied" in refused.json()["detail"]) == (401, True)
    refused = await client.get("/auth/callback", params={"code": "made-up", "state": state})
    assert (refused.status_code, "invalid_grant" in refused.json()["detail"]) == (401, True)


async def test_a_browser_is_told_by_the_page_why_it_is_not_signed_in(
    stack: Stack, provider: OidcServer, client: httpx.AsyncClient
) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml"}

    async def told(path: str, **params: str) -> str:
        response = await client.get(path, params=params, headers=browser)
        assert response.status_code == 303
        return response.headers["location"]

    assert await told("/auth/callback", code="c", state="<script>") == "/#sign-in=anew"
    state = httpx.URL(await told("/auth/login")).params["state"]
    assert await told("/auth/callback", error="access_denied", state=state) == "/#sign-in=refused"
    provider.down = True
    assert await told("/auth/callback", code="c", state=state) == "/#sign-in=unavailable"


async def test_sign_ins_are_in_the_audit_log(stack: Stack, client: httpx.AsyncClient) -> None:
    await client.get("/auth/callback", params={"code": "c", "state": "x"})
    await sign_in(client, "ann")
    csrf = (await client.get("/v1/me")).json()["csrf"]
    await client.post("/auth/logout", headers={"X-Footnote-CSRF": csrf})
    stack.audit.flush()
    told = [(entry.action, entry.outcome, entry.user) for entry in stack.catalog.audit.list()]
    assert ("sign_in", "done", "Ann@example.com") in told
    assert ("sign_out", "done", "Ann@example.com") in told
    assert [outcome for action, outcome, _ in told if action == "sign_in"].count("failed") == 1


async def test_signing_in_is_limited_by_address(stack: Stack) -> None:
    limits = {"address": {"requests_per_minute": 1, "burst": 1}}
    stack.settings = stack.settings.model_validate({**stack.settings.model_dump(), "limits": limits})
    async with serving(stack) as client:
        assert (await client.get("/auth/login")).status_code == 303
        assert (await client.get("/auth/login")).status_code == 429
        back = await client.get("/auth/callback", headers={"Accept": "text/html"})
        assert back.headers["location"] == "/#sign-in=too_many"


async def test_clients_of_mcp_learn_where_to_sign_in(provider: OidcServer, client: httpx.AsyncClient) -> None:
    told = (await client.get("/.well-known/oauth-protected-resource/mcp")).json()
    assert told["authorization_servers"] == [provider.url]


def _age(stack: Stack, **moved: timedelta) -> None:
    for column, by in moved.items():
        with stack.catalog.database.write() as connection:
            connection.exec_driver_sql(
                f"UPDATE sessions SET {column} = ?", ((datetime.now(UTC) - by).replace(tzinfo=None).isoformat(" "),)
            )


async def test_groups_and_roles_are_renewed(stack: Stack, provider: OidcServer, client: httpx.AsyncClient) -> None:
    await sign_in(client, "ann")
    provider.people["ann"]["groups"] = ["kb-admins"]
    assert (await client.get("/v1/me")).json()["groups"] == ["/staff", "hr"]
    _age(stack, renew_at=timedelta(seconds=1))
    told = (await client.get("/v1/me")).json()
    assert (told["groups"], told["admin"]) == (["kb-admins"], True)


async def test_who_may_no_more_is_out_with_the_next_renewal(
    stack: Stack, provider: OidcServer, client: httpx.AsyncClient
) -> None:
    await sign_in(client, "ann")
    provider.ended.add("ann")
    _age(stack, renew_at=timedelta(seconds=1))
    assert (await client.get("/v1/me")).status_code == 401
    provider.ended.clear()
    assert (await client.get("/v1/me")).status_code == 401


async def test_a_session_goes_on_while_the_provider_is_down_and_not_for_ever(
    stack: Stack, provider: OidcServer, client: httpx.AsyncClient
) -> None:
    await sign_in(client, "ann")
    provider.down = True
    _age(stack, renew_at=timedelta(seconds=1))
    assert (await client.get("/v1/me")).status_code == 200
    _age(stack, renew_at=timedelta(seconds=1), confirmed_at=timedelta(days=2))
    assert (await client.get("/v1/me")).status_code == 401


async def test_one_that_cannot_be_renewed_ends_with_its_token(
    stack: Stack, provider: OidcServer, client: httpx.AsyncClient
) -> None:
    provider.give_refresh = False
    await sign_in(client, "ann")
    with stack.catalog.database.read() as connection:
        [row] = connection.exec_driver_sql("SELECT expires_at, created_at FROM sessions").all()
    lasts = datetime.fromisoformat(row.expires_at) - datetime.fromisoformat(row.created_at)
    assert lasts <= timedelta(seconds=300)
    _age(stack, expires_at=timedelta(seconds=1))
    assert (await client.get("/v1/me")).status_code == 401
