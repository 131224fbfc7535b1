"""How sources stand, over the API, and what administrators do with their runs."""

from __future__ import annotations

import re

import httpx
import pytest

from core.errors import StorageUnavailable
from ingestion.catalog.pauses import SOURCE
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio

FOLDER = {"kind": "folder", "name": "Secret merger", "config": {"path": "/docs"}}


@pytest.fixture
async def path(client: httpx.AsyncClient, admin: dict[str, str]) -> str:
    client.headers.update(admin)
    made = await client.post("/v1/sources", json=FOLDER)
    return f"/v1/sources/{made.json()['id']}"


async def test_a_source_says_how_it_stands(stack: Stack, client: httpx.AsyncClient, path: str) -> None:
    [source] = (await client.get("/v1/sources")).json()["sources"]
    assert (source["documents"], source["passages"], source["last_sync"], source["active"]) == ({}, 0, None, [])
    assert (source["lag_s"], source["oldest_pending_s"], source["waits"], source["weight"]) == (None, None, None, 1)
    run = (await client.post(f"{path}/sync?full=true")).json()
    assert (run["kind"], run["phase"], run["full"], run["plan"]) == ("sync", "listing", True, None)
    stack.catalog.pauses.begin(SOURCE, "The share is offline.", lambda _: 60, source["id"])
    shown = (await client.get(path)).json()
    assert (shown["last_sync"]["id"], [one["id"] for one in shown["active"]]) == (run["id"], [run["id"]])
    assert (shown["waits"]["reason"], shown["waits"]["tries"]) == ("The share is offline.", 1)
    assert shown["next_sync_at"] is None
    status = (await client.get("/v1/status")).json()
    assert [one["id"] for one in status["runs_in_progress"]] == [run["id"]]
    assert "ingestion waits: The share is offline." in status["degraded"]
    changed = await client.patch(path, json={"weight": 3})
    assert changed.json()["weight"] == 3
    assert (await client.patch(path, json={"weight": 0})).status_code == 422


async def test_what_is_done_with_runs_leaves_a_trail(stack: Stack, client: httpx.AsyncClient, path: str) -> None:
    planned = await client.post(f"{path}/sync?dry_run=true")
    assert (planned.status_code, planned.json()["kind"]) == (202, "plan")
    assert (await client.post(f"{path}/sync?dry_run=true")).status_code == 409
    assert (await client.post(f"{path}/sync?dry_run=true&confirm_delete=true")).status_code == 422
    assert (await client.post(f"{path}/cancel")).json()["runs"][0]["state"] == "cancelled"
    run = (await client.post(f"{path}/sync?confirm_delete=true")).json()
    assert stack.catalog.runs.get(run["id"]).confirmed
    assert (await client.post(f"{path}/pause")).json()["paused_at"] is not None
    refused = await client.post(f"{path}/sync")
    assert (refused.status_code, "is paused" in refused.json()["detail"]) == (409, True)
    assert (await client.post(f"{path}/resume")).json()["paused_at"] is None
    for what in ("cancel", "pause", "resume"):
        assert (await client.post(f"/v1/sources/absent/{what}")).status_code == 404
    entries = (await client.get("/v1/audit?action=source")).json()["events"]
    done = {entry["action"]: entry for entry in entries if entry["outcome"] == "done" and entry["object_id"]}
    assert {"source.cancel", "source.pause", "source.resume"} <= done.keys()
    assert {"confirm_delete": True} in [entry["detail"] for entry in entries if entry["action"] == "source.sync"]


async def test_metrics_tell_of_sources_without_their_names(
    stack: Stack, client: httpx.AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.post(f"{path}/sync")
    await client.post(f"{path}/pause")
    text = (await client.get("/metrics")).text
    labels = rf'kind="folder",source="{path.rsplit("/", 1)[1]}"'
    assert re.search(rf"footnote_source_paused{{{labels}}} 1.0", text)
    assert re.search(rf"footnote_source_answers{{{labels}}} 1.0", text)
    assert re.search(r'footnote_source_run_documents{kind="folder",outcome="seen",source="[0-9a-f]+"} 0.0', text)
    assert "footnote_http_seconds" in text
    assert "merger" not in text

    def down(*_: object) -> None:
        raise StorageUnavailable("The catalog doesn't answer.")

    monkeypatch.setattr(stack.catalog.standings, "list", down)
    response = await client.get("/metrics")
    assert (response.status_code, "footnote_http_seconds" in response.text) == (200, True)
    assert "footnote_source_paused{" not in response.text
