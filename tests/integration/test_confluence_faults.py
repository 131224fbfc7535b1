"""Confluence when it throttles, fails, forgets us, changes under a listing, or loses a space."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.errors import SourceRefuses, SourceUnavailable
from ingestion.connectors.port import Page, Unreadable, Upsert
from tests.integration.confluence_sources import (
    Notes,
    connector,
    external_id,
    fetched,
    listed,
    memberships,
    pages_of,
)
from tests.servers.confluence.server import Confluence, Fault, serving
from tests.servers.confluence.site import Site

LATER = {"Retry-After": "0"}


@pytest.fixture(params=[True, False], ids=["cloud", "data-center"])
def confluence(request: pytest.FixtureRequest) -> Iterator[Confluence]:
    site = Site(cloud=request.param)
    everybody = site.group("all", "ann@example.com")
    for key in ("A", "B", "C"):
        site.space(key, groups={everybody})
        for number in range(3):
            site.add("page", key, f"{key}{number}", f"<p>{key}{number}</p>")
    with serving(site) as served:
        yield served


def read(pages: Iterator[Page], into: list[Page]) -> None:
    for page in pages:
        into.append(page)


def test_it_waits_as_it_is_told_and_comes_back(confluence: Confluence) -> None:
    calm = listed(confluence)
    confluence.faults.extend([Fault(429, LATER), Fault(503, LATER), Fault(503, LATER), Fault(502, LATER)])
    confluence.faults.append(Fault(429, LATER, "search"))
    assert listed(confluence, comments=True) == calm
    assert not confluence.faults


def test_it_gives_up_on_a_confluence_that_stays_busy(confluence: Confluence) -> None:
    confluence.faults.extend([Fault(503, LATER)] * 50)
    with pytest.raises(SourceUnavailable):
        listed(confluence)


def test_a_wrong_token_is_refused_with_the_way_out(confluence: Confluence) -> None:
    for anonymous in (False, True):
        confluence.anonymous = anonymous
        with pytest.raises(SourceRefuses, match=r"token is wrong or has expired.*Make a new one") as refused:
            listed(confluence, token="wrong-token")
        assert "wrong-token" not in str(refused.value)
        with pytest.raises(SourceRefuses):
            memberships(confluence, token="wrong-token")


@pytest.mark.parametrize("anonymous", [False, True])
def test_a_token_that_expires_midway_deletes_nothing_and_the_next_one_goes_on(
    confluence: Confluence, anonymous: bool
) -> None:
    whole = listed(confluence)
    confluence.anonymous = anonymous
    opened, pages = connector(confluence), list[Page]()

    def expire(path: str) -> None:
        if pages and pages[-1].cursor == {"done": "A"}:
            confluence.tokens.clear()

    confluence.before = expire
    with pytest.raises(SourceRefuses, match="expired"):
        read(opened.changes({}, Notes()), pages)
    opened.close()
    confluence.before = lambda _: None
    confluence.tokens.add("new-token")
    assert not any(page.complete for page in pages)
    rest = pages_of(confluence, pages[-1].cursor, token="new-token")
    assert rest[-1].complete
    told = {change.external_id: change for page in (*pages, *rest) for change in page.changes}
    assert told == whole
    assert all(isinstance(change, Upsert) for change in told.values())


def test_a_listing_goes_on_behind_the_last_whole_space(confluence: Confluence) -> None:
    pages = pages_of(confluence)
    done = [page.cursor for page in pages].index({"done": "B"})
    confluence.asked.clear()
    rest = pages_of(confluence, pages[done].cursor)
    assert {change.external_id for page in rest for change in page.changes} == {
        external_id(confluence.site, one.id) for one in confluence.site.content.values() if one.space == "C"
    }


def test_a_space_that_went_is_named_and_hidden_and_the_others_are_listed(confluence: Confluence) -> None:
    notes = {
        change.external_id: change.note or {} for change in listed(confluence).values() if isinstance(change, Upsert)
    }
    del confluence.site.spaces["B"]
    opened, pages = connector(confluence, spaces=["A", "B"]), list[Page]()
    with pytest.raises(SourceRefuses, match="no space B"):
        read(opened.changes({}, Notes(notes)), pages)
    opened.close()
    assert not any(page.complete for page in pages)
    told = {change.external_id: change for page in pages for change in page.changes}
    spaces = {external_id(confluence.site, one.id): one.space for one in confluence.site.content.values()}
    hidden = {name for name, change in told.items() if isinstance(change, Unreadable) and change.acl is None}
    assert hidden == {name for name, space in spaces.items() if space == "B"}
    assert set(told) - hidden == {name for name, space in spaces.items() if space == "A"}


def test_nothing_is_passed_over_when_pages_go_while_it_lists() -> None:
    site = Site(cloud=False)
    site.space("A", groups={site.group("all", "ann@example.com")})
    posts = [site.add("blogpost", "A", f"Post {number}") for number in range(450)]
    doomed = iter([posts[:30], posts[30:40], []])
    with serving(site) as confluence:

        def bin_some(path: str) -> None:
            if path.endswith("/rest/api/content"):
                for post in next(doomed, []) if confluence.asked.count(path) > 1 else []:
                    post.status = "trashed"

        confluence.before = bin_some
        told = listed(confluence)
    assert {f"blogpost/{post.id}" for post in posts[40:]} <= set(told)


def test_links_to_the_next_page_never_lead_elsewhere(confluence: Confluence) -> None:
    """The token goes to the host that was configured, whatever an answer says its address is."""
    confluence.routes.url = "http://attacker.invalid/wiki"
    site = confluence.site
    for number in range(450):
        site.add("page", "A", f"More {number}")
    assert len(listed(confluence)) == 459


def test_an_answer_that_is_no_json_says_so(confluence: Confluence) -> None:
    page = next(iter(confluence.site.content))
    confluence.faults.append(Fault(200, {"Content-Type": "text/html"}, "/content"))
    confluence.fault_body = b"<html>maintenance</html>"
    with pytest.raises(SourceUnavailable, match="JSON"):
        listed(confluence)
    confluence.faults.append(Fault(200, {"Content-Type": "text/html"}, page))
    with pytest.raises(SourceUnavailable, match="JSON"):
        fetched(confluence, f"page/{page}")


def test_a_right_that_is_missing_leads_to_the_docs(confluence: Confluence) -> None:
    confluence.faults.append(Fault(403, {}, "/group"))
    with pytest.raises(SourceRefuses, match=r"docs/connectors/confluence\.md"):
        memberships(confluence)
