"""SharePoint, against a server that answers as Microsoft Graph does: what is listed, read and asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.errors import DocumentTooLarge, NotFound, SourceRefuses, UnreadableDocument
from ingestion.connectors.port import Delete, Unreadable, Upsert
from tests.integration.sharepoint_following import Followed, open_source, truth
from tests.scale import sized
from tests.servers.graph.generated import generate
from tests.servers.graph.grants import for_group, for_login, for_person
from tests.servers.graph.server import Fault, GraphServer, serving
from tests.servers.graph.tenant import Drive, Tenant
from tests.servers.graph.wire import Answer

ITEMS = sized(20_000, 3_000)
ANN, BOB = "ann@example.com", "bob@example.com"
CANVAS = {"horizontalSections": [{"columns": [{"webparts": [{"innerHtml": "<p>The harbour opens at six.</p>"}]}]}]}


class Bytes:
    """Where a document's bytes go."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, piece: bytes, /) -> None:
        self.content += piece


@pytest.fixture
def tenant() -> Tenant:
    """A site whose library has files at its top, in a folder and in one within."""
    tenant = Tenant()
    site = tenant.site("sites/team", "Team")
    site.permissions = [for_group(tenant.group("team", {ANN}), "write")]
    for path in ("top.txt", "hr/pay.txt", "hr/rules/leave.txt", "hr/rules/sick.txt", "it/vpn.txt"):
        site.library("Documents").put(path, f"words of {path}".encode())
    return tenant


@pytest.fixture
def drive(tenant: Tenant) -> Drive:
    """Its library."""
    return tenant.sites["sites/team"].library("Documents")


@pytest.fixture
def server(tenant: Tenant) -> Iterator[GraphServer]:
    """The server over it."""
    with serving(tenant, page_size=3) as one:
        yield one


@pytest.fixture
def followed(server: GraphServer) -> Followed:
    """What followed it from its beginning."""
    one = Followed(server)
    assert one.sync()[-1].complete
    assert one.readers() == truth(server.tenant)
    return one


def named(followed: Followed, drive: Drive, path: str) -> Upsert | Unreadable:
    """What is known of a file."""
    return followed.documents[f"{drive.id}/{drive.at(path).id}"]


def test_an_unchanged_source_costs_its_pages_and_five_requests() -> None:
    tenant = generate(ITEMS)
    with serving(tenant) as server:
        followed = Followed(server)
        pages = followed.sync()
        assert sum(len(page.changes) for page in pages) == ITEMS
        assert followed.readers() == truth(tenant)
        drive = tenant.sites["sites/handbook"].library("Documents")
        scopes = sum(one.permissions is not None for one in drive.items.values())
        assert sum("/permissions" in url for url in server.inner) <= scopes + 2
        server.forget()
        pages = followed.sync()
        assert not any(page.changes for page in pages)
        feed = [url for url in server.requests if "/delta" in url]
        assert len(feed) == 1
        assert len(server.requests) <= len(feed) + 5
        assert not any("/content" in url or "/download" in url for url in server.requests + server.inner)


def test_facts_come_with_a_document(server: GraphServer, drive: Drive) -> None:
    drive.put("hr/pay.txt", b"pay", fields={"Dept": "People", "Other": "no"})
    followed = Followed(server, department_column="Dept")
    followed.sync()
    told = named(followed, drive, "hr/pay.txt")
    assert isinstance(told, Upsert)
    assert (told.metadata.title, told.metadata.author, told.metadata.department) == ("pay.txt", "Ann", "People")
    assert told.metadata.origins["department"] == "SharePoint"
    assert told.metadata.modified is not None
    assert told.uri.endswith("/Documents/hr/pay.txt")


def test_bytes_are_had_where_the_source_sends_us_without_our_token(followed: Followed, drive: Drive) -> None:
    connector, into = open_source(followed.server), Bytes()
    name = f"{drive.id}/{drive.at('hr/pay.txt').id}"
    assert connector.fetch(name, into) == "text/plain"
    assert into.content == b"words of hr/pay.txt"
    drive.delete("hr/pay.txt")
    with pytest.raises(NotFound):
        connector.fetch(name, into)
    connector.close()


def test_a_document_over_the_limit_is_not_begun(followed: Followed, drive: Drive) -> None:
    connector, into = open_source(followed.server, max_file_bytes=5), Bytes()
    with pytest.raises(DocumentTooLarge):
        connector.fetch(f"{drive.id}/{drive.at('top.txt').id}", into)
    assert into.content == b""
    assert not any("/content" in url for url in followed.server.requests)
    connector.close()


