"""From items of a library to changes: who may read them, what is known of them, what their revisions are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.connectors.globs import compile_globs
from ingestion.connectors.port import Change, Delete, Known, Note, Unreadable, Upsert
from ingestion.connectors.sharepoint.config import SharePointConfig
from ingestion.connectors.sharepoint.graph import Answer, Graph
from ingestion.connectors.sharepoint.libraries import Library
from ingestion.connectors.sharepoint.permissions import Grants
from ingestion.connectors.sharepoint.tree import Scope, Tree, digest, short

_PAGE = ".html"
_ORIGIN = "SharePoint"
Item = Mapping[str, Any]


def external_id(library: Library, item_id: str) -> str:
    """A document's id: item ids stay when an item is renamed or moved within its library."""
    return f"{library.drive_id}/{item_id}{_PAGE if library.pages else ''}"


def parse_id(name: str) -> tuple[str, str, bool]:
    """The drive's id and the item's of an external id, and whether it is a page."""
    drive_id, _, item_id = name.partition("/")
    return drive_id, item_id.removesuffix(_PAGE), item_id.endswith(_PAGE)


def page_address(item: Item) -> str | None:
    """Where Graph has the page of an item of the pages' library.

    A page's id is the item's unique id, which its ``eTag`` holds too
    (https://learn.microsoft.com/graph/api/sitepage-get, examples 2 and 3).
    """
    site_id = (item.get("parentReference") or {}).get("siteId")
    unique = (item.get("sharepointIds") or {}).get("listItemUniqueId")
    found = re.search(r"\{([0-9A-Fa-f-]{36})\}", item.get("eTag") or "")
    page_id = unique or (found and found[1])
    return f"/sites/{site_id}/pages/{page_id.lower()}/microsoft.graph.sitePage" if site_id and page_id else None


def acl_digest(acl: AccessList | None) -> str:
    """A short digest of who may read something."""
    return "?" if acl is None else digest(*acl.terms())


def read_acl(graph: Graph, grants: Grants, library: Library, answer: Answer) -> AccessList | None:
    """Who may read an item, by the permissions that were answered; None if they can't be read."""
    if not answer.good:
        return None
    told = list(answer.body["value"])
    if link := graph.relative(answer.body.get("@odata.nextLink")):
        told += graph.collection(link)
    return grants.readers(told, library.site.id)


@dataclass(frozen=True, slots=True)
class Placed:
    """An item, the folders it lies in, and whose permissions hold for it."""

    item: Item
    chain: Sequence[str]
    path: str
    scope: Scope


