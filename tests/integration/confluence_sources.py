"""What tests of Confluence share: connectors against served sites, and what their listings say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from core.clock import SystemClock
from core.principal import AccessList, Principal
from ingestion.connectors.confluence.connector import ConfluenceConnector
from ingestion.connectors.port import Change, ConnectorContext, Cursor, Note, Page, Unreadable, Upsert
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.registry import read_config
from tests.servers.confluence.server import Confluence, config, serving
from tests.servers.confluence.site import Site

SOURCE = "src"


class Notes:
    """What a catalog knows, as a connector asks for it."""

    def __init__(self, notes: Mapping[str, Note] | None = None) -> None:
        self._notes = dict(notes or {})

    def unknown(self, external_ids: Collection[str]) -> set[str]:
        return set(external_ids) - set(self._notes)

    def notes(self, external_ids: Collection[str]) -> Mapping[str, Note]:
        return {one: self._notes[one] for one in external_ids if one in self._notes}

    def below(self, prefix: str) -> Iterator[tuple[str, Note]]:
        return ((one, note) for one, note in self._notes.items() if one.startswith(prefix))


def connector(confluence: Confluence, *, most: int = 10_000_000, **more: Any) -> ConfluenceConnector:
    """A connector that is opened as the worker opens it."""
    context = ConnectorContext(
        source_id=SOURCE, max_file_bytes=most, default_acl=AccessList(), clock=SystemClock(), protected=ProtectedPaths()
    )
    read = read_config("confluence", config(confluence, **more))
    return ConfluenceConnector.open(read, context)  # type: ignore[arg-type]


def pages_of(confluence: Confluence, cursor: Cursor | None = None, **more: Any) -> list[Page]:
    """All pages of one listing."""
    opened = connector(confluence, **more)
    try:
        return list(opened.changes(cursor or {}, Notes()))
    finally:
        opened.close()


def listed(confluence: Confluence, **more: Any) -> dict[str, Change]:
    """What one whole listing says, by external id."""
    pages = pages_of(confluence, **more)
    assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
    assert pages[-1].cursor == {}
    return {change.external_id: change for page in pages for change in page.changes}


def memberships(confluence: Confluence, **more: Any) -> dict[str, frozenset[str]]:
    """Every group with its members."""
    opened = connector(confluence, **more)
    try:
        return {one.group: one.users for one in opened.memberships()}
    finally:
        opened.close()


def fetched(confluence: Confluence, external_id: str, **more: Any) -> tuple[str | None, bytes]:
    """A document's media type and bytes."""
    opened = connector(confluence, **more)
    into = bytearray()
    try:
        return opened.fetch(external_id, _Into(into)), bytes(into)
    finally:
        opened.close()


class _Into:
    def __init__(self, into: bytearray) -> None:
        self._into = into

    def write(self, piece: bytes, /) -> None:
        self._into += piece


def allowed(site: Site, change: Change, groups: Mapping[str, frozenset[str]]) -> set[str] | None:
    """The addresses of people whom a listing lets read a document; None: everybody, without an identity too."""
    assert isinstance(change, Upsert | Unreadable)
    if change.acl is None:
        return set()
    if change.acl.allows(Principal()):
        return None
    emails = {user.email for user in site.users.values()}
    return {
        email
        for email in emails
        if change.acl.allows(Principal(email, frozenset(name for name, users in groups.items() if email in users)))
    }


def external_id(site: Site, content_id: str) -> str:
    """How the connector names content."""
    return f"{site.content[content_id].type}/{content_id}"


@contextmanager
def small(*, cloud: bool) -> Iterator[Confluence]:
    """A Confluence with one space, ENG, that three people may view, two of them in the group hr."""
    site = Site(cloud=cloud)
    site.user("robot@example.com")
    everybody = site.group("confluence-users", "ann@example.com", "bob@example.com", "eve@example.com")
    site.group("hr", "ann@example.com", "bob@example.com")
    site.space("ENG", groups={everybody})
    with serving(site) as served:
        yield served


def only(confluence: Confluence, content_id: str, **more: Any) -> Upsert:
    """What a listing says of one document, which can be read."""
    change = listed(confluence, **more)[external_id(confluence.site, content_id)]
    assert isinstance(change, Upsert)
    return change