def test_a_folder_that_is_shared_anew_takes_what_is_in_it_along(
    followed: Followed, drive: Drive, tenant: Tenant
) -> None:
    drive.share("hr/rules/sick.txt", [for_person(tenant, BOB)])
    followed.sync()
    drive.share("hr", [for_person(tenant, ANN)])
    followed.sync()
    assert followed.readers() == truth(tenant)
    before = named(followed, drive, "hr/rules/leave.txt")
    drive.share("hr", None)
    followed.sync()
    assert followed.readers() == truth(tenant)
    after = named(followed, drive, "hr/rules/leave.txt")
    assert isinstance(before, Upsert)
    assert isinstance(after, Upsert)
    assert before.content_revision == after.content_revision
    assert before.revision != after.revision


def test_a_folder_that_is_moved_takes_what_is_in_it_along(followed: Followed, drive: Drive, tenant: Tenant) -> None:
    drive.share("it", [for_person(tenant, BOB)])
    followed.sync()
    ids = set(followed.documents)
    drive.move("hr", "it/people")
    followed.sync()
    assert followed.readers() == truth(tenant)
    assert set(followed.documents) == ids


@pytest.mark.parametrize("children_named", [True, False])
def test_a_folder_that_is_deleted_takes_what_is_in_it_along(
    followed: Followed, drive: Drive, tenant: Tenant, children_named: bool
) -> None:
    drive.children_of_deleted = children_named
    drive.delete("hr")
    followed.sync()
    assert followed.readers() == truth(tenant)
    assert len(followed.documents) == 2


def test_what_everything_inherits_is_looked_at_though_the_feed_is_silent(followed: Followed, drive: Drive) -> None:
    drive.root.permissions = [for_person(drive.tenant, BOB)]
    followed.sync()
    assert followed.readers() == truth(drive.tenant)


def test_the_same_path_under_another_id_is_another_document(followed: Followed, drive: Drive, tenant: Tenant) -> None:
    old = f"{drive.id}/{drive.at('top.txt').id}"
    drive.delete("top.txt")
    drive.put("top.txt", b"other words")
    followed.sync()
    assert old not in followed.documents
    assert followed.readers() == truth(tenant)


def test_a_link_that_expired_lists_that_library_alone(followed: Followed, drive: Drive, tenant: Tenant) -> None:
    other = tenant.sites["sites/team"].library("Other")
    other.put("kept.txt", b"kept")
    followed.sync()
    drive.delete("hr/pay.txt")
    drive.put("new.txt", b"new")
    drive.expire()
    followed.server.forget()
    pages = followed.sync()
    assert not pages[-1].complete
    assert Delete(f"{drive.id}/{next(one.id for one in drive.items.values() if one.deleted)}") in [
        change for page in pages for change in page.changes
    ]
    assert followed.readers() == truth(tenant)
    assert sum(f"{other.id}/root/delta" in url for url in followed.server.requests) == 1


def test_a_link_that_expires_between_two_pages_starts_again(server: GraphServer, drive: Drive, tenant: Tenant) -> None:
    followed = Followed(server)
    followed.sync(pages=1)
    drive.delete("hr")
    drive.expire()
    assert followed.sync()[-1].complete
    assert followed.readers() == truth(tenant)


def test_a_listing_that_is_cut_off_goes_on_and_counts_as_one(server: GraphServer, drive: Drive, tenant: Tenant) -> None:
    followed = Followed(server)
    followed.sync(pages=2)
    drive.share("hr", [for_person(tenant, BOB)])
    server.forget()
    assert followed.sync()[-1].complete
    assert not any("token" not in url for url in server.requests if "/delta" in url)
    assert followed.readers() == truth(tenant)


def test_thousands_of_changed_readers_are_listed_in_pages_not_one_by_one(drive: Drive, tenant: Tenant) -> None:
    for number in range(1200):
        drive.put(f"many/{number}.txt", b"x")
    with serving(tenant) as server:
        followed = Followed(server)
        followed.sync()
        drive.share("many", [for_person(tenant, BOB)])
        server.forget()
        followed.sync()
        assert followed.readers() == truth(tenant)
        assert len(server.requests) + len(server.inner) < 40


def test_a_token_that_expires_between_two_pages_is_had_anew_once(server: GraphServer, tenant: Tenant) -> None:
    followed = Followed(server)
    connector = open_source(server)
    for number, page in enumerate(connector.changes({}, followed)):
        followed.enter(page)
        if number == 0:
            server.entra.expire_tokens()
    connector.close()
    assert server.entra.issued == 2
    assert followed.readers() == truth(tenant)


def test_throttling_and_bursts_of_503_are_waited_out(server: GraphServer, tenant: Tenant) -> None:
    later = Answer(429, {"error": {"code": "TooManyRequests"}}, {"Retry-After": "0"})
    burst = Answer(503, {"error": {"code": "serviceNotAvailable"}}, {"Retry-After": "0"})
    server.faults += [
        Fault(r"/delta", later, times=2),
        Fault(r"/delta\?token", burst, times=3),
        Fault(r"/permissions", later, times=2),
        Fault(r"oauth2/v2.0/token", burst, times=1),
    ]
    followed = Followed(server)
    followed.sync()
    assert followed.readers() == truth(tenant)
    assert all(fault.times == 0 for fault in server.faults)


