"""A site of SharePoint, changed as people change it, behind a server that answers as Microsoft Graph does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from tests.contract.sources.world import Truth
from tests.servers.graph.grants import for_group, for_person
from tests.servers.graph.server import GraphServer, serving
from tests.servers.graph.tenant import Drive, Tenant


class SharePointWorld:
    """Documents are text files of one library; who may read one is said by its permissions, or by the site's."""

    kind = "sharepoint"
    can = frozenset({"share", "move", "withhold", "groups"})

    def __init__(self, page_size: int = 5) -> None:
        self.tenant = Tenant()
        site = self.tenant.site("sites/team", "Team")
        site.permissions = [for_group(self.tenant.group("team"), "write")]
        self.drive: Drive = site.library("Documents")
        self._stack = ExitStack()
        self.server: GraphServer = self._stack.enter_context(serving(self.tenant, page_size))

    def config(self) -> Mapping[str, Any]:
        return self.server.config()

    def put(self, key: str, text: str) -> None:
        with self.tenant.lock:
            self.drive.put(f"{key}.txt", text.encode())

    def share(self, key: str, readers: frozenset[str]) -> None:
        permissions = [
            for_group(self.tenant.group(one.removeprefix("group:")))
            if one.startswith("group:")
            else for_person(self.tenant, one)
            for one in sorted(readers)
        ]
        with self.tenant.lock:
            self.drive.share(f"{key}.txt", permissions)

    def move(self, key: str, to: str) -> None:
        with self.tenant.lock:
            self.drive.move(f"{key}.txt", f"{to}.txt")

    def delete(self, key: str) -> None:
        with self.tenant.lock:
            self.drive.delete(f"{key}.txt")

    def withhold(self, key: str, withheld: bool) -> None:
        with self.tenant.lock:
            item = self.drive.at(f"{key}.txt")
            item.withheld = withheld
            if item.permissions is None:  # what inherits isn't asked for one by one
                self.drive.share(f"{key}.txt", list(self.drive.effective(item)[0]))
            self.drive.touch(item)

    def members(self, group: str, users: frozenset[str]) -> None:
        with self.tenant.lock:
            self.tenant.group(group, set(users))

    def truth(self, source_id: str) -> Mapping[str, Truth]:
        with self.tenant.lock:
            live = [one for one in self.drive.items.values() if not one.is_folder and not one.deleted]
            return {f"{self.drive.id}/{one.id}": self._truth(one, source_id) for one in live}

    def _truth(self, item: Any, source_id: str) -> Truth:
        terms = set()
        for permission in self.drive.effective(item)[0]:
            granted = permission["grantedToV2"]
            if "group" in granted:
                terms.add(f"group:{source_id}/entra/{granted['group']['id']}")
            else:
                terms.add(f"user:{granted['user']['email']}")
        return Truth(item.content.decode(), None if item.withheld else frozenset(terms))

    def close(self) -> None:
        self._stack.close()
