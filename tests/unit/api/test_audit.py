"""The trail that administrators leave."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from api.app import ROUTERS
from api.audit import Audit
from api.auth.key_records import Grant
from api.dependencies import AuditDep, Needs
from core.errors import StorageUnavailable
from core.roles import Role
from ingestion.catalog.audit_entries import Actor
from tests.unit.api.fakes import ADMIN_KEY, Stack

pytestmark = pytest.mark.anyio

FOLDER = {"kind": "folder", "name": "Handbook", "config": {"path": "/docs", "password": "s3cret"}}


async def trail(client: httpx.AsyncClient, admin: dict[str, str]) -> list[dict[str, Any]]:
    """What was administered, oldest first, but for the configuration's key coming in."""
    events = (await client.get("/v1/audit", headers=admin)).json()["events"]
    apart = ("key.configure", "sign_in", "audit.search", "administration", "search.run")
    return [event for event in reversed(events) if event["action"] not in apart]


async def test_who_did_what_when_from_where_and_how_it_ended(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    _, plain = stack.keys.create("Ida's", Grant(user="ida", roles=(Role.ADMIN,)))
    ida = {"Authorization": f"Bearer {plain}", "X-Request-ID": "request-7"}
    wanted = {"name": "CI", "user": "bot", "groups": ["hr"], "admin": False}
    with capture_logs() as logs:
        made = (await client.post("/v1/keys", json=wanted, headers=ida)).json()
        await client.delete("/v1/keys/absent", headers=ida)
    created, revoked = await trail(client, admin)
    assert created == {
        "id": created["id"],
        "at": created["at"],
        "action": "key.create",
        "outcome": "done",
        "reason": None,
        "key_id": next(key.id for key in stack.keys.list() if key.grant.user == "ida"),
        "name": "Ida's",
        "user": "ida",
        "client": "127.0.0.1",
        "request_id": "request-7",
        "object_id": made["id"],
        "object_name": "CI",
        "detail": {"user": "bot", "groups": ["hr"], "admin": False},
    }
    assert (revoked["action"], revoked["object_id"]) == ("key.revoke", "absent")
    assert (revoked["outcome"], revoked["reason"]) == ("failed", "not-found")
    logged = {entry["event"]: entry for entry in logs if entry["event"].startswith("audit.")}
    logged.pop("audit.key.configure", None)  # the service's start may fall into the block
    assert set(logged) == {"audit.key.create", "audit.key.revoke"}
    for entry, event in zip(logged.values(), (created, revoked), strict=True):
        for field in ("outcome", "reason", "key_id", "name", "user", "client", "object_id", "object_name", "detail"):
            assert entry[field] == event[field]


async def test_sources_leave_a_trail_without_their_configuration(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    client.headers.update(admin)
    source = (await client.post("/v1/sources?sync=true", json=FOLDER)).json()["id"]
    await client.patch(f"/v1/sources/{source}", json={"config": {"path": "/docs", "password": "n3w"}, "interval_s": 60})
    stack.ingestion.down = True
    await client.post(f"/v1/sources/{source}/sync")
    await client.post("/v1/failures/retry")
    await client.delete(f"/v1/sources/{source}")
    events = await trail(client, admin)
    assert [(event["action"], event["outcome"]) for event in events] == [
        ("source.create", "done"),
        ("source.sync", "done"),
        ("source.change", "done"),
        ("source.sync", "failed"),
        ("failures.retry", "done"),
        ("source.delete", "done"),
    ]
    assert [event["object_name"] for event in events] == ["Handbook", None, "Handbook", None, None, "Handbook"]
    assert {event["object_id"] for event in events} == {source, None}
    assert events[2]["detail"] == {"changed": ["config.password", "interval_s"]}
    assert events[3]["reason"] == "broker-unavailable"
    assert not {word for word in ("s3cret", "n3w") if word in json.dumps(events)}


async def test_the_trail_holds_no_key(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    with capture_logs() as logs:
        made = (await client.post("/v1/keys", json={"name": "CI"}, headers=admin)).json()
        await client.get("/v1/me", headers={"Authorization": "Bearer fn_wrong_key"})
        await client.post("/v1/search", json={"query": "what is secret"}, headers={"Authorization": "Bearer fn_other"})
    said = json.dumps([await trail(client, admin), logs], default=str)
    assert not {word for word in (made["key"], ADMIN_KEY, "fn_wrong", "fn_other", "is secret") if word in said}


async def test_a_sign_in_that_fails_is_counted_and_logged(stack: Stack, client: httpx.AsyncClient) -> None:
    record, plain = stack.keys.create("Bob's", Grant(user="bob"))
    stack.keys.revoke(record.id)

    def counted(reason: str) -> float:
        return REGISTRY.get_sample_value("footnote_sign_ins_refused_total", {"reason": reason}) or 0

    before = {reason: counted(reason) for reason in ("revoked", "unknown", "malformed")}
    with capture_logs() as logs:
        await client.get("/v1/me", headers={"Authorization": f"Bearer {plain}"})
        await client.get("/v1/me", headers={"Authorization": "Bearer nonsense"})
        await client.get("/v1/me", headers={"Authorization": "Basic YTpi"})
        await client.get("/v1/me")
    assert {reason: counted(reason) - was for reason, was in before.items()} == dict.fromkeys(before, 1)
    refused = [entry for entry in logs if entry["event"] == "audit.sign_in.refused"]
    told = [(entry["reason"], entry["key_id"]) for entry in refused]
    assert told == [("revoked", record.id), ("unknown", None), ("malformed", None)]
    assert {(entry["client"], entry["path"]) for entry in refused} == {("127.0.0.1", "/v1/me")}


async def test_an_attempt_to_administer_without_the_right_is_logged_with_whom_it_acts_for(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    record, plain = stack.keys.create("Alice's", Grant(user="alice"))
    with capture_logs() as logs:
        await client.post("/v1/keys", json={"name": "x"}, headers={"Authorization": f"Bearer {plain}"})
        await client.post("/v1/keys", json={"name": "x"}, headers={**admin, "X-Footnote-User": "boss"})
    plainly, acting = [entry for entry in logs if entry["event"] == "audit.refused"]
    assert (plainly["key_id"], plainly["acting_for"], plainly["path"]) == (record.id, None, "/v1/keys")
    assert (acting["name"], acting["acting_for"]) == ("api.admin_key", {"user": "boss", "groups": []})
    assert await trail(client, admin) == []


async def test_paging_goes_through_all_of_it_once(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for number in range(7):
        await client.post("/v1/keys", json={"name": f"key {number}"}, headers=admin)
    seen: list[str] = []
    before: dict[str, int] = {}
    while True:
        page = (await client.get("/v1/audit", params={"limit": 3, "action": "key", **before}, headers=admin)).json()
        seen += [event["object_name"] for event in page["events"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert seen == [*(f"key {number}" for number in reversed(range(7))), "api.admin_key"]
    for wrong in ("limit=0", "limit=1001", "before=0", f"before={2**63}", "surprise=1", "since=yesterday", "before=x"):
        assert (await client.get(f"/v1/audit?{wrong}", headers=admin)).status_code == 422


def test_nothing_is_done_where_the_trail_cannot_be_written(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailable("The disk of the catalog is full.")

    done = []
    audit = Audit(stack.catalog.audit, Actor(name="test"))
    monkeypatch.setattr(stack.catalog.audit, "append", fail)
    with pytest.raises(StorageUnavailable), audit.doing("key.revoke"):
        done.append("without a trace")
    assert done == []


def test_what_was_done_stands_where_its_end_cannot_be_written(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailable("The disk of the catalog is full.")

    audit = Audit(stack.catalog.audit, Actor(name="test"))
    with capture_logs() as logs, audit.doing("key.create"):
        monkeypatch.setattr(stack.catalog.audit, "append", fail)
    assert [event.outcome for event in stack.catalog.audit.list()] == ["begun"]
    assert [(entry["event"], entry.get("outcome")) for entry in logs] == [
        ("audit.key.create", "done"),
        ("audit.end_not_written", None),
    ]


def test_every_route_that_changes_something_as_an_administrator_is_audited() -> None:
    """A new route that forgets it fails here."""
    audit_call = AuditDep.__metadata__[0].dependency
    audited = set()
    for route in chain.from_iterable(module.router.routes for module in ROUTERS):
        if not isinstance(route, APIRoute) or route.methods <= {"GET", "HEAD"}:
            continue
        calls = {dependency.call for dependency in route.dependant.dependencies}
        if any(isinstance(call, Needs) and call.role is not Role.READER for call in calls):
            assert audit_call in calls, f"{route.methods} {route.path} leaves no trail"
            audited.add(route.path)
    assert {"/v1/keys", "/v1/sources/{source_id}", "/v1/index/rollback"} <= audited
