"""Websites on a real HTTP server as sources."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest

from core.clock import Clock, SystemClock
from core.errors import (
    DocumentTooLarge,
    InvalidRequest,
    NotFound,
    SecretFile,
    SourceRefuses,
    SourceUnavailable,
    UnreadableDocument,
)
from core.principal import AccessList
from ingestion.connectors.budget import LocalBudget
from ingestion.connectors.http import Timing
from ingestion.connectors.port import Change, ConnectorContext, Delete, Present, Unreadable, Upsert, Withheld
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.registry import read_config
from ingestion.connectors.website.config import WebsiteConfig
from ingestion.connectors.website.connector import WebsiteConnector
from tests.listings import Listed, Memory, read
from tests.servers.website import Website, serve


class Waiting:
    """Time that passes by being waited for."""

    def __init__(self) -> None:
        self.waited = 0.0

    def timing(self) -> Timing:
        return Timing(monotonic=lambda: self.waited, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.waited += seconds


class Later:
    def __init__(self, days: float) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


def connect(
    site: Website,
    start: str = "/",
    *,
    waiting: Waiting | None = None,
    clock: Clock | None = None,
    max_file_bytes: int = 100_000_000,
    **config: Any,
) -> WebsiteConnector:
    given = {"default_acl": ("group:staff",), "delay_s": 0, "allow_private": True, **config}
    waiting = waiting or Waiting()
    context = ConnectorContext(
        source_id="s",
        max_file_bytes=max_file_bytes,
        default_acl=AccessList.everyone(),
        clock=clock or SystemClock(),
        protected=ProtectedPaths(),
        budget=LocalBudget(lambda: waiting.waited),
    )
    return WebsiteConnector(WebsiteConfig(start=site.url + start, **given), context, waiting.timing())


def listing(site: Website, known: Memory | None = None, start: str = "/", **more: Any) -> Listed:
    connector = connect(site, start, **more)
    try:
        return read(connector, known)
    finally:
        connector.close()


def by_id(found: Listed) -> dict[str, Change]:
    return {change.external_id: change for change in found.changes}


def fetched(connector: WebsiteConnector, external_id: str) -> tuple[bytes, str | None]:
    into = BytesIO()
    told = connector.fetch(external_id, into)
    return into.getvalue(), told


@pytest.fixture
def site() -> Iterator[Website]:
    with serve() as one:
        yield one


def test_links_lead_to_pages_and_files_of_the_same_host_and_folder(site: Website) -> None:
    site.page(
        "/docs/", "a.html", "/docs/b%20c.pdf", "../out.html", "https://elsewhere.example/", "mailto:a@b.c", "#top"
    )
    site.page("/docs/a.html", "/docs/", "deep/d.html?x=1&y=2#part", "picture.png", "missing.html")
    site.put("/docs/b%20c.pdf", b"%PDF-1.7", "application/pdf")
    site.page("/docs/deep/d.html?x=1&y=2")
    site.put("/docs/picture.png", b"\x89PNG", "image/png")
    site.page("/out.html")
    found = listing(site, start="/docs/")
    assert found.complete
    assert sorted(by_id(found)) == ["/docs/", "/docs/a.html", "/docs/b%20c.pdf", "/docs/deep/d.html?x=1&y=2"]
    page = by_id(found)["/docs/a.html"]
    assert isinstance(page, Upsert)
    assert page.uri == f"{site.url}/docs/a.html"
    assert page.acl.terms() == ("group:staff",)
    assert "/out.html" not in site.asked
    assert site.agents == {"Footnote"}


def test_an_unchanged_page_is_not_sent_again_and_leads_on(site: Website) -> None:
    site.page("/", "/a")
    site.page("/a", "/b")
    site.page("/b", text="old")
    first = listing(site)
    site.statuses.clear()
    again = listing(site, first.known)
    assert again.complete
    assert {name: _said(change) for name, change in by_id(again).items()} == {
        name: _said(change) for name, change in by_id(first).items()
    }
    assert sorted(site.statuses) == [304, 304, 304, 404, 404]  # robots.txt, sitemap.xml
    site.page("/b", text="new")
    assert _said(by_id(listing(site, again.known))["/b"]) != _said(by_id(first)["/b"])


def test_tokens_in_scripts_and_comments_are_no_change(site: Website) -> None:
    site.page("/", head="<script>token=1</script><!-- 1 -->", etag=False)
    first = by_id(listing(site))["/"]
    site.page("/", head="<script>token=2</script><!-- 2 -->", etag=False)
    assert _said(by_id(listing(site))["/"]) == _said(first)
    site.page("/", title="Other", etag=False)
    assert _said(by_id(listing(site))["/"]) != _said(first)


def _said(change: Change) -> tuple[str, str]:
    assert isinstance(change, Upsert)
    return change.revision, change.content_revision


def test_redirects_lead_to_the_document_and_loops_end(site: Website) -> None:
    site.page("/", "/old", "/new", "/loop", "/away", "/up")
    site.redirect("/old", "/older")
    site.redirect("/older", "/new", 302)
    site.page("/new")
    site.redirect("/loop", "/pool")
    site.redirect("/pool", "/loop")
    site.redirect("/away", "http://localhost.example/x")
    site.redirect("/up", f"{site.url}/new")
    found = listing(site)
    assert found.complete
    assert sorted(by_id(found)) == ["/", "/new"]


def test_a_page_is_known_by_its_canonical_address(site: Website) -> None:
    site.page("/", "/a?session=1", "/b", "/c", "/d", "/f")
    site.page("/a?session=1", head='<link rel="canonical" href="/a">')
    site.page("/a", head='<link rel="canonical" href="/a">')
    site.page("/b", head='<link rel="canonical" href="/c">')
    site.page("/c", head='<link rel="canonical" href="/b">')
    site.page("/d", head='<link rel="canonical" href="/gone">')
    site.page("/f", head='<link rel="canonical" href="https://elsewhere.example/f">')
    assert sorted(by_id(listing(site))) == ["/", "/a", "/b", "/c", "/d", "/f"]


def test_who_asks_to_be_left_out_is_left_out(site: Website) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /private\nUser-agent: Footnote\nDisallow: /ours\n")
    site.page("/", "/ours/a", "/noindex", "/header", "/nofollow", "/none", "/others", "/private")
    site.page("/ours/a")
    site.page("/private")
    site.page("/noindex", "/behind", head='<meta name="robots" content="noindex">')
    site.page("/behind")
    site.page("/header", headers={"X-Robots-Tag": "noindex"})
    site.page("/nofollow", "/secret1", head='<meta name="ROBOTS" content="nofollow">')
    site.page("/none", "/secret2", head='<meta name="robots" content="NONE">')
    site.page("/others", headers={"X-Robots-Tag": "otherbot: noindex"})
    for path in ("/secret1", "/secret2"):
        site.page(path)
    found = listing(site)
    assert sorted(by_id(found)) == ["/", "/behind", "/nofollow", "/others", "/private"]
    assert not {"/ours/a", "/secret1", "/secret2"} & set(site.asked)
    connector = connect(site)
    with pytest.raises(NotFound, match="robots"):
        fetched(connector, "/ours/a")
    connector.close()


def test_a_start_that_robots_forbid_is_refused(site: Website) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /")
    with pytest.raises(SourceRefuses, match="forbids its start page"):
        listing(site)


def test_it_waits_between_requests_as_the_site_asks(site: Website) -> None:
    site.put("/robots.txt", "User-agent: *\nCrawl-delay: 5")
    site.page("/", "/a", "/b")
    site.page("/a")
    site.page("/b")
    waiting = Waiting()
    listing(site, waiting=waiting, way="crawl")
    assert waiting.waited >= 10
    quick = Waiting()
    site.put("/robots.txt", "")
    listing(site, waiting=quick, way="crawl", delay_s=2)
    assert 4 <= quick.waited < 10
    site.put("/robots.txt", "User-agent: *\nCrawl-delay: 86400")
    with pytest.raises(SourceRefuses, match="wants 86400 s"):
        listing(site)


def test_robots_that_cannot_be_read_stop_everything_and_none_allow_it(site: Website) -> None:
    site.page("/")
    site.put("/robots.txt", "oops", status=500)
    with pytest.raises(SourceUnavailable, match=r"robots\.txt"):
        listing(site)
    site.put("/robots.txt", "no", status=403)
    assert list(by_id(listing(site))) == ["/"]


def test_sitemaps_name_the_pages(site: Website) -> None:
    site.put("/robots.txt", f"Sitemap: {site.url}/maps/index.xml")
    site.index("/maps/index.xml", "/maps/a.xml", "/maps/b.xml.gz", "/maps/index.xml")
    site.sitemap("/maps/a.xml", {"/a": "2025-03-01", "/secret/id_rsa": ""})
    site.sitemap("/maps/b.xml.gz", {"/b&c": "", "/gone": "", "/a": ""}, zipped=True)
    site.page("/a", "/unnamed")
    site.page("/b&c")
    found = listing(site)
    assert found.complete
    assert {name: type(change) for name, change in by_id(found).items()} == {
        "/a": Upsert,
        "/b&c": Upsert,
        "/secret/id_rsa": Withheld,
    }
    page = by_id(found)["/a"]
    assert isinstance(page, Upsert)
    assert page.metadata.modified == datetime(2025, 3, 1, tzinfo=UTC)
    assert "/unnamed" not in site.asked


def test_a_sitemaps_word_that_nothing_changed_is_taken_for_a_week(site: Website) -> None:
    site.sitemap("/sitemap.xml", {"/a": "2025-03-01", "/b": ""})
    site.page("/a")
    site.page("/b")
    first = listing(site)
    site.asked.clear()
    second = listing(site, first.known)
    assert site.asked == ["/robots.txt", "/sitemap.xml", "/b"]
    assert _said(by_id(second)["/a"]) == _said(by_id(first)["/a"])
    site.asked.clear()
    third = listing(site, second.known, clock=Later(8))
    assert "/a" in site.asked
    site.asked.clear()
    listing(site, third.known, clock=Later(9))
    assert "/a" not in site.asked
    site.sitemap("/sitemap.xml", {"/a": "2025-04-01", "/b": ""})
    site.page("/a", text="new")
    changed = by_id(listing(site, third.known, clock=Later(9)))["/a"]
    assert _said(changed)[1] != _said(by_id(first)["/a"])[1]


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"<urlset>" + b" " * 60_000_000),
        b"\x1f\x8bnothing",
        b"<urlset><url><loc>",
        b"<html></html>",
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;">]><urlset><url><loc>&c;</loc></url>',
    ],
    ids=["bomb", "no gzip", "cut off", "html", "entities"],
)
def test_a_sitemap_that_cannot_be_read_removes_nothing(site: Website, body: bytes) -> None:
    site.index("/sitemap.xml", "/good.xml", "/bad.xml")
    site.sitemap("/good.xml", {"/a": ""})
    site.page("/a")
    site.put("/bad.xml", body, "application/xml")
    found = listing(site)
    assert list(by_id(found)) == ["/a"]
    assert not found.complete
    del site.pages["/sitemap.xml"]
    with pytest.raises(SourceRefuses, match="no sitemap"):
        listing(site, sitemaps=[f"{site.url}/bad.xml"])
    site.put("/sitemap.xml", b"oops", status=500)
    with pytest.raises(SourceUnavailable, match="where its sitemap is"):
        listing(site)


def test_what_goes_is_deleted_and_an_outage_deletes_nothing(site: Website) -> None:
    site.page("/", "/a", "/b", "/c")
    site.page("/a", "/below")
    site.page("/below")
    site.page("/b")
    site.page("/c")
    known = listing(site).known
    site.put("/a", b"oops", status=500)
    site.put("/b", b"gone", status=410)
    site.put("/c", b"closed", status=403)
    found = listing(site, known)
    assert found.complete
    said = by_id(found)
    assert {name: type(change) for name, change in said.items()} == {
        "/": Upsert,
        "/a": Present,
        "/b": Delete,
        "/c": Unreadable,
        "/below": Upsert,
    }
    closed = said["/c"]
    assert isinstance(closed, Unreadable)
    assert closed.acl is None
    assert set(found.known.documents) == {"/", "/a", "/c", "/below"}


def test_a_page_that_never_answered_makes_a_walk_incomplete(site: Website) -> None:
    site.page("/", "/a")
    site.put("/a", b"oops", status=500)
    found = listing(site)
    assert not found.complete
    assert isinstance(by_id(found)["/a"], Unreadable)


@pytest.mark.parametrize("status", [500, 503])
def test_a_site_that_is_down_stops_the_listing(site: Website, status: int) -> None:
    site.page("/", *(f"/{number}" for number in range(20)))
    for number in range(20):
        site.page(f"/{number}")
    known = listing(site).known
    for number in range(20):
        site.put(f"/{number}", b"oops", status=status)
    with pytest.raises(SourceUnavailable, match="doesn't answer"):
        listing(site, known)
    site.down = status
    with pytest.raises(SourceUnavailable):
        listing(site, known)


def test_a_burst_of_errors_is_waited_out(site: Website) -> None:
    site.page("/", "/a")
    site.page("/a")
    waiting = Waiting()
    site.down = 503

    def sleep(seconds: float) -> None:
        waiting.waited += seconds
        if waiting.waited > 5:
            site.down = None

    waiting.sleep = sleep  # type: ignore[method-assign]
    assert sorted(by_id(listing(site, waiting=waiting))) == ["/", "/a"]
    assert waiting.waited > 5


def test_what_asks_to_be_left_out_or_moves_later_is_removed_whatever_the_walk_sees(site: Website) -> None:
    site.page("/", "/a", "/b", "/c")
    for path in ("/a", "/b", "/c"):
        site.page(path)
    known = listing(site).known
    site.page("/a", head='<meta name="robots" content="noindex">')
    site.redirect("/b", "/new")
    site.page("/new")
    found = listing(site, known, max_pages=3)
    assert not found.complete
    said = {name: type(change) for name, change in by_id(found).items()}
    assert said == {"/": Upsert, "/a": Delete, "/new": Upsert, "/b": Delete}


def test_a_start_that_is_not_there_is_refused(site: Website) -> None:
    with pytest.raises(SourceRefuses, match="correct start"):
        listing(site)
    site.redirect("/", "https://www.elsewhere.example/")
    with pytest.raises(SourceRefuses, match=r"away.*www\.elsewhere\.example"):
        listing(site)
    with pytest.raises(SourceRefuses, match="allow_private"):
        listing(site, allow_private=False)


def test_a_walk_that_is_cut_off_goes_on_where_it_was(site: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.connectors.website.connector._PAGE", 3)
    site.page("/", *(f"/{number}" for number in range(10)))
    for number in range(10):
        site.page(f"/{number}", f"/{number}/deep")
        site.page(f"/{number}/deep")
    known = Memory()
    named: set[str] = set()
    complete = False
    while not complete:
        connector = connect(site, way="crawl")
        for page in connector.changes(known.cursor, known):
            for change in page.changes:
                known.enter(change)
                named.add(change.external_id)
            known.cursor, complete = page.cursor, page.complete
            assert len(str(page.cursor)) < 100
            break
        connector.close()
    assert len(named) == 21
    visits = [path for path in site.asked if path != "/robots.txt"]
    assert len(visits) == len(set(visits)) == 21


def test_limits_end_a_walk_without_removing_anything(site: Website) -> None:
    site.page("/", "/1")
    for number in range(1, 30):
        site.page(f"/{number}", f"/{number + 1}")
    short = listing(site, max_pages=5)
    assert len(short.changes) == 5
    assert not short.complete
    shallow = listing(site, max_depth=3)
    assert sorted(by_id(shallow)) == ["/", "/1", "/2", "/3"]
    assert shallow.complete


def test_a_page_of_fifty_megabytes_is_taken_by_its_headers(site: Website) -> None:
    site.page("/", "/big.html", "/big.pdf", "/whole.pdf")
    big = b"<p>" + b"word " * 10_000_000
    site.put("/big.html", big, "text/html", ranges=True)
    site.put("/big.pdf", big, "application/pdf", ranges=True)
    site.put("/whole.pdf", big, "application/pdf")
    site.sitemap("/sitemap.xml", {"/big.html": "", "/big.pdf": "", "/whole.pdf": ""})
    found = by_id(listing(site))
    page = found["/big.html"]
    assert isinstance(page, Upsert)
    assert page.size == len(big)
    assert isinstance(found["/big.pdf"], Upsert)
    assert isinstance(found["/whole.pdf"], Unreadable)
    assert not listing(site, way="crawl").complete  # its links weren't seen
    connector = connect(site, max_file_bytes=1_000_000)
    with pytest.raises(DocumentTooLarge):
        fetched(connector, "/big.pdf")
    connector.close()


def test_documents_are_fetched_with_their_media_type(site: Website) -> None:
    site.page("/a.php", title="Über")
    site.put("/key", b"-----BEGIN RSA PRIVATE KEY-----\nabc")
    site.put("/closed", b"no", status=403)
    site.put("/broken", b"no", status=500)
    site.redirect("/away", "https://elsewhere.example/")
    connector = connect(site)
    assert fetched(connector, "/a.php") == (site.pages["/a.php"].body, "text/html; charset=utf-8")
    for name, error in (
        ("/key", SecretFile),
        ("/.env", SecretFile),
        ("/closed", UnreadableDocument),
        ("/broken", SourceUnavailable),
        ("/away", NotFound),
        ("/missing", NotFound),
        ("//elsewhere.example/x", NotFound),
        ("@elsewhere.example/x", NotFound),
    ):
        with pytest.raises(error):
            fetched(connector, name)
    connector.close()


def test_settings_say_who_may_read_and_where_to_start() -> None:
    with pytest.raises(InvalidRequest, match="lacks 'default_acl'"):
        read_config("website", {"start": "https://www.example.com"})
    for start in ("ftp://example.com/", "example.com", "https://ann:secret@example.com/"):
        with pytest.raises(InvalidRequest, match="'start'") as raised:
            read_config("website", {"start": start, "default_acl": ["public"]})
        assert "secret" not in raised.value.message
    config = read_config("website", {"start": "https://example.org", "default_acl": ["public"], "exclude": ["**"]})
    context = ConnectorContext(
        source_id="s", max_file_bytes=1, default_acl=AccessList(), clock=SystemClock(), protected=ProtectedPaths()
    )
    with pytest.raises(InvalidRequest, match="leave out 'start'"):
        WebsiteConnector.open(config, context)  # type: ignore[arg-type]
