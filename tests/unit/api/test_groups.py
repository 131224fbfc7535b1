"""Groups of sources: what a reader gets by them, who may see them, and what a liar gets."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx
import pytest
from sqlalchemy import update

from api.auth.key_records import Grant
from api.auth.keys import ApiKeyRow
from core.errors import StorageUnavailable
from core.principal import AccessList
from core.roles import Role
from ingestion.connectors.port import Membership
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio


def add_source(stack: Stack, name: str = "Wiki") -> str:
    return stack.catalog.sources.create(kind="folder", name=name, config={}, interval_s=60).id


def sync(stack: Stack, source_id: str, groups: Mapping[str, set[str]], *, left_out: int = 0) -> None:
    """What a sync of memberships leaves behind."""
    catalog = stack.catalog
    catalog.membership_syncs.want(source_id)
    claim = catalog.membership_syncs.claim(source_id, "test", 60, 3600)
    assert claim is not None
    said = [Membership(f"{source_id}/{name}", frozenset(users)) for name, users in groups.items()]
    catalog.memberships.enter(claim, said)
    catalog.memberships.prune(claim, 1000)
    catalog.membership_syncs.finish(claim, has_groups=True, left_out=left_out)


def bearer(stack: Stack, user: str | None, *groups: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.keys.create('key', Grant(user=user, groups=tuple(groups)))[1]}"}


async def test_a_reader_has_their_own_groups_and_those_of_sources(stack: Stack, client: httpx.AsyncClient) -> None:
    wiki = add_source(stack)
    sync(stack, wiki, {"HR": {"ann@example.com"}, "Eng": {"bob@example.com"}})
    ann = bearer(stack, "Ann@Example.com", "staff")
    assert (await client.get("/v1/me", headers=ann)).json() == {
        "user": "Ann@Example.com",
        "groups": ["staff"],
        "synced_groups": [f"{wiki}/HR"],
        "csrf": None,
        "roles": ["reader"],
        "admin": False,
    }
    await client.post("/v1/search", json={"query": "x"}, headers=ann)
    assert stack.retriever.asked["principal"].terms == {
        "public",
        "user:Ann@Example.com",
        "user:ann@example.com",
        "group:staff",
        f"group:{wiki}/HR",
    }


async def test_who_is_taken_out_reads_nothing_more_with_the_next_request(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    wiki = add_source(stack)
    stack.add_document("d1", AccessList(groups=frozenset({f"{wiki}/HR"})))
    ann, bob = bearer(stack, "ann@example.com"), bearer(stack, "bob@example.com")
    ways = ("/v1/documents/d1", "/v1/documents/d1/original", "/v1/documents/d1/chunks/0")

    async def statuses(headers: dict[str, str]) -> set[int]:
        return {(await client.get(way, headers=headers)).status_code for way in ways}

    assert await statuses(ann) == {404}, "nobody has said who is in the group"
    sync(stack, wiki, {"HR": {"ann@example.com"}})
    assert (await statuses(ann), await statuses(bob), await statuses({})) == ({200}, {404}, {404})
    sync(stack, wiki, {"HR": {"bob@example.com"}})
    assert (await statuses(ann), await statuses(bob)) == ({404}, {200})
    sync(stack, wiki, {})
    assert await statuses(bob) == {404}


async def test_an_administrator_who_acts_for_somebody_gets_that_person_s_groups_and_no_other(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    wiki = add_source(stack)
    sync(stack, wiki, {"HR": {"ann@example.com"}, "Boss": {"ida@example.com"}})
    operator = Grant(user="ida@example.com", roles=(Role.ADMIN,), may_act=True)
    ida = {"Authorization": f"Bearer {stack.keys.create('Ida', operator)[1]}"}

    async def groups(**headers: str) -> list[str]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        found: list[str] = (await client.get("/v1/me", headers={**ida, **sent})).json()["synced_groups"]
        return found

    assert await groups() == [f"{wiki}/Boss"]
    assert await groups(X_Footnote_User="ann@example.com") == [f"{wiki}/HR"]
    assert await groups(X_Footnote_User="") == []
    assert await groups(X_Footnote_Groups="staff") == []


@pytest.mark.parametrize("as_json", [False, True])
async def test_a_source_s_group_can_not_be_named_in_a_header(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str], as_json: bool
) -> None:
    group = f"{add_source(stack)}/HR"
    sent = {**admin, "X-Footnote-User": "eve", "X-Footnote-Groups": json.dumps(["staff", group]) if as_json else group}
    response = await client.post("/v1/search", json={"query": "x"}, headers=sent)
    assert response.status_code == 400
    assert "its source alone says who is in it" in response.json()["detail"]
    assert stack.retriever.asked == {}


async def test_a_source_s_group_can_not_be_named_by_a_key(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    group = f"{add_source(stack)}/HR"
    response = await client.post("/v1/keys", json={"name": "Eve's", "user": "eve", "groups": [group]}, headers=admin)
    assert response.status_code == 422
    assert "its source alone says who is in it" in response.json()["detail"]


async def test_a_key_from_before_that_names_one_opens_nothing_by_it(stack: Stack, client: httpx.AsyncClient) -> None:
    group = f"{add_source(stack)}/HR"
    stack.add_document("d1", AccessList(groups=frozenset({group})))
    eve = bearer(stack, "eve")
    with stack.catalog.database.write() as connection:
        connection.execute(update(ApiKeyRow).where(ApiKeyRow.user == "eve").values(groups=[group]))
    assert (await client.get("/v1/documents/d1", headers=eve)).status_code == 404


async def test_a_name_like_an_address_gets_nobody_else_s_groups(stack: Stack, client: httpx.AsyncClient) -> None:
    wiki = add_source(stack)
    sync(stack, wiki, {"HR": {"kate@example.com", ""}})
    for user in (
        "kate",
        "\N{KELVIN SIGN}ate@example.com",
        "kate@example.com\u200b",
        "kate@example.com@x",
        "%",
        "_ate@example.com",
    ):
        assert (await client.get("/v1/me", headers=bearer(stack, user))).json()["synced_groups"] == [], user


async def test_where_the_catalog_is_down_nobody_is_served_with_fewer_groups(
    stack: Stack, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(user: str | None) -> frozenset[str]:
        raise StorageUnavailable("The catalog doesn't answer.")

    ann = bearer(stack, "ann@example.com")
    monkeypatch.setattr(stack.catalog.memberships, "groups_of", down)
    assert (await client.post("/v1/search", json={"query": "x"}, headers=ann)).status_code == 503
    assert stack.retriever.asked == {}
    assert (await client.post("/v1/search", json={"query": "x"})).status_code == 200, "who has no key has no groups"


async def test_administrators_see_the_groups(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    wiki, other = add_source(stack), add_source(stack, "Other")
    path = f"/v1/sources/{wiki}/groups"
    assert (await client.get(path, headers=admin)).json() == {"groups": [], "total": 0, "sync": None}
    sync(stack, wiki, {"HR": {"ann@example.com", "bob@example.com"}, "Eng": {"bob@example.com"}}, left_out=3)
    sync(stack, other, {"X": {"ann@example.com"}})
    found = (await client.get(path, headers=admin, params={"limit": 1})).json()
    assert (found["groups"], found["total"]) == ([{"name": f"{wiki}/Eng", "members": 1}], 2)
    assert (found["sync"]["left_out"], found["sync"]["error"], found["sync"]["has_groups"]) == (3, None, True)
    second = (await client.get(path, headers=admin, params={"limit": 1, "offset": 1})).json()
    assert second["groups"] == [{"name": f"{wiki}/HR", "members": 2}]
    hers = (await client.get(path, headers=admin, params={"user": "ANN@example.com"})).json()
    assert (hers["groups"], hers["total"]) == ([{"name": f"{wiki}/HR", "members": 2}], 1)
    for nobody in ("ann", "", "ann@example.com ", "%"):
        assert (await client.get(path, headers=admin, params={"user": nobody})).json()["total"] == 0
    assert (await client.get("/v1/sources/absent/groups", headers=admin)).status_code == 404
    for wrong in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"user": "x" * 301}):
        assert (await client.get(path, headers=admin, params=wrong)).status_code == 422


async def test_nobody_else_sees_them(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    wiki = add_source(stack)
    sync(stack, wiki, {"HR": {"ann@example.com"}})
    path = f"/v1/sources/{wiki}/groups"
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=bearer(stack, "ann@example.com"))).status_code == 403
    assert (await client.get(path, headers={**admin, "X-Footnote-User": "ann@example.com"})).status_code == 403


async def test_a_sync_that_failed_is_shown(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    wiki = add_source(stack)
    sync(stack, wiki, {"HR": {"ann@example.com"}})
    stack.catalog.membership_syncs.want(wiki)
    claim = stack.catalog.membership_syncs.claim(wiki, "test", 60, 3600)
    assert claim is not None
    stack.catalog.membership_syncs.fail(claim, "The wiki doesn't answer.", 60)
    found = (await client.get(f"/v1/sources/{wiki}/groups", headers=admin)).json()
    assert (found["total"], found["sync"]["error"], found["sync"]["failures"]) == (1, "The wiki doesn't answer.", 1)
    degraded = (await client.get("/v1/status", headers=admin)).json()["degraded"]
    assert degraded == ["groups of 'Wiki' are as of an earlier sync: The wiki doesn't answer."]


async def test_a_deleted_source_s_groups_count_no_more(stack: Stack) -> None:
    wiki = add_source(stack)
    sync(stack, wiki, {"HR": {"ann@example.com"}})
    async with serving(stack) as client:
        ann = bearer(stack, "ann@example.com")
        assert (await client.get("/v1/me", headers=ann)).json()["synced_groups"] == [f"{wiki}/HR"]
        stack.catalog.sources.begin_delete(wiki)
        assert (await client.get("/v1/me", headers=ann)).json()["synced_groups"] == []
