"""What evaluations published: who may see which of it, and how it is handed out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.auth.key_records import Grant
from core.errors import InvalidRequest
from core.principal import AccessList
from core.roles import Role
from ingestion.catalog import published
from tests.unit.api.conftest import serving
from tests.unit.api.fakes import ADMIN_KEY, Stack, make_settings

pytestmark = pytest.mark.anyio

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
SHARE = {"value": 0.1, "low": 0.05, "high": 0.2}
SHARES = dict.fromkeys(("failed", "abstained", "unsupported", "thumbs_down", "cached"), SHARE)


@pytest.fixture
def stack(tmp_path: Path) -> Any:
    made = Stack(make_settings(tmp_path))
    yield made
    made.catalog.close()


def as_role(stack: Stack, role: Role, **grant: Any) -> dict[str, str]:
    _, key = stack.keys.create(role, Grant(roles=(role,), **grant))
    return {"Authorization": f"Bearer {key}"}


async def test_reports_are_for_administrators_alone_and_nothing_in_them_runs(stack: Stack) -> None:
    page = b"<script>alert(1)</script>24 weeks"
    made = stack.catalog.published.publish("answers", "asked", page)
    async with serving(stack) as client:
        for role in (Role.READER, Role.CURATOR, Role.REVIEWER, Role.AUDITOR):
            headers = as_role(stack, role, user="ann")
            assert (await client.get("/v1/evaluation/reports", headers=headers)).status_code == 403
            assert (await client.get(f"/v1/evaluation/reports/{made.id}", headers=headers)).status_code == 403
        assert (await client.get(f"/v1/evaluation/reports/{made.id}")).status_code == 401
        listed = (await client.get("/v1/evaluation/reports", headers=ADMIN)).json()["reports"]
        assert [(one["id"], one["name"]) for one in listed] == [(made.id, "asked")]
        found = await client.get(f"/v1/evaluation/reports/{made.id}", headers=ADMIN)
        assert found.content == page
        assert "default-src 'none'" in found.headers["content-security-policy"]
        assert found.headers["content-security-policy"].endswith("sandbox")
        assert found.headers["content-disposition"].startswith("attachment")
        assert found.headers["cache-control"] == "no-store"
        assert (await client.get("/v1/evaluation/reports/none", headers=ADMIN)).status_code == 404


async def test_weeks_are_for_reviewers_with_the_documents_that_they_may_read(stack: Stack) -> None:
    async with serving(stack) as client:
        reviewer = as_role(stack, Role.REVIEWER, user="ann", groups=("hr",))
        assert (await client.get("/v1/evaluation/drift", headers=reviewer)).json()["weeks"] == []
        stack.add_document("mine", AccessList(groups=frozenset({"hr"})))
        stack.add_document("hidden", AccessList(users=frozenset({"ida"})))
        changed = "2019-01-01T00:00:00Z"
        old = [{"document_id": one, "answers": 3, "changed": changed} for one in ("mine", "hidden", "gone")]
        weeks = [{"monday": "2026-03-02", "answers": 60, "p95_ms": 1200, **SHARES}]
        told = {"published_at": "2026-03-09T08:00:00Z", "weeks": weeks, "topics": None, "oldest": old}
        made = stack.catalog.published.publish("drift", "w", json.dumps(told).encode())
        found = (await client.get("/v1/evaluation/drift", headers=reviewer)).json()
        assert found["weeks"][0]["failed"] == SHARE
        assert [one["document_id"] for one in found["oldest"]] == ["mine"]
        assert (await client.get(f"/v1/evaluation/reports/{made.id}", headers=ADMIN)).status_code == 404
        for role in (Role.READER, Role.CURATOR):
            refused = await client.get("/v1/evaluation/drift", headers=as_role(stack, role, user="ida"))
            assert refused.status_code == 403
        shown = (await client.get("/metrics", headers=ADMIN)).text
        assert 'footnote_week_share_low{what="failed"} 0.05' in shown
        assert "footnote_week_p95_seconds 1.2" in shown


def test_the_latest_are_kept_and_too_large_ones_refused(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "KEPT", 2)
    store = stack.catalog.published
    store.publish("drift", "other", b"{}")
    made = [store.publish("answers", str(at), b"x").id for at in range(4)]
    assert [one.id for one in store.list("answers")] == [made[3], made[2]]
    assert store.latest("drift") == b"{}"
    monkeypatch.setattr(published, "MOST_BYTES", 3)
    with pytest.raises(InvalidRequest, match="Measure fewer questions"):
        store.publish("answers", "large", b"1234")
