"""What a sync makes of a SharePoint source, without the rest of Footnote: documents by id, as in the catalog."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from core.principal import AccessList
from ingestion.connectors.port import ConnectorContext, Cursor, Delete, Note, Page, Unreadable, Upsert
from ingestion.connectors.protected_paths import ProtectedPaths
from ingestion.connectors.registry import read_config
from ingestion.connectors.sharepoint.connector import SharePointConnector
from tests.servers.graph.server import GraphServer
from tests.servers.graph.tenant import HOST, Drive, Item, Tenant

SOURCE = "src"


class StoppedClock:
    """Always the same moment."""

    def now(self) -> datetime:
        return datetime(2026, 11, 26, tzinfo=UTC)


def context(max_file_bytes: int = 1_000_000) -> ConnectorContext:
    """What a connector gets besides its configuration."""
    return ConnectorContext(
        source_id=SOURCE,
        max_file_bytes=max_file_bytes,
        default_acl=AccessList.everyone(),
        clock=StoppedClock(),
        protected=ProtectedPaths(),
    )


def open_source(server: GraphServer, max_file_bytes: int = 1_000_000, **more: Any) -> SharePointConnector:
    """A connector for all sites of the server's tenant."""
    config = read_config("sharepoint", server.config(**more))
    assert isinstance(config, SharePointConnector.config_model)
    return SharePointConnector.open(config, context(max_file_bytes))


class Followed:
    """Follows a source as a sync does.

    Attributes:
        documents: what is known, by external id; those that can't be read without a place in it.
    """

    def __init__(self, server: GraphServer, **more: Any) -> None:
        self.server = server
        self.more = more
        self.cursor: Cursor = {}
        self.documents: dict[str, Upsert | Unreadable] = {}
        self._notes: dict[str, Note] = {}
        self._seen: set[str] = set()

    def unknown(self, external_ids: Collection[str]) -> set[str]:
        """See :class:`ingestion.connectors.port.Known`."""
        return {name for name in external_ids if not isinstance(self.documents.get(name), Upsert)}

    def notes(self, external_ids: Collection[str]) -> Mapping[str, Note]:
        """See :class:`ingestion.connectors.port.Known`."""
        return {name: self._notes[name] for name in set(external_ids) - self.unknown(external_ids)}

    def below(self, prefix: str) -> Iterator[tuple[str, Note]]:
        """See :class:`ingestion.connectors.port.Known`."""
        names = [name for name in self.documents if name.startswith(prefix)]
        return ((name, self._notes.get(name, {})) for name in names)

    def sync(self, pages: int | None = None) -> list[Page]:
        """List once; cut off behind so many pages, if it says so. The pages."""
        connector = open_source(self.server, **self.more)
        found: list[Page] = []
        try:
            for page in connector.changes(self.cursor, self):
                self.enter(page)
                found.append(page)
                if len(found) == pages:
                    return found
        finally:
            connector.close()
        if found[-1].complete:
            for name in set(self.documents) - self._seen:
                del self.documents[name]
        self._seen.clear()
        return found

    def enter(self, page: Page) -> None:
        """Take a page in."""
        for change in page.changes:
            name = change.external_id
            self._seen.add(name)
            if isinstance(change, Delete):
                self.documents.pop(name, None)
                self._notes.pop(name, None)
            elif isinstance(change, Upsert):
                self.documents[name] = change
                self._notes[name] = dict(change.note or {})
            elif isinstance(change, Unreadable):
                self.documents[name] = change
        self.cursor = page.cursor

    def readers(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Each document's address and access terms; none for those that can't be told."""
        return {
            name: (one.uri, frozenset(one.acl.terms() if isinstance(one, Upsert) else ()))
            for name, one in self.documents.items()
        }


def truth(tenant: Tenant) -> dict[str, tuple[str, frozenset[str]]]:
    """What :meth:`Followed.readers` should be, for permissions of people and Entra groups."""
    found = {}
    for site in tenant.sites.values():
        for drive in (one for one in site.drives.values() if not (site.gone or one.gone)):
            for item in drive.items.values():
                if not item.is_folder and not item.deleted:
                    found[f"{drive.id}/{item.id}"] = (address(drive, item), terms(drive, item))
    return found


def address(drive: Drive, item: Item) -> str:
    """Where a person opens it."""
    return f"https://{HOST}/{drive.site.path}/{quote(drive.name)}/{quote(drive.path(item))}"


def terms(drive: Drive, item: Item) -> frozenset[str]:
    """Who may read it; nobody, if that is withheld."""
    permissions, holder = drive.effective(item)
    if item.withheld or holder.withheld:
        return frozenset()
    found = set()
    for permission in permissions:
        granted = permission["grantedToV2"]
        if "group" in granted:
            found.add(f"group:{SOURCE}/entra/{granted['group']['id']}")
        else:
            found.add(f"user:{granted['user']['email']}")
    return frozenset(found)
