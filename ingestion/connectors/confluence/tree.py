"""Where pages of Cloud stand: below pages, folders, whiteboards and what else can hold them.

v1 tells ancestors that are pages. Folders are restricted too, and what they are restricted to holds for all below them
(https://support.atlassian.com/confluence-cloud/docs/manage-permissions-on-the-page-level/), so the way up is v2's
``parentId``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from core.errors import NotFound
from ingestion.connectors.confluence.api import Api

_HIGHEST = 200
KINDS = ("page", "whiteboard", "database", "embed", "folder")
"""What a page can lie below: https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-ancestors/"""


@dataclass(frozen=True, slots=True)
class _Node:
    title: str
    kind: str
    """Of what it lies below; empty at the top."""
    parent: str


class Tree:
    """The content of a space as far as it is known; what isn't is asked for, one at a time."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._nodes: dict[str, _Node] = {}

    def add(self, item: Mapping[str, Any]) -> None:
        """A page as v2 has it."""
        parent = item.get("parentId")
        kind = str(item.get("parentType") or "page") if parent else ""
        self._nodes[str(item["id"])] = _Node(str(item.get("title", "")), kind, str(parent or ""))

    def above(self, content_id: str) -> list[dict[str, str]]:
        """Ids and titles of what a page lies below, from the top.

        Raises:
            NotFound, SourceRefuses: something above it can't be seen, or has no end.
        """
        found: list[dict[str, str]] = []
        node = self._nodes[content_id]
        while node.parent:
            if len(found) == _HIGHEST or node.kind not in KINDS:
                raise NotFound(f"{self._api.name} has something above {content_id} that isn't understood.")
            above = self._node(node.kind, node.parent)
            found.insert(0, {"id": node.parent, "title": above.title})
            node = above
        return found

    def _node(self, kind: str, content_id: str) -> _Node:
        if content_id not in self._nodes:
            self.add(self._api.get(f"/api/v2/{kind}s/{quote(content_id)}"))
        return self._nodes[content_id]
