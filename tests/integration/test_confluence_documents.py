"""Documents of Confluence over HTTP: their facts, their HTML, attachments, comments and limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from core.errors import DocumentTooLarge
from core.principal import AccessList
from core.settings import Settings
from ingestion.connectors.port import Unreadable, Upsert
from ingestion.partitioning.build import build_partitioner
from ingestion.partitioning.port import ElementKind
from tests.integration.confluence_sources import allowed, fetched, listed, memberships, only, small
from tests.servers.confluence.server import Confluence


@pytest.fixture(params=[True, False], ids=["cloud", "data-center"])
def confluence(request: pytest.FixtureRequest) -> Iterator[Confluence]:
    with small(cloud=request.param) as served:
        yield served


RICH = """<h1>Deploy</h1>
<ac:structured-macro ac:name="info"><ac:parameter ac:name="title">Mind the gap</ac:parameter><ac:rich-text-body>
<ul><li>one<ul><li>deep</li></ul></li></ul></ac:rich-text-body></ac:structured-macro>
<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[echo "a" && exit
  indented]]></ac:plain-text-body></ac:structured-macro>
<table><tbody><tr><th>Name</th><th>State</th></tr><tr><td><p>db</p><p>replica</p></td><td>
<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">LIVE</ac:parameter></ac:structured-macro></td></tr>
<tr><td><ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[cell code]]></ac:plain-text-body>
</ac:structured-macro></td><td><ac:image ac:alt="cell image"><ri:attachment ri:filename="x.png" /></ac:image></td></tr>
</tbody></table>
<ac:task-list><ac:task><ac:task-status>complete</ac:task-status><ac:task-body><span>Do this</span></ac:task-body>
</ac:task></ac:task-list>
<ac:image ac:alt="plan of Oslo"><ri:attachment ri:filename="y.png" /><ac:caption><p>Third floor</p>
</ac:caption></ac:image><ac:layout><ac:layout-section><ac:layout-cell><p>first cell</p></ac:layout-cell><ac:layout-cell>
<p>second cell</p></ac:layout-cell></ac:layout-section></ac:layout>"""


def test_a_page_is_told_with_its_facts(confluence: Confluence) -> None:
    site = confluence.site
    top = site.add("page", "ENG", "Handbook")
    page = site.add("page", "ENG", "Leave & pay", "<p>x</p>", top.id)
    page.labels = ["Benefits", "hr"]
    told = only(confluence, page.id, tags=["Wiki"], department="People")
    assert told.uri == f"{confluence.url}/spaces/ENG/pages/{page.id}/Leave+%26+pay"
    assert told.metadata.title == "Leave & pay"
    assert told.metadata.author == "Robot"
    assert told.metadata.tags == ("benefits", "hr", "wiki")
    assert told.metadata.department == "People"
    assert isinstance(told.metadata.created, datetime)
    assert told.metadata.created.tzinfo
    assert told.metadata.origins["title"] == "Confluence"
    assert told.metadata.origins["department"] == "source"
    assert told.acl == AccessList(groups=frozenset({"src/confluence-users"}))


def test_its_html_begins_with_its_path_and_reads_well(confluence: Confluence) -> None:
    site = confluence.site
    top = site.add("page", "ENG", "Handbook")
    page = site.add("page", "ENG", "On call", "<h1>Rota</h1><p>Weekly, says <ac:link><ri:user "
                    f'ri:account-id="{site.user("ann@example.com")}" /></ac:link>.</p>', top.id)  # fmt: skip
    media_type, content = fetched(confluence, f"page/{page.id}")
    assert media_type == "text/html"
    partitioner = build_partitioner(Settings())
    try:
        reading = partitioner.partition(content, name=page.id, media_type=media_type)
    finally:
        partitioner.close()
    assert reading.metadata.title == "On call"
    titles = [(one.level, one.text) for one in reading.elements if one.kind is ElementKind.TITLE]
    assert titles == [(1, "Space ENG › Handbook › On call"), (2, "Rota")]
    assert "Weekly, says @Ann." in [one.text for one in reading.elements]


def test_a_page_of_many_kinds_keeps_its_words_to_the_readers_elements(confluence: Confluence) -> None:
    """Through the connector, the HTML and the partitioner that reads it."""
    page = confluence.site.add("page", "ENG", "Runbook", RICH)
    media_type, content = fetched(confluence, f"page/{page.id}")
    partitioner = build_partitioner(Settings())
    try:
        elements = partitioner.partition(content, name=page.id, media_type=media_type).elements
    finally:
        partitioner.close()
    told = [(one.kind, one.text) for one in elements]
    for expected in (
        (ElementKind.TEXT, "Mind the gap"),
        (ElementKind.LIST_ITEM, "deep"),
        (ElementKind.CODE, 'echo "a" && exit\n  indented'),
        (ElementKind.TABLE, "Name: db replica | State: LIVE\nName: cell code | State: cell image"),
        (ElementKind.LIST_ITEM, "[x] Do this"),
        (ElementKind.TEXT, "plan of Oslo"),
        (ElementKind.TEXT, "Third floor"),
        (ElementKind.TEXT, "second cell"),
    ):
        assert expected in told, told


def test_attachments_have_their_pages_permissions(confluence: Confluence) -> None:
    site = confluence.site
    page = site.add("page", "ENG", "Salaries")
    page.groups = {site.group("hr")}
    file = site.attach(page.id, "plan b.txt", b"The plan", "application/octet-stream")
    film = site.attach(page.id, "film.mp4", b"...", "video/mp4")
    changes = listed(confluence)
    told = changes[f"attachment/{file.id}"]
    assert isinstance(told, Upsert)
    groups = memberships(confluence)
    assert allowed(site, told, groups) == site.readers(file) == {"ann@example.com", "bob@example.com"}
    assert told.size == 8
    assert fetched(confluence, f"attachment/{file.id}") == ("text/plain", b"The plan")
    unread = changes[f"attachment/{film.id}"]
    assert isinstance(unread, Unreadable)
    assert allowed(site, unread, groups) == site.readers(film)
    assert f"attachment/{file.id}" not in listed(confluence, attachments=False)


def test_comments_become_the_end_of_their_page(confluence: Confluence) -> None:
    site = confluence.site
    page = site.add("page", "ENG", "Rota", "<p>Weekly</p>")
    quiet = only(confluence, page.id, comments=True)
    remark = site.add("comment", "ENG", "Re: Rota", "<p>Make it monthly</p>", page.id)
    said = only(confluence, page.id, comments=True)
    assert said.content_revision != quiet.content_revision
    assert b"Make it monthly" in fetched(confluence, f"page/{page.id}", comments=True)[1]
    assert b"Make it monthly" not in fetched(confluence, f"page/{page.id}")[1]
    site.edit(remark.id, "<p>Or daily</p>")
    edited = only(confluence, page.id, comments=True)
    assert edited.content_revision != said.content_revision
    remark.status = "trashed"
    assert only(confluence, page.id, comments=True).content_revision == quiet.content_revision


def test_blog_posts_can_be_left_out(confluence: Confluence) -> None:
    post = confluence.site.add("blogpost", "ENG", "News", "<p>We moved</p>")
    assert b"We moved" in fetched(confluence, f"blogpost/{post.id}")[1]
    assert f"blogpost/{post.id}" in listed(confluence)
    assert listed(confluence, blogs=False) == {}


def test_a_page_over_the_limit_says_so(confluence: Confluence) -> None:
    page = confluence.site.add("page", "ENG", "Huge", "<p>words</p>" * 4_500_000)
    file = confluence.site.attach(page.id, "big.txt", b"x" * 2_000_000, "text/plain")
    for name in (f"page/{page.id}", f"attachment/{file.id}"):
        with pytest.raises(DocumentTooLarge, match="max_file_mb"):
            fetched(confluence, name, most=1_000_000)