def test_who_may_read_it_is_hidden_until_it_is_told(followed: Followed, drive: Drive, tenant: Tenant) -> None:
    drive.share("hr", [for_person(tenant, ANN)])
    drive.at("hr").withheld = True
    followed.sync()
    told = named(followed, drive, "hr/pay.txt")
    assert isinstance(told, Unreadable)
    assert told.acl is None
    assert "pay.txt" in told.reason
    assert "Sites.FullControl.All" in told.reason
    drive.at("hr").withheld = False  # nothing in the feed says so
    followed.sync()
    assert followed.readers() == truth(tenant)


def test_somebody_of_an_unknown_kind_hides_a_document(followed: Followed, drive: Drive, tenant: Tenant) -> None:
    drive.share("top.txt", [for_login("c:0i.t|something|new", "Something new")])
    followed.sync()
    assert isinstance(named(followed, drive, "top.txt"), Unreadable)
    drive.share("top.txt", [for_login("c:0i.t|something|new", "Something new"), for_person(tenant, ANN)])
    followed.sync()
    told = named(followed, drive, "top.txt")
    assert isinstance(told, Upsert)
    assert told.acl.terms() == (f"user:{ANN}",)


def test_patterns_follow_folders_that_get_other_names(server: GraphServer, drive: Drive) -> None:
    followed = Followed(server, exclude=["Documents/archive/**"])
    followed.sync()
    assert len(followed.documents) == 5
    drive.move("hr", "archive")
    followed.sync()
    assert len(followed.documents) == 2
    drive.move("archive", "people")
    followed.sync()
    assert len(followed.documents) == 5


def test_other_settings_list_everything_anew(followed: Followed, drive: Drive) -> None:
    followed.more["include"] = ["*/hr/**"]
    assert followed.sync()[-1].complete
    assert len(followed.documents) == 3


def test_a_library_that_went_takes_its_documents_along(followed: Followed, tenant: Tenant) -> None:
    other = tenant.sites["sites/team"].library("Other")
    other.put("a.txt", b"a")
    followed.sync()
    assert len(followed.documents) == 6
    other.gone = True
    pages = followed.sync()
    assert not pages[-1].complete
    assert len(followed.documents) == 5


def test_pages_are_read_as_they_were_published(server: GraphServer, tenant: Tenant) -> None:
    site = tenant.sites["sites/team"]
    item = site.put_page("Home.aspx", {"title": "Opening hours", "canvasLayout": CANVAS})
    site.put_page("Draft.aspx", {"title": "Secret plan", "canvasLayout": CANVAS}, "draft", "0.1")
    classic = site.pages.put("Old.aspx", b"<% %>")
    followed = Followed(server)
    followed.sync()
    pages = {name: one for name, one in followed.documents.items() if name.endswith(".html")}
    name = f"{site.pages.id}/{item.id}.html"
    assert set(pages) == {name}
    assert classic.page is None
    told = pages[name]
    assert isinstance(told, Upsert)
    assert told.metadata.title == "Opening hours"
    connector, into = open_source(server), Bytes()
    assert connector.fetch(name, into) == "text/html"
    assert b"The harbour opens at six." in into.content
    # Changes that aren't published: who may read it follows, the words stay.
    site.put_page("Home.aspx", {"title": "Closed", "canvasLayout": CANVAS}, "draft", "1.1")
    site.pages.share("Home.aspx", [for_person(tenant, BOB)])
    followed.sync()
    after = followed.documents[name]
    assert isinstance(after, Upsert)
    assert (after.content_revision, after.metadata.title) == (told.content_revision, "Opening hours")
    assert after.acl.terms() == (f"user:{BOB}",)
    with pytest.raises(UnreadableDocument, match="aren't published"):
        connector.fetch(name, into)
    connector.close()
    site.put_page("Home.aspx", {"title": "Closed", "canvasLayout": CANVAS}, "published", "2.0")
    followed.sync()
    last = followed.documents[name]
    assert isinstance(last, Upsert)
    assert last.metadata.title == "Closed"
    site.pages.delete("Home.aspx")
    followed.sync()
    assert name not in followed.documents


def test_a_page_of_results_elsewhere_is_not_followed(server: GraphServer) -> None:
    stranger = {"value": [], "@odata.nextLink": "https://elsewhere.example/v1.0/drives"}
    server.faults.append(Fault("/delta", Answer(200, stranger)))
    with pytest.raises(SourceRefuses, match="another address"):
        Followed(server).sync()
