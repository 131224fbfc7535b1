"""Keys and whom they speak for."""

from __future__ import annotations

import httpx
import pytest

from api.auth.keys import KeyStore, digest
from core.clock import SystemClock
from core.errors import InvalidRequest, NotAuthenticated, NotFound
from core.principal import ANONYMOUS, Principal
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import ADMIN_KEY, Stack, make_settings

pytestmark = pytest.mark.anyio


async def ask(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    return await client.post(
        "/v1/search", json={"query": "x"}, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


async def test_without_a_key_a_reader_is_anonymous(stack: Stack, client: httpx.AsyncClient) -> None:
    assert (await ask(client)).status_code == 200
    assert stack.retriever.asked["principal"] == ANONYMOUS


async def test_without_a_key_where_one_is_needed(tmp_path, anyio_backend: str) -> None:  # type: ignore[no-untyped-def]
    stack = Stack(make_settings(tmp_path, anonymous=False))
    async with serving(stack) as client:
        response = await ask(client)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer" in response.json()["detail"]
    stack.catalog.close()


async def test_a_key_speaks_for_its_user(stack: Stack, client: httpx.AsyncClient) -> None:
    _, plain = stack.keys.create("Alice's", user="alice", groups=["hr", "eng"])
    assert (await ask(client, Authorization=f"bearer {plain}")).status_code == 200
    assert stack.retriever.asked["principal"] == Principal("alice", frozenset({"hr", "eng"}))


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer", "Bearer ", "Basic YTpi", "Bearer " + "x" * 3000, "Bearer é"]
)
async def test_a_wrong_key_is_never_anonymous(stack: Stack, client: httpx.AsyncClient, header: str) -> None:
    response = await client.post(
        "/v1/search",
        json={"query": "x"},
        headers={b"Authorization": header.encode("latin-1")},  # type: ignore[arg-type]
    )
    assert response.status_code == 401
    assert stack.retriever.asked == {}


async def test_a_revoked_key_is_refused_from_then_on(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    made = (await client.post("/v1/keys", json={"name": "Bob's", "user": "bob"}, headers=admin)).json()
    assert (await ask(client, Authorization=f"Bearer {made['key']}")).status_code == 200
    assert (await client.delete(f"/v1/keys/{made['id']}", headers=admin)).status_code == 204
    assert (await ask(client, Authorization=f"Bearer {made['key']}")).status_code == 401
    assert (await client.delete("/v1/keys/absent", headers=admin)).status_code == 404


async def test_an_administrator_can_speak_for_somebody(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    headers = [
        *admin.items(),
        ("X-Footnote-User", "zoë".encode()),
        ("X-Footnote-Groups", "a, b,"),
        ("X-Footnote-Groups", "c"),
    ]
    raw = [(k.encode(), v if isinstance(v, bytes) else v.encode()) for k, v in headers]
    assert (await client.post("/v1/search", json={"query": "x"}, headers=raw)).status_code == 200
    assert stack.retriever.asked["principal"] == Principal("zoë", frozenset({"a", "b", "c"}))


async def test_an_administrator_alone_reads_nothing_special(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await client.post("/v1/search", json={"query": "x"}, headers=admin)
    assert stack.retriever.asked["principal"] == ANONYMOUS
    await client.post("/v1/search", json={"query": "x"}, headers={**admin, "X-Footnote-User": ""})
    assert stack.retriever.asked["principal"] == ANONYMOUS


async def test_nobody_else_can(stack: Stack, client: httpx.AsyncClient) -> None:
    _, plain = stack.keys.create("Alice's", user="alice")
    for header in ("X_Footnote_User", "X_Footnote_Groups"):
        assert (await ask(client, Authorization=f"Bearer {plain}", **{header: "boss"})).status_code == 403
        assert (await ask(client, **{header: "boss"})).status_code == 401
    assert stack.retriever.asked == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/sources"),
        ("POST", "/v1/sources"),
        ("GET", "/v1/sources/x"),
        ("PATCH", "/v1/sources/x"),
        ("DELETE", "/v1/sources/x"),
        ("POST", "/v1/sources/x/sync"),
        ("GET", "/v1/sources/x/runs"),
        ("GET", "/v1/sources/x/failures"),
        ("GET", "/v1/failures"),
        ("POST", "/v1/failures/retry"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("DELETE", "/v1/keys/x"),
        ("GET", "/v1/status"),
    ],
)
async def test_administration_needs_an_administrator(
    stack: Stack, client: httpx.AsyncClient, method: str, path: str
) -> None:
    _, plain = stack.keys.create("Alice's", user="alice")
    assert (await client.request(method, path)).status_code == 401
    headers = {"Authorization": f"Bearer {plain}"}
    assert (await client.request(method, path, headers=headers)).status_code == 403


async def test_the_routes_for_keys(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    body = {"name": "CI", "groups": ["b", "a", "a"], "admin": True}
    response = await client.post("/v1/keys", json=body, headers=admin)
    assert response.status_code == 201
    made = response.json()
    assert made["key"].startswith(made["prefix"] + "_")
    assert made["groups"] == ["a", "b"]
    listed = await client.get("/v1/keys", headers={"Authorization": f"Bearer {made['key']}"})
    assert [key["name"] for key in listed.json()["keys"]] == ["CI"]
    assert made["key"] not in listed.text
    assert listed.json()["keys"][0]["last_used_at"] is not None


def test_only_a_digest_is_kept(stack: Stack) -> None:
    record, plain = stack.keys.create("x")
    with stack.catalog.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM api_keys").all()
    assert plain not in str(rows)
    assert digest(plain) in str(rows)
    assert stack.keys.verify(plain).id == record.id


def test_a_standing_key_needs_no_row(stack: Stack) -> None:
    assert stack.keys.verify(ADMIN_KEY).admin
    assert KeyStore(stack.catalog.engine, SystemClock()).list() == []
    with pytest.raises(NotAuthenticated):
        KeyStore(stack.catalog.engine, SystemClock()).verify(ADMIN_KEY)


def test_verifying_does_not_wait_for_a_writer(stack: Stack) -> None:
    _, plain = stack.keys.create("x")
    with stack.catalog.engine.begin():  # holds SQLite's write lock
        assert stack.keys.verify(plain).name == "x"


def test_bad_names(stack: Stack) -> None:
    for arguments in ({"name": " "}, {"name": "x", "user": ""}, {"name": "x", "groups": ["g" * 201]}):
        with pytest.raises(InvalidRequest):
            stack.keys.create(**arguments)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        stack.keys.revoke("absent")
