"""Whom a key speaks for."""

import httpx
import pytest

from api.auth.key_records import Grant
from core.roles import Role
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio

NOBODY = {"user": None, "groups": [], "synced_groups": [], "admin": False}


async def test_a_reader_without_a_key_is_nobody(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/me")).json() == {**NOBODY, "roles": ["reader"], "csrf": None}


async def test_a_key_speaks_for_its_user(stack: Stack, client: httpx.AsyncClient) -> None:
    _, key = stack.keys.create("laptop", Grant(user="ida", groups=("staff", "hr")))
    found = await client.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert found.json() == {
        "user": "ida",
        "groups": ["hr", "staff"],
        "synced_groups": [],
        "roles": ["reader"],
        "admin": False,
        "csrf": None,
    }


async def test_an_administrator_who_acts_for_somebody_is_that_person(
    client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    found = await client.get("/v1/me", headers={**admin, "X-Footnote-User": "ida"})
    nobody_elses = {"groups": [], "synced_groups": [], "roles": ["reader"], "admin": False, "csrf": None}
    assert found.json() == {"user": "ida", **nobody_elses}
    assert (await client.get("/v1/me", headers=admin)).json()["admin"]


async def test_an_administrator_may_be_a_reader_too(stack: Stack, client: httpx.AsyncClient) -> None:
    _, key = stack.keys.create("Ida's", Grant(user="ida", groups=("hr",), roles=(Role.ADMIN,)))
    found = await client.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
    rest = {"synced_groups": [], "roles": ["admin"], "admin": True, "csrf": None}
    assert found.json() == {"user": "ida", "groups": ["hr"], **rest}


async def test_a_wrong_key_is_nobodys(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/me", headers={"Authorization": "Bearer fn_wrong"})).status_code == 401
