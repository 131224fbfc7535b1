"""Keys and whom they speak for."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from api.auth.key_records import ADMINISTRATOR, OPERATOR, Grant, KeyRecord
from api.auth.principal import caller_of
from api.cli.client import Client
from core.errors import InvalidHeader
from core.principal import ANONYMOUS, Principal
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import NOW, Stack, make_settings

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
    _, plain = stack.keys.create("Alice's", Grant(user="alice", groups=("hr", "eng")))
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
        ("X-Footnote-Groups", '["a", "x,hr"]'),
        ("X-Footnote-Groups", "é b"),
    ]
    raw = [(k.encode(), v if isinstance(v, bytes) else v.encode()) for k, v in headers]
    assert (await client.post("/v1/search", json={"query": "x"}, headers=raw)).status_code == 200
    assert stack.retriever.asked["principal"] == Principal("zoë", frozenset({"a", "x,hr", "é b"}))


@pytest.mark.parametrize(
    "groups",
    [
        "x,hr",
        "hr, eng",
        "hr,",
        '["hr"], ["eng"]',
        '["hr"',
        "[hr]",
        '["hr", 1]',
        '["hr", ["eng"]]',
        '[""]',
        '[" "]',
        '["a\\u0000"]',
        '["\\ud800"]',
        "[" * 3000,
        "g" * 201,
        str([str(number) for number in range(1001)]).replace("'", '"'),
    ],
)
async def test_groups_that_could_be_read_in_two_ways_are_refused(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str], groups: str
) -> None:
    response = await client.post("/v1/search", json={"query": "x"}, headers={**admin, "X-Footnote-Groups": groups})
    assert response.status_code == 400
    assert response.json()["type"] == "urn:footnote:problem:invalid-header"
    assert "X-Footnote-Groups" in response.json()["detail"]
    assert stack.retriever.asked == {}


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=50).filter(str.strip)


@given(groups=st.sets(NAMES, max_size=20))
def test_the_command_line_names_any_groups(groups: set[str]) -> None:
    """Whatever a group is called, it is that group alone that the service takes the reader to be in."""
    sent = Client("http://footnote", "key", groups=tuple(groups))._http.headers.raw
    record = KeyRecord(id="k", name="k", prefix="", grant=OPERATOR, created_at=NOW)
    raw = [(name.lower(), value) for name, value in sent]
    assert caller_of(Headers(raw=raw), record, anonymous=False).principal.groups == groups


@given(line=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_a_line_without_json_names_one_group_or_is_refused(line: str) -> None:
    record = KeyRecord(id="k", name="k", prefix="", grant=OPERATOR, created_at=NOW)
    headers = Headers(raw=[(b"x-footnote-groups", line.encode())])
    try:
        named = caller_of(headers, record, anonymous=False).principal.groups
    except InvalidHeader:
        return
    assert named in ({line.strip()} - {""}, _json_strings(line))


def _json_strings(line: str) -> set[str] | None:
    try:
        return set(json.loads(line))
    except (ValueError, TypeError):
        return None


async def test_an_administrator_alone_reads_nothing_special(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await client.post("/v1/search", json={"query": "x"}, headers=admin)
    assert stack.retriever.asked["principal"] == ANONYMOUS
    await client.post("/v1/search", json={"query": "x"}, headers={**admin, "X-Footnote-User": ""})
    assert stack.retriever.asked["principal"] == ANONYMOUS


async def test_nobody_else_can(stack: Stack, client: httpx.AsyncClient) -> None:
    _, plain = stack.keys.create("Alice's", Grant(user="alice"))
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
        ("POST", "/v1/sources/x/cancel"),
        ("POST", "/v1/sources/x/pause"),
        ("POST", "/v1/sources/x/resume"),
        ("GET", "/v1/sources/x/runs"),
        ("GET", "/v1/sources/x/failures"),
        ("GET", "/v1/failures"),
        ("POST", "/v1/failures/retry"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("DELETE", "/v1/keys/x"),
        ("GET", "/v1/status"),
        ("GET", "/v1/audit"),
        ("GET", "/v1/index"),
        ("GET", "/metrics"),
    ],
)
async def test_administration_needs_an_administrator(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str], method: str, path: str
) -> None:
    _, plain = stack.keys.create("Alice's", Grant(user="alice"))
    assert (await client.request(method, path)).status_code == 401
    headers = {"Authorization": f"Bearer {plain}"}
    assert (await client.request(method, path, headers=headers)).status_code == 403
    for acting in ({"X-Footnote-User": "alice"}, {"X-Footnote-Groups": "hr"}, {"X-Footnote-User": ""}):
        refused = await client.request(method, path, headers={**admin, **acting})
        assert refused.status_code == 403
        assert "that person's rights and no more" in refused.json()["detail"]


async def test_a_revoked_configured_key_is_refused_from_then_on(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    _, other = stack.keys.create("Another's", ADMINISTRATOR)
    as_other = {"Authorization": f"Bearer {other}"}
    assert (await client.get("/v1/status", headers=admin)).status_code == 200
    listed = (await client.get("/v1/keys", headers=as_other)).json()["keys"]
    configured = next(key for key in listed if key["from_configuration"])
    assert configured["last_used_at"] is not None
    assert (await client.delete(f"/v1/keys/{configured['id']}", headers=as_other)).status_code == 204
    for path in ("/v1/status", "/v1/keys", "/v1/me", "/metrics"):
        assert (await client.get(path, headers=admin)).status_code == 401
    assert (await ask(client, **admin)).status_code == 401


async def test_the_routes_for_keys(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    body = {"name": "CI", "groups": ["b", "a", "a"], "admin": True}
    response = await client.post("/v1/keys", json=body, headers=admin)
    assert response.status_code == 201
    made = response.json()
    assert made["key"].startswith(made["prefix"] + "_")
    assert made["groups"] == ["a", "b"]
    listed = await client.get("/v1/keys", headers={"Authorization": f"Bearer {made['key']}"})
    keys = {key["name"]: key for key in listed.json()["keys"]}
    assert set(keys) == {"CI", "api.admin_key"}
    assert made["key"] not in listed.text
    assert all(key["last_used_at"] for key in keys.values())
