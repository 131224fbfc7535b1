"""The Confluence of the tests answers in the shapes that a client's published schemas and a real client expect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.servers.confluence import server
from tests.servers.confluence.cql import BadQuery, parse
from tests.servers.confluence.server import EMAIL, TOKEN, Confluence, serving
from tests.servers.confluence.site import Site, generated

SCHEMAS = json.loads((Path(server.__file__).parent / "schemas.json").read_text())
EVERYTHING = (
    "version,history,space,ancestors,container,metadata.labels,body.storage,"
    "restrictions.read.restrictions.user,restrictions.read.restrictions.group"
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Confluence]:
    site = generated(4, 120, cloud=True)
    page = next(one for one in site.content.values() if one.type == "page")
    page.users = {site.user("person1@example.com"), site.user("shy@example.com", visible=False)}
    site.add("comment", page.space, "Re", "<p>x</p>", page.id)
    with serving(site) as confluence:
        yield confluence


def ask(confluence: Confluence, path: str, **params: Any) -> Any:
    answer = httpx.get(confluence.url + path, params=params, auth=(EMAIL, TOKEN), timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def some(confluence: Confluence, kind: str) -> str:
    return next(one.id for one in confluence.site.content.values() if one.type == kind)


def check(schema: str, answer: Any) -> None:
    told = [error.message for error in jsonschema_rs.validator_for(SCHEMAS[schema]).iter_errors(answer)]
    assert told == []


@pytest.mark.parametrize("kinds", ["page", "blogpost", "attachment", "comment"])
def test_searches_have_the_published_shape(cloud: Confluence, kinds: str) -> None:
    answer = ask(cloud, "/rest/api/content/search", cql=f"type in ({kinds})", expand=EVERYTHING, limit=50)
    assert answer["results"]
    check("v1.ContentArray", answer)


def test_the_rest_of_cloud_has_the_published_shape(cloud: Confluence) -> None:
    space = next(iter(cloud.site.spaces.values()))
    group = cloud.site.groups["team-0"].id
    people = ",".join(list(cloud.site.users)[:3])
    page = next(one.id for one in cloud.site.content.values() if one.users)
    check("v1.ContentRestriction", ask(cloud, f"/rest/api/content/{page}/restriction/byOperation/read"))
    check("v1.ContentArray", ask(cloud, f"/rest/api/content/{page}/descendant/comment", expand="body.storage,history"))
    check("v1.GroupArrayWithLinks", ask(cloud, "/rest/api/group"))
    check("v1.UserArray", ask(cloud, f"/rest/api/group/{group}/membersByGroupId"))
    check("v1.BulkUserLookupArray", ask(cloud, "/rest/api/user/bulk", accountId=people))
    check("v2.Spaces", ask(cloud, "/api/v2/spaces"))
    check("v2.SpacePermissionsAssignments", ask(cloud, f"/api/v2/spaces/{space.id}/permissions"))
    check("v2.Page", ask(cloud, f"/api/v2/pages/{page}", **{"body-format": "storage"}))
    check("v2.BlogPost", ask(cloud, f"/api/v2/blogposts/{some(cloud, 'blogpost')}"))
    check("v2.Attachment", ask(cloud, f"/api/v2/attachments/{some(cloud, 'attachment')}"))


def test_the_schemas_refuse_what_is_wrong() -> None:
    with pytest.raises(AssertionError):
        check("v1.ContentArray", {"results": [{"id": 7, "type": "page", "status": "current"}], "size": 1, "_links": {}})
    with pytest.raises(AssertionError):
        check("v1.GroupArrayWithLinks", {"results": [], "size": 0})


def test_a_real_client_reads_data_center() -> None:
    """https://pypi.org/project/atlassian-python-api/, as people use it."""
    from atlassian import Confluence as AtlassianClient

    site = Site(cloud=False)
    site.space("ENG", groups={site.group("all", *(f"p{number}@example.com" for number in range(250)))})
    pages = [site.add("page", "ENG", f"Page {number}", f"<p>{number}</p>") for number in range(60)]
    with serving(site) as confluence:
        client: Any = AtlassianClient(url=confluence.url, token=TOKEN, cloud=False)
        told = client.get_page_by_id(pages[3].id, expand="body.storage,space,version")
        assert told["body"]["storage"]["value"] == "<p>3</p>"
        assert told["space"]["key"] == "ENG"
        found = client.get("rest/api/content/search", params={"cql": "space = ENG and title = 'Page 7'"})
        assert len(found["results"]) == 1
        listing = list(client.get_all_pages_from_space("ENG", limit=25))
        assert [page["title"] for page in listing] == [f"Page {number}" for number in range(60)]
        assert {space["key"] for space in client.get_all_spaces()["results"]} == {"ENG"}
        members = client.get_group_members("all", start=200, limit=200)
        assert len(members["results"]) == 50


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ('space = "B\\"C" order by title desc', ["Beta", "Alpha"]),
        ("type = page and not (title ~ alph or label = x)", ["Gamma"]),
        ("type in (page, comment) and space not in (A)", ["Alpha"]),
        ('lastmodified >= "2024-01-01 00:00" and lastmodified < 2024-01-02 and title != Beta', ["Alpha", "Gamma"]),
        ("lastmodified > 2024/01/02", []),
    ],
)
def test_queries_are_understood(query: str, titles: list[str]) -> None:
    site = Site(cloud=True)
    site.space('B"C')
    site.space("A")
    site.add("page", 'B"C', "Alpha")
    site.add("blogpost", 'B"C', "Beta").labels = ["x"]
    site.add("page", "A", "Gamma")
    assert [one.title for one in parse(query).run(site)] == titles


@pytest.mark.parametrize(
    "query", ["space", "space =", "colour = red", "type in page", "space = A and", "order by colour", "type = A B", '"']
)
def test_queries_that_are_none_are_refused(query: str) -> None:
    with pytest.raises(BadQuery):
        parse(query)
