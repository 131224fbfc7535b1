"""Who may read what of Confluence, Cloud and Data Center, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from core.errors import NotFound
from core.principal import AccessList
from ingestion.connectors.port import Unreadable, Upsert
from tests.integration.confluence_sources import allowed, fetched, listed, memberships, only, small
from tests.servers.confluence import shapes
from tests.servers.confluence.server import Confluence, Fault, serving
from tests.servers.confluence.site import Content, Site


@pytest.fixture(params=[True, False], ids=["cloud", "data-center"])
def confluence(request: pytest.FixtureRequest) -> Iterator[Confluence]:
    with small(cloud=request.param) as served:
        yield served


def test_inherited_restrictions_are_an_intersection(confluence: Confluence) -> None:
    site = confluence.site
    site.user("zoe@example.com")
    top = site.add("page", "ENG", "Payroll")
    top.groups, top.users = {site.group("hr")}, {site.user("zoe@example.com")}
    page = site.add("page", "ENG", "Bonuses", parent=top.id)
    page.users = {site.user("bob@example.com"), site.user("eve@example.com"), site.user("zoe@example.com")}
    told, groups = only(confluence, page.id), memberships(confluence)
    # Zoe may not see the space, and Eve not the page above.
    assert allowed(site, told, groups) == {"bob@example.com"} == site.readers(page)
    site.groups["hr"].members.discard(site.user("bob@example.com"))
    assert only(confluence, page.id).revision == told.revision
    assert allowed(site, told, memberships(confluence)) == set()


def test_restrictions_change_the_revision_and_not_the_content(confluence: Confluence) -> None:
    site = confluence.site
    page = site.add("page", "ENG", "Plans", "<p>x</p>")
    open_to_all = only(confluence, page.id)
    page.groups = {site.group("hr")}
    restricted = only(confluence, page.id)
    assert restricted.revision != open_to_all.revision
    assert restricted.content_revision == open_to_all.content_revision
    assert restricted.acl != open_to_all.acl
    page.groups = set()
    assert only(confluence, page.id).revision == open_to_all.revision


def test_a_move_takes_the_restrictions_of_the_new_place(confluence: Confluence) -> None:
    site = confluence.site
    secret, page = site.add("page", "ENG", "Secret"), site.add("page", "ENG", "Plans", "<p>x</p>")
    secret.groups = {site.group("hr")}
    before = only(confluence, page.id)
    page.parent = secret.id
    after, groups = only(confluence, page.id), memberships(confluence)
    assert before.external_id == after.external_id
    assert allowed(site, before, groups) == {"ann@example.com", "bob@example.com", "eve@example.com"}
    assert allowed(site, after, groups) == {"ann@example.com", "bob@example.com"}
    assert b"Space ENG \xe2\x80\xba Secret \xe2\x80\xba Plans" in fetched(confluence, f"page/{page.id}")[1]
    assert before.content_revision != after.content_revision
    site.edit(page.id, title="Old plans")
    assert only(confluence, page.id).external_id == before.external_id


def test_what_is_binned_is_not_named_and_comes_back(confluence: Confluence) -> None:
    site = confluence.site
    page = site.add("page", "ENG", "Plans")
    before = listed(confluence)
    page.status = "trashed"
    assert listed(confluence) == {}
    with pytest.raises(NotFound):
        fetched(confluence, f"page/{page.id}")
    page.status = "current"
    assert listed(confluence) == before


def test_permissions_that_cant_be_read_hide(confluence: Confluence) -> None:
    site = confluence.site
    top = site.add("page", "ENG", "Top")
    below, beside = site.add("page", "ENG", "Below", parent=top.id), site.add("page", "ENG", "Beside")
    file = site.attach(below.id, "a.txt", b"a", "text/plain")
    top.withheld = True
    changes = listed(confluence)
    for hidden in (f"page/{top.id}", f"page/{below.id}", f"attachment/{file.id}"):
        told = changes[hidden]
        assert isinstance(told, Unreadable)
        assert told.acl is None
        assert top.id in told.reason
    assert isinstance(changes[f"page/{beside.id}"], Upsert)
    site.spaces["ENG"].withheld = True
    assert all(isinstance(told, Unreadable) and told.acl is None for told in listed(confluence).values())


def test_a_data_center_before_9_1_hides_and_says_why() -> None:
    site = Site(cloud=False)
    site.space("ENG", groups={site.group("all", "ann@example.com")})
    page = site.add("page", "ENG", "Plans")
    with serving(site) as confluence:
        confluence.faults.append(Fault(404, {}, "/permissions"))
        told = listed(confluence)[f"page/{page.id}"]
    assert isinstance(told, Unreadable)
    assert told.acl is None
    assert "9.1" in told.reason


def test_a_space_whose_readers_are_nobody_we_know_hides(confluence: Confluence) -> None:
    confluence.site.spaces["ENG"].groups = set()
    page = confluence.site.add("page", "ENG", "Plans")
    told = listed(confluence)[f"page/{page.id}"]
    assert isinstance(told, Unreadable)
    assert "ENG" in told.reason


def test_a_page_that_comes_without_its_place_hides(confluence: Confluence, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that passes over what was asked for must not lose the restrictions from above."""
    site = confluence.site
    folder = site.add("folder", "ENG", "Vault")
    page = site.add("page", "ENG", "Plans", parent=folder.id if site.cloud else None)
    folder.status = "trashed"
    whole = shapes.content

    def forgetful(site: Site, one: Content, expand: Sequence[str]) -> shapes.Json:
        return whole(site, one, [wanted for wanted in expand if wanted != "ancestors"])

    monkeypatch.setattr(shapes, "content", forgetful)
    told = listed(confluence)[f"page/{page.id}"]
    assert isinstance(told, Unreadable)
    assert told.acl is None


