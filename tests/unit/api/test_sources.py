"""Sources, runs, failures and the service's status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from core.errors import IndexUnavailable, SourceRefuses, SourceUnavailable, Unavailable
from core.principal import AccessList
from ingestion.connectors.port import Withheld
from ingestion.service import build_ingestion
from ingestion.source_keys import read_keys
from ingestion.source_secrets import MASK, SourceSecrets
from tests.secretive_source import KIND, SECRETS, config, secretive
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import Stack, make_settings

__all__ = ["secretive"]

pytestmark = pytest.mark.anyio

NOTHING = {"failures": [], "total": 0, "warnings": [], "total_warnings": 0}
FOLDER = {"kind": "folder", "name": "Handbook", "config": {"path": "/docs"}}


async def test_a_source_lives(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    client.headers.update(admin)
    response = await client.post("/v1/sources?sync=true", json={**FOLDER, "interval_s": 3600})
    assert response.status_code == 201
    source = response.json()
    assert source["run"]["state"] == "running"
    assert source["config"] == {"path": "/docs"}
    path = f"/v1/sources/{source['id']}"
    stack.add_document("d1", AccessList.everyone())
    assert (await client.get(path)).json()["documents"] == {"indexed": 1}
    assert [s["name"] for s in (await client.get("/v1/sources")).json()["sources"]] == ["Handbook"]
    changed = await client.patch(path, json={"name": "Manual", "enabled": False})
    assert (changed.json()["name"], changed.json()["enabled"]) == ("Manual", False)
    again = await client.post(f"{path}/sync")
    assert (again.status_code, again.json()["id"]) == (202, source["run"]["id"])
    assert [run["id"] for run in (await client.get(f"{path}/runs")).json()["runs"]] == [source["run"]["id"]]
    assert (await client.get(f"{path}/failures")).json() == NOTHING
    assert (await client.get("/v1/failures?limit=5&offset=1")).json() == NOTHING
    assert (await client.post("/v1/failures/retry")).json() == {"retried": 3}
    assert (await client.delete(path)).status_code == 202
    assert stack.ingestion.deleted == [source["id"]]


async def test_a_failure_says_all_that_is_known_of_it(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    client.headers.update(admin)
    source = (await client.post("/v1/sources", json=FOLDER)).json()
    for name in ("a.pdf", "b.pdf"):
        stack.fail_document(source["id"], name, "its sidecar is not YAML")
    found = (await client.get("/v1/failures?limit=1")).json()
    assert (found["total"], len(found["failures"])) == (2, 1)
    assert (await client.get(f"/v1/sources/{source['id']}/failures?offset=1")).json()["total"] == 2
    [failure] = found["failures"]
    names = ("external_id", "stage", "error_class", "message", "retryable", "attempts")
    assert [failure[name] for name in names[1:]] == ["list", "UnreadableDocument", "its sidecar is not YAML", False, 1]
    assert failure["external_id"] in ("a.pdf", "b.pdf")
    assert failure["document_id"]
    assert failure["first_seen"] == failure["last_seen"]


async def test_one_failed_document_is_tried_again(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    client.headers.update(admin)
    source = (await client.post("/v1/sources", json=FOLDER)).json()
    stack.fail_document(source["id"], "a.pdf", "its sidecar is not YAML")
    path = "/v1/failures/retry"
    assert (await client.post(path, params={"document_id": "a.pdf"})).json() == {"retried": 1}
    assert (await client.post(path, params={"document_id": "b.pdf"})).status_code == 404
    both = await client.post(path, params={"document_id": "a.pdf", "source_id": source["id"]})
    assert (both.status_code, both.json()["detail"]) == (422, "Give source_id or document_id, not both.")


async def test_without_sync_there_is_no_run(client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    assert (await client.post("/v1/sources", json=FOLDER, headers=admin)).json()["run"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**FOLDER, "nmae": "x"}, "nmae"),
        ({**FOLDER, "interval_s": 5}, "interval_s"),
        ({"kind": "folder", "name": "x"}, "config"),
        ({**FOLDER, "name": ""}, "name"),
    ],
)
async def test_bad_sources(
    client: httpx.AsyncClient, admin: dict[str, str], body: dict[str, object], field: str
) -> None:
    response = await client.post("/v1/sources", json=body, headers=admin)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field


async def test_errors_of_ingestion(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    client.headers.update(admin)
    assert "Kinds are" in (await client.post("/v1/sources", json={**FOLDER, "kind": "ftp"})).json()["detail"]
    source = (await client.post("/v1/sources", json=FOLDER)).json()
    assert (await client.post("/v1/sources", json=FOLDER)).status_code == 409
    assert (await client.patch(f"/v1/sources/{source['id']}", json={})).status_code == 422
    for path in ("/v1/sources/absent", "/v1/sources/absent/runs", "/v1/sources/absent/failures"):
        assert (await client.get(path)).status_code == 404
    stack.ingestion.down = True
    response = await client.post(f"/v1/sources/{source['id']}/sync")
    assert (response.status_code, response.json()["type"]) == (503, "urn:footnote:problem:broker-unavailable")


async def test_status(stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]) -> None:
    client.headers.update(admin)
    await client.post("/v1/sources?sync=true", json=FOLDER)
    stack.add_document("d1", AccessList.everyone())
    body = (await client.get("/v1/status")).json()
    assert (body["documents"], body["chunks"], body["index_generation"], body["sources"]) == (
        {"indexed": 1},
        7,
        "g1",
        1,
    )
    assert len(body["runs_in_progress"]) == 1
    stack.index.down = IndexUnavailable("It is down.")
    body = (await client.get("/v1/status")).json()
    assert (body["chunks"], body["degraded"]) == (None, ["index: It is down."])


async def test_warnings_stand_beside_the_failures(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    client.headers.update(admin)
    source = (await client.post("/v1/sources?sync=true", json=FOLDER)).json()
    withheld = [Withheld("id_rsa", "a private SSH key"), Withheld("data/", "data of Footnote")]
    stack.catalog.warnings.withhold(source["id"], source["run"]["id"], withheld)
    found = (await client.get(f"/v1/sources/{source['id']}/failures?limit=1")).json()
    assert (found["failures"], found["total"], found["total_warnings"]) == ([], 0, 2)
    [warning] = found["warnings"]
    assert warning["withheld"]
    assert {
        warning["external_id"],
        (await client.get("/v1/failures?offset=1")).json()["warnings"][0]["external_id"],
    } == {
        "id_rsa",
        "data/",
    }
    [run] = (await client.get(f"/v1/sources/{source['id']}/runs")).json()["runs"]
    assert run["warned"] == 2


@pytest.mark.usefixtures("secretive")
async def test_answers_show_no_secret_and_a_mask_keeps_it(tmp_path: Path, admin: dict[str, str]) -> None:
    stack = Stack(make_settings(tmp_path))
    stack.ingestion = build_ingestion(stack.settings)  # type: ignore[assignment]
    asked: list[str] = []

    async def ask(method: str, path: str, body: object = None) -> httpx.Response:
        answer = await client.request(method, path, json=body, headers=admin)
        asked.append(answer.text)
        return answer

    with capture_logs() as logs:
        async with serving(stack) as client:
            made = await ask("POST", "/v1/sources?check=false", {"kind": KIND, "name": "Wiki", "config": config()})
            assert made.json()["config"]["token"] == MASK
            path = f"/v1/sources/{made.json()['id']}"
            await ask("GET", path)
            await ask("GET", "/v1/sources")
            changed = await ask("PATCH", f"{path}?check=false", {"config": {**made.json()["config"], "count": 3}})
            assert changed.status_code == 200
            wrong: dict[str, Any]
            for wrong in ({"token": 5}, {"count": "right-token"}, {"other": "right-token"}, {"base_url": []}):
                refused = await ask("PATCH", path, {"config": config(**wrong)})
                assert refused.status_code == 422
            refused = await ask("POST", "/v1/sources", {"kind": KIND, "config": config()})
            assert refused.status_code == 422
            assert (await ask("POST", "/v1/sources/rotate-secrets")).json() == {"renewed": 0}
            events = (await ask("GET", "/v1/audit?action=source")).json()["events"]
    detail = {event["action"]: event["detail"] for event in reversed(events) if event["outcome"] == "done"}
    assert detail["source.change"] == {"changed": ["config.count"]}
    [source] = stack.catalog.sources.list()
    assert SourceSecrets(lambda: read_keys(stack.settings)).open(source.config, source.id) == config(count=3)
    said = "\n".join(asked) + repr(logs)
    assert not [secret for secret in SECRETS if secret in said]
    stack.catalog.close()


async def test_settings_are_tried_out_before_they_are_taken(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    client.headers.update(admin)
    found = [{"uri": "file:///docs/a.md", "title": "A", "readers": ["public"], "fault": None}]
    made = (await client.post("/v1/sources", json=FOLDER)).json()
    assert made["documents_found"] == found
    path = f"/v1/sources/{made['id']}"
    assert (await client.patch(path, json={"name": "Manual"})).json()["documents_found"] is None
    changed = await client.patch(path, json={"config": {"path": "/other"}}, params={"documents": 0})
    assert changed.json()["documents_found"] == []
    tried = (await client.post("/v1/sources/check", json={"source_id": made["id"]})).json()
    assert tried == {"reachable": True, "let_in": True, "reason": None, "documents": found}
    assert [(kind, source, items) for kind, _, source, items in stack.ingestion.checked] == [
        ("folder", None, 5),
        (None, made["id"], 0),
        (None, made["id"], 5),
    ]
    for error, status, reachable, let_in in (
        (SourceRefuses("The token is wrong."), 422, True, False),
        (SourceUnavailable("It doesn't answer."), 503, False, None),
    ):
        stack.ingestion.check_fails = error
        tried = (await client.post("/v1/sources/check", json={"kind": "folder", "config": {}})).json()
        assert tried == {"reachable": reachable, "let_in": let_in, "reason": error.message, "documents": []}
        refused = await client.post("/v1/sources", json={**FOLDER, "name": "Other"})
        assert (refused.status_code, refused.json()["detail"]) == (status, error.message)
        assert (await client.patch(path, json={"config": {"path": "/third"}})).status_code == status
    assert (await client.get(path)).json()["config"] == {"path": "/other"}
    assert (await client.post("/v1/sources?check=false", json={**FOLDER, "name": "Other"})).status_code == 201
    stack.ingestion.check_fails = Unavailable("No worker took the check on.")
    assert (await client.post("/v1/sources/check", json={"kind": "folder", "config": {}})).status_code == 503


async def test_only_administrators_try_settings_out(client: httpx.AsyncClient) -> None:
    for path in ("/v1/sources/check", "/v1/sources/rotate-secrets"):
        assert (await client.post(path, json={"kind": "folder", "config": {}})).status_code == 401
