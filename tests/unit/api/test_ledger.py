"""Documents as curators see them: their lives, and why a question finds them; no text, and nothing for readers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.auth.key_records import Grant
from core.errors import IndexUnavailable
from core.principal import AccessList
from core.roles import Role
from ingestion.connectors.port import Membership
from tests.unit.api.fakes import Stack

pytestmark = pytest.mark.anyio

HR = AccessList(users=frozenset({"zoe"}), groups=frozenset({"hr"}))
WHY = {"question": "How much leave?"}


@pytest.fixture(autouse=True)
def _documents(stack: Stack) -> None:
    stack.add_document(
        "d1", HR, facts={"title": "Leave", "department": "HR", "origins": {"department": "front matter"}}
    )
    stack.add_document("d2", AccessList.everyone(), state="failed", content_hash=None)


def bearer(stack: Stack, *roles: Role, **grant: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.keys.create('key', Grant(roles=roles, **grant))[1]}"}


async def actions(stack: Stack) -> list[tuple[str, str, dict[str, Any]]]:
    stack.audit.flush()
    return [(event.action, event.outcome, dict(event.detail)) for event in stack.catalog.audit.list(100)]


async def test_a_life_tells_names_facts_and_readers_and_no_text(stack: Stack, client: httpx.AsyncClient) -> None:
    curator = bearer(stack, Role.CURATOR)
    told = (await client.get("/v1/ledger/d1", headers=curator)).json()
    assert [reader["term"] for reader in told["readers"]] == ["group:hr", "user:zoe"]
    assert (told["metadata"]["department"], told["origins"]["department"]) == ("HR", "front matter")
    assert told["index"] == {"versions": {"2": 3}, "terms": ["group:hr"]}
    assert [passage["ordinal"] for passage in told["passages"]] == [0]
    assert "First words" not in str(told)
    assert "Heading" not in str(told)
    assert (await client.get("/v1/documents/d1/text", headers=curator)).status_code == 403
    assert ("document.inspect", "done", {}) in await actions(stack)


async def test_who_may_read_it_and_through_what(stack: Stack, client: httpx.AsyncClient) -> None:
    source = stack.catalog.sources.list()[0].id
    stack.catalog.membership_syncs.want(source)
    claim = stack.catalog.membership_syncs.claim(source, "worker", 60, 3600)
    assert claim is not None
    group = f"{source}/Board"
    stack.catalog.memberships.enter(claim, [Membership(group, frozenset({"ann@example.com"}))])
    stack.add_document("d3", AccessList(groups=frozenset({group})))
    curator = bearer(stack, Role.CURATOR)
    asked = {"user": "Ann@Example.com", "group": ["it", "staff"]}
    told = (await client.get("/v1/ledger/d3", params=asked, headers=curator)).json()
    assert told["readers"] == [{"term": f"group:{group}", "source_id": source, "members": 1}]
    assert told["reader"]["opened_by"] == [f"group:{group}"]
    assert (await client.get("/v1/ledger/d1", params=asked, headers=curator)).json()["reader"]["opened_by"] == []
    claimed = await client.get("/v1/ledger/d3", params={"group": group}, headers=curator)
    assert claimed.status_code == 422
    assert "its source alone says" in claimed.json()["detail"]


async def test_a_failed_one_and_an_index_that_is_down(stack: Stack, client: httpx.AsyncClient) -> None:
    source = stack.catalog.sources.list()[0].id
    stack.fail_document(source, "broken.pdf", "It has no pages.")
    stack.index.down = IndexUnavailable("no answer")
    curator = bearer(stack, Role.CURATOR)
    [found] = (await client.get("/v1/ledger", params={"named": "broken.pdf"}, headers=curator)).json()["documents"]
    told = (await client.get(f"/v1/ledger/{found['document_id']}", headers=curator)).json()
    assert told["failure"]["message"] == "It has no pages."
    assert (told["index"], told["degraded"], told["passages"]) == (None, ["index: no answer"], [])


async def test_documents_are_found_by_name(stack: Stack, client: httpx.AsyncClient) -> None:
    curator, source = bearer(stack, Role.CURATOR), stack.catalog.sources.list()[0].id

    async def names(**wanted: Any) -> list[str]:
        found = (await client.get("/v1/ledger", params=wanted, headers=curator)).json()
        return [document["document_id"] for document in found["documents"]]

    assert await names(source_id=source) == ["d1", "d2"]
    assert await names(source_id=source, contains="D2.H") == ["d2"]
    assert await names(source_id=source, contains="_") == []
    assert await names(source_id=source, state="failed") == ["d2"]
    assert await names(named="d1") == ["d1"]
    assert await names(source_id=source, limit=1) == ["d1"]
    assert (await client.get("/v1/ledger", headers=curator)).status_code == 422


async def test_why_is_a_search_of_the_caller_s_own(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    both = bearer(stack, Role.CURATOR, Role.READER, user="zoe")
    told = (await client.post("/v1/ledger/d1/why", json=WHY, headers=both)).json()
    assert (told["verdict"], told["reader"]["opened_by"]) == ("given", ["user:zoe"])
    [passage] = told["passages"]
    assert (passage["ranks"], passage["place"]) == ({"lexical": 1, "vector": 40, "fused": 3}, 3)
    assert set(passage["scores"].values()) == {None}
    assert stack.retriever.asked["principal"].user == "zoe"
    scored = (await client.post("/v1/ledger/d1/why", json=WHY, headers=admin)).json()
    assert scored["passages"][0]["scores"]["lexical"] == 7.5
    done = [
        detail for action, outcome, detail in await actions(stack) if (action, outcome) == ("document.explain", "done")
    ]
    assert len(done) == 2
    assert set(done[0]) == {"question_hash"}


async def test_why_for_somebody_else_needs_the_right_to_act(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    named = {**WHY, "reader": {"user": "ida", "groups": ["hr"]}}
    refused = await client.post("/v1/ledger/d1/why", json=named, headers=bearer(stack, Role.CURATOR, Role.READER))
    assert (refused.status_code, "keys create --act" in refused.json()["detail"]) == (403, True)
    acting = bearer(stack, Role.CURATOR, Role.READER, may_act=True)
    told = (await client.post("/v1/ledger/d1/why", json=named, headers=acting)).json()
    assert told["reader"]["opened_by"] == ["group:hr"]
    assert stack.retriever.asked["principal"].user == "ida"
    shown = (await client.post("/v1/ledger/d1/why", json=named, headers=admin)).json()
    assert set(shown["passages"][0]["scores"].values()) == {None}
    [*_, detail] = [detail for action, _, detail in await actions(stack) if action == "document.explain"]
    assert (detail["user"], detail["groups"]) == ("ida", ["hr"])


@pytest.mark.parametrize("roles", [(Role.READER,), (Role.REVIEWER, Role.READER), (Role.AUDITOR,)])
async def test_it_is_for_curators_alone(stack: Stack, client: httpx.AsyncClient, roles: tuple[Role, ...]) -> None:
    headers = bearer(stack, *roles, user="zoe", may_act=True)
    for path in ("/v1/ledger?named=d1", "/v1/ledger/d1", "/v1/ledger/nothing", "/v1/sources/kinds/folder"):
        assert (await client.get(path, headers=headers)).status_code == 403
    assert (await client.post("/v1/ledger/d1/why", json=WHY, headers=headers)).status_code == 403
    assert (await client.post("/v1/ledger/d1/why", json=WHY)).status_code == 401
    assert stack.retriever.asked == {}


async def test_why_needs_a_reader_s_role_too_and_acting_has_no_curator_s(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    alone = await client.post("/v1/ledger/d1/why", json=WHY, headers=bearer(stack, Role.CURATOR, user="zoe"))
    assert (alone.status_code, "role reader" in alone.json()["detail"]) == (403, True)
    gateway = {**bearer(stack, Role.CURATOR, Role.READER, may_act=True), "X-Footnote-User": "ida"}
    assert (await client.post("/v1/ledger/d1/why", json=WHY, headers=gateway)).status_code == 403
    assert (await client.get("/v1/ledger/d1", headers=gateway)).status_code == 403


async def test_the_settings_of_a_kind_describe_themselves(stack: Stack, client: httpx.AsyncClient) -> None:
    curator = bearer(stack, Role.CURATOR)
    assert "folder" in (await client.get("/v1/sources/kinds", headers=curator)).json()["kinds"]
    config = (await client.get("/v1/sources/kinds/confluence", headers=curator)).json()["config"]
    assert config["properties"]["token"]["writeOnly"] is True
    assert config["properties"]["token"]["description"].startswith("Cloud: an API token.")
    assert config["properties"]["blogs"]["description"] == config["properties"]["comments"]["description"]
    assert config["required"] == ["base_url", "token"]
    rows = (await client.get("/v1/sources/kinds/sql", headers=curator)).json()["config"]["properties"]
    assert [name for name, one in rows.items() if "contentMediaType" in one] == ["query", "template"]  # several lines
    assert (await client.get("/v1/sources/kinds/floppy", headers=curator)).status_code == 404


async def test_limits_and_roles_are_told_to_administrators(
    stack: Stack, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    told = (await client.get("/v1/limits", headers=admin)).json()
    assert told["key"] == {"requests_per_minute": 0, "at_once": 0, "streams": 0, "tokens_per_day": 0}
    assert (await client.get("/v1/roles", headers=admin)).json() == {"roles": list(Role), "providers": []}
    for path in ("/v1/limits", "/v1/roles"):
        assert (await client.get(path, headers=bearer(stack, Role.CURATOR, Role.AUDITOR))).status_code == 403
