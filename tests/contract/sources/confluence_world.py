"""A Confluence for the suite that runs over every source: one space, whose pages are the documents."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from html import escape
from typing import Any

from ingestion.connectors.confluence.access import Gate, access_list, narrowed
from tests.contract.sources.world import Truth
from tests.servers.confluence.server import config, serving
from tests.servers.confluence.site import Content, Group, Site

SPACE, EVERYBODY = "DOCS", "confluence-users"


class ConfluenceWorld:
    """Documents are pages; folders of their keys are Cloud's folders. Data Center has none, so there pages lie flat.

    Args:
        cloud: whether it is Cloud or Data Center.
        above: the folders of keys are pages, without text of their own and documents too.
    """

    kind = "confluence"
    can = frozenset({"share", "move", "withhold", "groups"})

    def __init__(self, *, cloud: bool, above: bool = False) -> None:
        self._stack = ExitStack()
        self._above_kind = "page" if above else "folder" if cloud else None
        self.site = Site(cloud=cloud)
        # Cloud doesn't tell of anonymous readers, so there a group that everybody is in may view the space.
        self.site.space(SPACE, anonymous=not cloud, groups={self.site.group(EVERYBODY)} if cloud else None)
        self.confluence = self._stack.enter_context(serving(self.site))
        self._pages: dict[str, str] = {}
        self._said: dict[str, str] = {}

    def config(self) -> Mapping[str, Any]:
        """Of a source that takes the one space."""
        return config(self.confluence, spaces=[SPACE])

    def put(self, key: str, text: str) -> None:
        """A page with one paragraph; what was binned under the same key stays there."""
        body = f"<p>{escape(text)}</p>"
        if key in self._pages:
            self.site.edit(self._pages[key], body)
        else:
            above = self._above(key)
            self._pages[key] = self.site.add("page", SPACE, key.rpartition("/")[2], body, above).id
        self._said[self._pages[key]] = text

    def share(self, key: str, readers: frozenset[str]) -> None:
        """By restrictions of the page; nobody named is a group without members, since Confluence has no empty ones."""
        page = self.site.content[self._pages[key]]
        page.groups = {self.site.group(one.partition(":")[2]) for one in readers if one.startswith("group:")}
        page.users = {self._user(one) for one in readers if not one.startswith("group:")}
        if not readers:
            page.groups = {self.site.group("nobody")}

    def move(self, key: str, to: str) -> None:
        """Under another page, with another title: a rename makes a version, a move alone none."""
        page = self.site.content[self._pages.pop(key)]
        self._pages[to] = page.id
        page.parent = self._above(to)
        title = to.rpartition("/")[2]
        if title != page.title:
            self.site.edit(page.id, title=title)

    def delete(self, key: str) -> None:
        """Into the bin."""
        self.site.content[self._pages.pop(key)].status = "trashed"

    def withhold(self, key: str, withheld: bool) -> None:
        """The page's restrictions are neither expanded nor told."""
        self.site.content[self._pages[key]].withheld = withheld

    def members(self, group: str, users: frozenset[str]) -> None:
        """Of a group of the site."""
        self.site.group(group)
        self.site.groups[group].members = {self._user(one) for one in users}

    def truth(self, source_id: str) -> Mapping[str, Truth]:
        """What there is; pages above others hold their path alone."""
        emails = {user.key: user.email for user in self.site.users.values()}
        space = self.site.spaces[SPACE]
        everywhere = Gate(groups=frozenset(space.groups), everyone=space.anonymous)
        found = {}
        for page in self.site.content.values():
            if page.type != "page" or not self.site.shown(page):
                continue
            chain = [page, *self.site.ancestors(page)]
            gates = narrowed([everywhere, *map(self._gate, chain)])
            acl = access_list(gates, lambda name: f"{source_id}/{name}", emails)
            terms = None if any(one.withheld for one in chain) else frozenset(acl.terms())
            found[f"page/{page.id}"] = Truth(self._said.get(page.id, ""), terms)
        return found

    def close(self) -> None:
        """Stop serving."""
        self._stack.close()

    def page(self, key: str) -> str:
        """The content id of a document."""
        return self._pages[key]

    def _user(self, email: str) -> str:
        key = self.site.user(email)
        self.site.groups.get(EVERYBODY, Group("", "")).members.add(key)
        return key

    def _above(self, key: str) -> str | None:
        """What stands for the key's folder, made if it is missing."""
        parent: str | None = None
        for name in key.split("/")[:-1] if self._above_kind else ():
            parent = self._child(parent, name) or self.site.add(self._above_kind or "", SPACE, name, "", parent).id
        return parent

    def _child(self, parent: str | None, title: str) -> str | None:
        for one in self.site.content.values():
            if (one.type, one.parent, one.title) == (self._above_kind, parent, title) and one.id not in self._said:
                return one.id
        return None

    @staticmethod
    def _gate(page: Content) -> Gate:
        restricted = bool(page.users or page.groups)
        return Gate(frozenset(page.users), frozenset(page.groups), everyone=not restricted)
