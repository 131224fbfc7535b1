"""SharePoint Online as a source: documents of libraries and pages of sites, with who may read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Self

from core.errors import DocumentTooLarge, NotFound, UnreadableDocument
from core.logs import get_logger
from ingestion.connectors.http import SourceClient
from ingestion.connectors.port import ConnectorContext, Cursor, Delete, Known, Membership, Page, Sink
from ingestion.connectors.sharepoint.canvas import page_html
from ingestion.connectors.sharepoint.config import SharePointConfig
from ingestion.connectors.sharepoint.cursor import DriveState, State
from ingestion.connectors.sharepoint.drive import Drive
from ingestion.connectors.sharepoint.graph import Graph
from ingestion.connectors.sharepoint.items import Items, acl_digest, page_address, parse_id, read_acl
from ingestion.connectors.sharepoint.libraries import Library, find_libraries, find_sites
from ingestion.connectors.sharepoint.members import Members, resource_of
from ingestion.connectors.sharepoint.permissions import Grants
from ingestion.connectors.sharepoint.tokens import Tokens
from ingestion.connectors.sharepoint.tree import Tree, digest

log = get_logger(__name__)

_GROUP = 200
_SECRETS = {"client_secret", "certificate", "certificate_file", "thumbprint", "client_id", "allow_private"}


class SharePointConnector:
    """Lists libraries by their change feeds, and reads documents and pages, as an application of Microsoft Entra."""

    config_model: ClassVar[type[SharePointConfig]] = SharePointConfig

    def __init__(self, config: SharePointConfig, context: ConnectorContext) -> None:
        self._config = config
        self._context = context
        self._source = f"SharePoint of {config.tenant}"
        self._authority = SourceClient(
            self._source, allow_private=config.allow_private, budget=context.budget, proxy=context.proxy
        )
        self._tokens = Tokens(config, self._source, self._authority)
        self._opened: list[Graph] = []
        self._graph = self._open_api(f"{config.graph}/v1.0", config.graph)
        self._grants = Grants(config, context)

    @classmethod
    def open(cls, config: SharePointConfig, context: ConnectorContext) -> Self:
        """A connector for these sites. Asks nothing of them."""
        return cls(config, context)

    def changes(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        """What changed since the cursor, library by library.

        Raises:
            SourceRefuses: no token, no right, or a site or library that isn't there.
            SourceUnavailable: it doesn't answer, or says to come back later.
        """
        state = State.read(cursor, self._config_digest())
        libraries = find_libraries(self._graph, self._config, self._source)
        self._check_roots(libraries, state)
        for library in libraries:
            drive = state.drives.setdefault(library.drive_id, DriveState())
            for changes in self._drive(library, drive, known, complete=state.full).pages():
                yield Page(changes=changes, cursor=state.cursor())
        for drive_id in sorted(set(state.drives) - {library.drive_id for library in libraries}):
            if not state.full:
                yield from self._removed(drive_id, state, known)
            del state.drives[drive_id]
        complete, state.full = state.full, False
        yield Page(changes=(), cursor=state.cursor(), complete=complete)

    def fetch(self, external_id: str, into: Sink) -> str | None:
        """Write a document's bytes, or a page as HTML.

        Raises:
            NotFound: it went.
            DocumentTooLarge: it is over the limit.
            UnreadableDocument: a page with changes that aren't published: its published version can't be had.
        """
        drive_id, item_id, is_page = parse_id(external_id)
        item = self._graph.get(f"/drives/{drive_id}/items/{item_id}")
        if is_page:
            return self._fetch_page(item, into)
        most = self._context.max_file_bytes
        if int(item.get("size") or 0) > most:
            raise DocumentTooLarge(f"{item['name']} has {item['size']} bytes; {most} are allowed.")
        # 302 to an address that needs no token: https://learn.microsoft.com/graph/api/driveitem-get-content.
        self._graph.download(f"/drives/{drive_id}/items/{item_id}/content", into, most)
        media_type = (item.get("file") or {}).get("mimeType")
        return str(media_type) if media_type else None

    def memberships(self) -> Iterator[Membership]:
        """Members of the organisation, of its Entra groups, and of the sites' own groups."""
        members = Members(self._graph, self._context, self._source)
        yield members.organization()
        yield from members.entra_groups()
        if self._config.client_secret is not None:
            log.warning("sharepoint.site_groups_unknown", source_id=self._context.source_id)
            return
        collections: set[str] = set()
        for site in find_sites(self._graph, self._config, self._source):
            if (collection := site.id.split(",")[1]) not in collections:
                collections.add(collection)
                yield from members.site_groups(site, self._open_api(site.url, resource_of(site)))

    def close(self) -> None:
        """Let go of connections."""
        for api in self._opened:
            api.close()
        self._authority.close()

    def _open_api(self, base: str, resource: str) -> Graph:
        client = SourceClient(
            self._source,
            base_url=base,
            authorise=self._tokens.authorise(resource),
            allow_private=self._config.allow_private,
            budget=self._context.budget,
            proxy=self._context.proxy,
        )
        self._opened.append(Graph(self._source, base, client))
        return self._opened[-1]

    def _drive(self, library: Library, state: DriveState, known: Known, *, complete: bool) -> Drive:
        def new_items(tree: Tree, hidden: set[str]) -> Items:
            return Items(
                graph=self._graph,
                library=library,
                config=self._config,
                grants=self._grants,
                tree=tree,
                known=known,
                hidden=hidden,
            )

        return Drive(
            graph=self._graph, library=library, state=state, known=known, complete=complete, new_items=new_items
        )

    def _check_roots(self, libraries: list[Library], state: State) -> None:
        """List a library from the start if other people may now read what inherits from it.

        A folder's change is in the feed; a library's or a site's makes links expire, or isn't told.
        """
        answers = self._graph.batch([f"/drives/{one.drive_id}/root/permissions" for one in libraries])
        for library, answer in zip(libraries, answers, strict=True):
            drive = state.drives.setdefault(library.drive_id, DriveState())
            now = acl_digest(read_acl(self._graph, self._grants, library, answer))
            if drive.root != now:
                drive.start_over()
                drive.root = now

    def _removed(self, drive_id: str, state: State, known: Known) -> Iterator[Page]:
        names = [name for name, _ in known.below(f"{drive_id}/")]
        log.warning("sharepoint.library_gone", source_id=self._context.source_id, drive=drive_id, documents=len(names))
        for start in range(0, len(names), _GROUP):
            yield Page(changes=[Delete(name) for name in names[start : start + _GROUP]], cursor=state.cursor())

    def _fetch_page(self, item: dict[str, Any], into: Sink) -> str:
        address = page_address(item)
        if address is None:
            raise NotFound(f"{item.get('name')} isn't a page any more.")
        page = self._graph.get(f"{address}?$expand=canvasLayout")
        if (page.get("publishingState") or {}).get("level") != "published":
            raise UnreadableDocument(
                f"{page.get('name')} has changes that aren't published. It is read once they are published."
            )
        content = page_html(page).encode()
        if len(content) > self._context.max_file_bytes:
            raise DocumentTooLarge(f"The page has {len(content)} bytes; {self._context.max_file_bytes} are allowed.")
        into.write(content)
        return "text/html"

    def _config_digest(self) -> str:
        told = self._config.model_dump(mode="json", exclude=_SECRETS)
        return digest(json.dumps(told, sort_keys=True))
