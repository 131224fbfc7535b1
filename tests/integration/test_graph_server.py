"""The server that stands for Microsoft Graph answers in the shapes that Microsoft publishes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.servers.graph.entra import CLIENT_ID, SECRET
from tests.servers.graph.grants import for_group, for_person, for_site_group, link
from tests.servers.graph.server import GraphServer, serving
from tests.servers.graph.tenant import HOST, TENANT_ID, Tenant

SCHEMA = json.loads((Path(__file__).parents[1] / "servers" / "graph" / "schema.json").read_text())


def check(kind: str, value: Any) -> None:
    """It is what the type says, annotations aside, and holds nothing that the type hasn't."""
    jsonschema_rs.validate({**SCHEMA, "$ref": f"#/definitions/{kind}"}, plain(value))


def plain(value: Any) -> Any:
    """Without annotations, as ``@odata.type``."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items() if not key.startswith("@")}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@pytest.fixture
def server() -> Iterator[GraphServer]:
    """A tenant with one of everything."""
    tenant = Tenant()
    group = tenant.group("team", {"ann@example.com"})
    site = tenant.site("sites/team", "Team")
    site.permissions = [for_group(group), for_site_group(5, "Members")]
    drive = site.library("Documents")
    drive.put("a/b.txt", b"words", fields={"Dept": "HR"})
    drive.share(
        "a/b.txt", [for_person(tenant, "ann@example.com"), link("users", [for_person(tenant, "bob@example.com")])]
    )
    drive.put("gone.txt", b"gone")
    drive.delete("gone.txt")
    canvas = {"horizontalSections": [{"columns": [{"webparts": [{"innerHtml": "<p>a</p>"}]}]}]}
    site.put_page("Home.aspx", {"title": "Home", "canvasLayout": canvas})
    with serving(tenant) as one:
        yield one


@pytest.fixture
def client(server: GraphServer) -> Iterator[httpx.Client]:
    """A client with a token."""
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "scope": f"{server.base}/.default",
    }
    token = httpx.post(f"{server.base}/{TENANT_ID}/oauth2/v2.0/token", data=form, timeout=10).json()["access_token"]
    with httpx.Client(
        base_url=f"{server.base}/v1.0", headers={"authorization": f"Bearer {token}"}, timeout=10, trust_env=False
    ) as client:
        yield client


def test_objects_have_the_published_shapes(server: GraphServer, client: httpx.Client) -> None:
    site = client.get(f"/sites/{HOST}:/sites/team").json()
    check("Site", site)
    lists = client.get(f"/sites/{site['id']}/lists?$expand=drive").json()["value"]
    drives = client.get(f"/sites/{site['id']}/drives").json()["value"]
    assert (len(lists), len(drives)) == (2, 1)
    for one in lists:
        check("List", one)
    check("Drive", drives[0])
    drive = server.tenant.sites["sites/team"].library("Documents")
    base = f"/drives/{drive.id}"
    items = client.get(f"{base}/root/delta?token=new.0").json()["value"]
    assert any("deleted" in one for one in items)
    for one in items:
        check("DriveItem", one)
    item_id = drive.at("a/b.txt").id
    check("DriveItem", client.get(f"{base}/items/{item_id}").json())
    check("ListItem", client.get(f"{base}/items/{item_id}/listItem").json())
    told = client.get(f"{base}/items/{item_id}/permissions").json()["value"]
    told += client.get(f"{base}/root/permissions").json()["value"]
    assert len(told) == 4
    for one in told:
        check("Permission", one)
    page = client.get(f"/sites/{site['id']}/pages/microsoft.graph.sitePage").json()["value"][0]
    check("SitePage", page)
    check(
        "SitePage",
        client.get(f"/sites/{site['id']}/pages/{page['id']}/microsoft.graph.sitePage?$expand=canvasLayout").json(),
    )
    check("Group", client.get("/groups").json()["value"][0])
    for one in client.get("/users").json()["value"]:
        check("User", one)


def test_the_schema_refuses_what_the_types_do_not_have() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        check("DriveItem", {"id": "1", "nmae": "a"})
    with pytest.raises(jsonschema_rs.ValidationError):
        check("Permission", {"id": "1", "roles": "read"})


def test_the_feed_wants_its_preferences_together(server: GraphServer, client: httpx.Client) -> None:
    drive = server.tenant.sites["sites/team"].library("Documents")
    answer = client.get(f"/drives/{drive.id}/root/delta", headers={"prefer": "deltashowsharingchanges"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalidRequest")


def test_a_link_that_expired_is_410_with_a_fresh_one(server: GraphServer, client: httpx.Client) -> None:
    drive = server.tenant.sites["sites/team"].library("Documents")
    old = client.get(f"/drives/{drive.id}/root/delta").json()["@odata.deltaLink"]
    drive.expire()
    answer = client.get(old)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "resyncChangesApplyDifferences")
    assert client.get(answer.headers["location"]).json()["value"]


def test_a_batch_takes_20(client: httpx.Client) -> None:
    requests = [{"id": str(number), "method": "GET", "url": "/groups"} for number in range(21)]
    assert client.post("/$batch", json={"requests": requests}).status_code == 400
    answers = client.post("/$batch", json={"requests": requests[:20]}).json()["responses"]
    assert sorted(int(one["id"]) for one in answers) == list(range(20))


def test_without_a_good_token_nothing_is_told(server: GraphServer) -> None:
    for headers in ({}, {"authorization": "Bearer made-up"}):
        answer = httpx.get(f"{server.base}/v1.0/groups", headers=headers, timeout=10)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
