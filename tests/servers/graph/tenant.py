"""What a tenant of Microsoft 365 holds: people, groups, sites, libraries with their change feeds, pages."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

HOST = "contoso.sharepoint.com"
TENANT_ID = "7c2f3b1e-0d5c-4c3e-9a55-0a4d7c1f9b10"
_START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def guid(*parts: object) -> str:
    """The same id for the same name, as in the directory."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, parts))))


@dataclass
class Item:
    """A file or folder of a library, or a page of the pages' library.

    Attributes:
        permissions: its own, as Graph tells them; None: it inherits its folder's.
        withheld: whether its permissions may not be read.
        changed: number of the last change that the feed tells of it.
    """

    id: str
    number: int
    name: str
    parent: str | None
    content: bytes | None = None
    mime: str = "text/plain"
    version: int = 1
    content_version: int = 1
    modified: datetime = _START
    author: str = "ann@example.com"
    permissions: list[dict[str, Any]] | None = None
    withheld: bool = False
    deleted: bool = False
    sharing_changed: int = 0
    changed: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    page: dict[str, Any] | None = None

    @property
    def unique(self) -> str:
        """The unique id of its list item."""
        return guid("item", self.id)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, or the root."""
        return self.content is None


class Drive:
    """A library. Every change has a number, by which the feed goes on."""

    def __init__(self, tenant: Tenant, site: Site, name: str, template: str) -> None:
        self.tenant, self.site, self.name, self.template = tenant, site, name, template
        self.id = f"b!{guid('drive', site.path, name).replace('-', '')}{guid('list', name).replace('-', '')}"
        self.list_id = guid("list", site.path, name)
        self.items: dict[str, Item] = {}
        self.clock = 0
        self.expired_before = 0
        self.gone = False
        self.children_of_deleted = True
        """Whether the feed names what lay in a folder that was deleted."""
        self.root = self._new("root", None, None)
        self.root.permissions = list(site.permissions)

    def folder(self, path: str) -> Item:
        """A folder, made with those above it where there is none."""
        here = self.root
        for name in filter(None, path.split("/")):
            here = self.child(here, name) or self._new(name, here.id, None)
        return here

    def put(self, path: str, content: bytes, **facts: Any) -> Item:
        """Add a file, or change one."""
        above, _, name = path.rpartition("/")
        folder = self.folder(above)
        found = self.child(folder, name)
        if found is None:
            return self._new(name, folder.id, content, **facts)
        if found.content != content:
            found.content, found.content_version = content, found.content_version + 1
        for key, value in facts.items():
            setattr(found, key, value)
        self.touch(found)
        return found

    def at(self, path: str) -> Item:
        """The item at a path."""
        here = self.root
        for name in filter(None, path.split("/")):
            found = self.child(here, name)
            assert found is not None, path
            here = found
        return here

    def child(self, folder: Item, name: str) -> Item | None:
        """What has this name in a folder."""
        return next((one for one in self.children(folder) if one.name == name), None)

    def children(self, folder: Item) -> list[Item]:
        """What lies in a folder."""
        return [self.items[one] for one in self._children.get(folder.id, {})]

    def move(self, path: str, to: str) -> None:
        """Rename it, or put it elsewhere. Of a folder the feed names nothing but itself."""
        item = self.at(path)
        above, _, name = to.rpartition("/")
        folder = self.folder(above)
        assert item.parent is not None
        del self._children[item.parent][item.id]
        item.name, item.parent = name, folder.id
        self._children.setdefault(folder.id, {})[item.id] = None
        self.touch(item)

    def delete(self, path: str) -> None:
        """Put it into the recycle bin."""
        self._delete(self.at(path), named=True)

    def share(self, path: str, permissions: list[dict[str, Any]] | None) -> None:
        """Give it permissions of its own; None: let it inherit. Of a folder the feed names nothing but itself."""
        item = self.at(path)
        item.permissions = permissions
        self.touch(item)
        item.sharing_changed = item.changed

    def touch(self, item: Item) -> None:
        """Have the feed tell of it."""
        self.clock += 1
        item.changed = self.clock
        item.version += 1
        item.modified = self.tenant.now()

    def expire(self) -> None:
        """Every link of the feed there is answers 410 from now on."""
        self.expired_before = self.clock = self.clock + 1

    def above(self, item: Item) -> Iterator[Item]:
        """The folders above it, up to the root."""
        while item.parent is not None:
            item = self.items[item.parent]
            yield item

    def effective(self, item: Item) -> tuple[list[dict[str, Any]], Item]:
        """Its permissions, and the item that has them."""
        for one in (item, *self.above(item)):
            if one.permissions is not None:
                return one.permissions, one
        raise AssertionError("the root has permissions")

    def path(self, item: Item) -> str:
        """Its path in the library."""
        names = [item.name, *(one.name for one in self.above(item))]
        return "/".join(reversed(names[:-1])) if item.parent else ""

    def _delete(self, item: Item, *, named: bool) -> None:
        for one in self.children(item):
            self._delete(one, named=self.children_of_deleted)
        item.deleted = True
        assert item.parent is not None
        del self._children[item.parent][item.id]
        if named:
            self.touch(item)

    def _new(self, name: str, parent: str | None, content: bytes | None, **facts: Any) -> Item:
        if not hasattr(self, "_children"):
            self._children: dict[str, dict[str, None]] = {}
        number = len(self.items) + 1
        item_id = "01" + uuid.uuid5(uuid.NAMESPACE_URL, f"{self.id}/{number}").hex.upper()
        item = Item(item_id, number, name, parent, content, **facts)
        self.items[item_id] = item
        if parent is not None:
            self._children.setdefault(parent, {})[item_id] = None
        self.touch(item)
        return item


class Site:
    """A site, with its own groups, libraries and the library of its pages."""

    def __init__(self, tenant: Tenant, path: str, title: str) -> None:
        self.tenant, self.path, self.title = tenant, path, title
        self.id = f"{HOST},{guid('collection', path)},{guid('web', path)}"
        self.groups: dict[int, tuple[str, list[str]]] = {}
        self.permissions: list[dict[str, Any]] = []
        self.drives: dict[str, Drive] = {}
        self.gone = False

    def library(self, name: str, template: str = "documentLibrary") -> Drive:
        """A library, made where there is none."""
        if name not in self.drives:
            self.drives[name] = Drive(self.tenant, self, name, template)
        return self.drives[name]

    @property
    def pages(self) -> Drive:
        """The library of its pages."""
        return self.library("Site Pages", "webPageLibrary")

    def put_page(self, name: str, page: Mapping[str, Any], level: str = "published", version: str = "1.0") -> Item:
        """Add a page, or change one: its title and canvas."""
        told = {**page, "publishingState": {"level": level, "versionId": version}}
        return self.pages.put(name, b"<%@ Page %>", mime="application/octet-stream", page=told)


class Tenant:
    """A tenant.

    Attributes:
        people: who there is: e-mail address to directory id.
        groups: members of Entra groups: e-mail addresses, and ids of groups within.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.people: dict[str, str] = {}
        self.groups: dict[str, set[str]] = {}
        self.owners: dict[str, set[str]] = {}
        self.sites: dict[str, Site] = {}
        self._ticks = 0

    def now(self) -> datetime:
        """A clock that moves on with each change."""
        self._ticks += 1
        return _START + timedelta(seconds=self._ticks)

    def person(self, email: str) -> str:
        """A person's directory id."""
        return self.people.setdefault(email, guid("user", email))

    def group(self, name: str, members: set[str] | None = None) -> str:
        """An Entra group's id; its members are set if they are given."""
        group_id = guid("group", name)
        if members is not None or group_id not in self.groups:
            self.groups[group_id] = set(members or ())
        return group_id

    def site(self, path: str, title: str = "") -> Site:
        """A site, made where there is none."""
        if path not in self.sites:
            self.sites[path] = Site(self, path, title or path.rpartition("/")[2])
        return self.sites[path]

    def drive(self, drive_id: str) -> Drive | None:
        """A library by its drive's id."""
        drives = (drive for site in self.sites.values() if not site.gone for drive in site.drives.values())
        return next((drive for drive in drives if drive.id == drive_id and not drive.gone), None)

    def members(self, group_id: str) -> set[str]:
        """The people in a group, and in groups within it."""
        found: set[str] = set()
        for one in self.groups[group_id]:
            found |= self.members(one) if one in self.groups else {one}
        return found