class Items:
    """Reads the items of one library.

    Args:
        tree: its folders.
        known: what the catalog knows, for pages whose changes aren't published yet.
        hidden: the ids of items whose permissions can't be read; kept up to date.
    """

    def __init__(
        self,
        *,
        graph: Graph,
        library: Library,
        config: SharePointConfig,
        grants: Grants,
        tree: Tree,
        known: Known,
        hidden: set[str],
    ) -> None:
        self._graph = graph
        self._library = library
        self._config = config
        self._grants = grants
        self._tree = tree
        self._known = known
        self._include = compile_globs(config.include or ("**",))
        self._exclude = compile_globs(config.exclude)
        self._acls: dict[str, AccessList | None] = {}
        self._hidden = hidden

    def changes(self, items: Iterable[Item], *, told: bool) -> list[Change]:
        """What files are now. Those that aren't documents are named as gone.

        Args:
            told: whether they come from the change feed: see :meth:`Tree.add`.
        """
        placed = self._place([item for item in items if item.get("file") is not None], told)
        wanted = [one for one in placed if self._is_wanted(one)]
        gone = [Delete(external_id(self._library, one.item["id"])) for one in placed if one not in wanted]
        self.ask([one.scope.item_id for one in wanted])
        if self._library.pages:
            return [*gone, *self._pages(wanted)]
        departments = self._departments(wanted)
        return [*gone, *(self._document(one, departments.get(one.item["id"])) for one in wanted)]

    def forget(self, items: Iterable[Item]) -> None:
        """Let go of the permissions of single items: only those of folders are of use again."""
        for item in items:
            if item.get("folder") is None:
                self._acls.pop(item["id"], None)

    def readers(self, item_id: str) -> AccessList | None:
        """Who may read a folder, asked for before (:meth:`ask`)."""
        return self._acls[item_id]

    def ask(self, item_ids: Iterable[str]) -> None:
        """Ask for permissions, each item's once.

        They can't be had along with the items: remarks of
        https://learn.microsoft.com/graph/api/driveitem-list-permissions.
        """
        missing = sorted({item_id for item_id in item_ids if item_id not in self._acls})
        base = f"/drives/{self._library.drive_id}/items"
        for item_id, answer in zip(
            missing, self._graph.batch([f"{base}/{one}/permissions" for one in missing]), strict=True
        ):
            self._acls[item_id] = read_acl(self._graph, self._grants, self._library, answer)

    def _place(self, items: Sequence[Item], told: bool) -> list[Placed]:
        items = [item for item in items if (item.get("parentReference") or {}).get("id")]
        self._tree.complete(item["parentReference"]["id"] for item in items)
        found = []
        for item in items:
            parent = item["parentReference"]["id"]
            chain = self._tree.chain(parent)
            own = self._config.permissions_of == "items" or item.get("shared") is not None
            scope = Scope(item["id"], -1) if own and told else self._tree.scope(parent)
            if not told:
                scope = Scope(item["id"], None)
            found.append(Placed(item, chain, self._tree.path(chain), scope))
        return found

    def _is_wanted(self, placed: Placed) -> bool:
        if placed.item.get("package") is not None or placed.item.get("remoteItem") is not None:
            return False
        if self._library.pages and not placed.item["name"].lower().endswith(".aspx"):
            return False
        name = "/".join(filter(None, (self._library.name, placed.path, placed.item["name"])))
        return bool(self._include.match(name)) and not self._exclude.match(name)

    def _departments(self, placed: Sequence[Placed]) -> dict[str, str]:
        """The mapped column of each item (https://learn.microsoft.com/graph/api/listitem-get)."""
        column = self._config.department_column
        if column is None or not placed:
            return {}
        base = f"/drives/{self._library.drive_id}/items"
        urls = [f"{base}/{one.item['id']}/listItem?$expand=fields($select={column})" for one in placed]
        found = {}
        for one, answer in zip(placed, self._graph.batch(urls), strict=True):
            value = (answer.body.get("fields") or {}).get(column) if answer.good else None
            if isinstance(value, list):
                value = ", ".join(str(part) for part in value)
            if value:
                found[one.item["id"]] = str(value)
        return found

    def _document(self, placed: Placed, department: str | None) -> Change:
        item = placed.item
        content = item.get("cTag") or item.get("eTag") or f"{item.get('lastModifiedDateTime')} {item.get('size')}"
        facts = _facts(item, item["name"], department or self._config.department)
        return self._change(placed, item.get("webUrl") or "", digest(content), facts)

    def _pages(self, placed: Sequence[Placed]) -> list[Change]:
        addresses = [(one, address) for one in placed if (address := page_address(one.item))]
        answers = self._graph.batch([address for _, address in addresses])
        names = [external_id(self._library, one.item["id"]) for one, _ in addresses]
        notes = self._known.notes(names) if names else {}
        found = []
        for (one, _), name, answer in zip(addresses, names, answers, strict=True):
            found.append(self._page(one, name, answer, notes.get(name)))
        return found

    def _page(self, placed: Placed, name: str, answer: Answer, note: Note | None) -> Change:
        """A page: as it was published last. Drafts are for those who write them."""
        if answer.status == 404:  # noqa: PLR2004 - not a page of web parts: the classic kinds have no canvas
            return Delete(name)
        uri = placed.item.get("webUrl") or ""
        if not answer.good:
            reason = f"The page {placed.item['name']} can't be read ({answer.status} {answer.code})."
            return Unreadable(name, uri, reason, self._acls[placed.scope.item_id])
        page = answer.body
        state = page.get("publishingState") or {}
        title, content = page.get("title") or page["name"], digest(page.get("eTag") or page["lastModifiedDateTime"])
        if state.get("level") != "published":
            if note is None or "title" not in note:
                return Delete(name)
            title, content = note["title"], note["rev"]
        facts = _facts({**placed.item, "createdBy": page.get("createdBy")}, title, self._config.department)
        return self._change(placed, page.get("webUrl") or uri, content, facts, {"title": title})

    def _change(
        self, placed: Placed, uri: str, content: str, facts: Metadata, more: Mapping[str, str] = MappingProxyType({})
    ) -> Change:
        item, scope = placed.item, placed.scope
        name = external_id(self._library, item["id"])
        acl = self._acls[scope.item_id]
        if acl is None:
            self._hidden.add(item["id"])
            return Unreadable(
                name,
                uri,
                f"SharePoint doesn't say who may read {item['name']} ({self._library.name}, {self._library.site.url}). "
                "It is hidden until it does. Check that the application has Sites.FullControl.All.",
            )
        self._hidden.discard(item["id"])
        if scope.item_id == item["id"] and scope.depth is None:
            scope = self._inherited(placed, acl)
        revision = digest(content, uri, placed.path, item["name"], *acl.terms(), json.dumps(facts.to_json()))
        note = {
            "up": ".".join(map(short, placed.chain)),
            "in": placed.path,
            "acl": acl_digest(acl),
            "rev": content,
            **({} if scope.depth is None else {"at": scope.depth}),
            **more,
        }
        return Upsert(
            external_id=name,
            uri=uri,
            revision=revision,
            content_revision=content,
            size=int(item.get("size") or 0),
            acl=acl,
            metadata=facts,
            note=note,
        )

    def _inherited(self, placed: Placed, acl: AccessList) -> Scope:
        """Whose permissions an item has that wasn't told by the change feed: its folder's, if they are the same."""
        scope = self._tree.scope(placed.item["parentReference"]["id"])
        same = scope.item_id in self._acls and self._acls[scope.item_id] == acl
        return scope if same else Scope(placed.item["id"], None)


def _facts(item: Item, title: str, department: str | None) -> Metadata:
    author = (item.get("createdBy") or {}).get("user") or {}
    return Metadata(
        title=title,
        author=author.get("displayName") or author.get("email"),
        department=department,
        created=_moment(item.get("createdDateTime")),
        modified=_moment(item.get("lastModifiedDateTime")),
    ).coming_from(_ORIGIN)


def _moment(told: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(told) if told else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