@pytest.mark.parametrize("indexed", [True, False])
def test_a_folder_above_a_page_restricts_it(indexed: bool) -> None:
    """Folders, which Cloud alone has, stand among no page's ancestors in v1."""
    site = Site(cloud=True)
    site.space("ENG", groups={site.group("all", "ann@example.com", "bob@example.com")})
    outer = site.add("folder", "ENG", "Vault")
    inner = site.add("folder", "ENG", "Drawer", parent=outer.id)
    page = site.add("page", "ENG", "Plans", "<p>x</p>", inner.id)
    outer.users = {site.user("ann@example.com")}
    if not indexed:
        site.unindexed = {outer.id, inner.id, page.id}
    with serving(site) as confluence:
        assert allowed(site, only(confluence, page.id), memberships(confluence)) == {"ann@example.com"}
        content = fetched(confluence, f"page/{page.id}")[1].decode()
        assert "Space ENG › Vault › Drawer › Plans" in content
        outer.withheld = True
        assert isinstance(listed(confluence)[f"page/{page.id}"], Unreadable)


def test_pages_that_clouds_search_lacks_are_listed_all_the_same() -> None:
    site = Site(cloud=True)
    site.space("ENG", groups={site.group("all", "ann@example.com", "bob@example.com")})
    page, post = site.add("page", "ENG", "Plans"), site.add("blogpost", "ENG", "News")
    page.users = {site.user("ann@example.com")}
    site.unindexed = {page.id, post.id}
    with serving(site) as confluence:
        told, groups = listed(confluence), memberships(confluence)
    assert allowed(site, told[f"page/{page.id}"], groups) == {"ann@example.com"}
    assert allowed(site, told[f"blogpost/{post.id}"], groups) == {"ann@example.com", "bob@example.com"}


def test_long_restrictions_are_read_to_their_end(confluence: Confluence) -> None:
    site = confluence.site
    page = site.add("page", "ENG", "Plans")
    many = [f"p{number}@example.com" for number in range(430)]
    page.users = {site.user(one) for one in many}
    site.spaces["ENG"].users |= page.users
    assert allowed(site, only(confluence, page.id), memberships(confluence)) == set(many)


def test_users_without_an_address_are_never_widened(confluence: Confluence) -> None:
    site = confluence.site
    page = site.add("page", "ENG", "Plans")
    hidden = site.user("hidden@example.com", visible=False)
    page.users = {hidden}
    site.spaces["ENG"].users = {hidden}
    assert (
        only(confluence, page.id).acl == AccessList()
        or allowed(site, only(confluence, page.id), memberships(confluence)) == set()
    )


def test_anonymous_readers_make_a_page_public() -> None:
    site = Site(cloud=False)
    site.space("PUB", anonymous=True)
    page = site.add("page", "PUB", "Welcome")
    secret = site.add("page", "PUB", "Secret")
    secret.users = {site.user("ann@example.com")}
    with serving(site) as confluence:
        assert only(confluence, page.id).acl == AccessList.everyone()
        assert only(confluence, secret.id).acl == AccessList(users=frozenset({"ann@example.com"}))


def test_data_centers_user_names_become_addresses_where_that_is_said() -> None:
    site = Site(cloud=False)
    site.space("ENG", groups={site.group("all", "ann@example.com")})
    ann = site.users[site.user("ann@example.com")]
    ann.visible = False
    with serving(site) as confluence:
        assert memberships(confluence)["src/all"] == frozenset()
        assert memberships(confluence, email_domain="Example.com")["src/all"] == {"ann@example.com"}
