"""The folders of a library: where an item lies, and from where it inherits who may read it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import SourceUnavailable
from ingestion.connectors.sharepoint.graph import Graph

_DEEPEST = 400
"""An address has 400 characters at most, so no folder lies deeper."""


def digest(*parts: str) -> str:
    """A short digest of some texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def short(item_id: str) -> str:
    """An item's id, shortened for notes: two that are alike only cost a question too many."""
    return digest(item_id)[:8]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder.

    Attributes:
        parent: the id of the folder above; None for the root.
        unique: whether it has permissions of its own; None: nobody said.
    """

    parent: str | None
    name: str
    unique: bool | None


@dataclass(frozen=True, slots=True)
class Scope:
    """The item whose permissions hold for another one.

    Attributes:
        depth: how many folders down it lies, 0 for the root; -1: the item itself; None: nobody knows.
    """

    item_id: str
    depth: int | None


class Tree:
    """The folders that a listing has met, and those above them, which it asks for."""

    def __init__(self, graph: Graph, drive_id: str) -> None:
        self._graph = graph
        self._drive_id = drive_id
        self._folders: dict[str, Folder] = {}

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._folders

    def add(self, item: Mapping[str, Any], *, told: bool) -> None:
        """A folder as Graph tells it.

        Args:
            told: whether it comes from the change feed, which says by the ``shared`` facet what has permissions of its
                own (``Prefer: hierarchicalsharing``,
                https://learn.microsoft.com/onedrive/developer/rest-api/concepts/scan-guidance).
        """
        root = item.get("root") is not None
        parent = None if root else (item.get("parentReference") or {}).get("id")
        unique = True if root else (item.get("shared") is not None if told else None)
        self._folders[item["id"]] = Folder(parent, "" if root else item.get("name", ""), unique)

    def remove(self, item_id: str) -> None:
        """A folder that went."""
        self._folders.pop(item_id, None)

    def complete(self, folder_ids: Iterable[str]) -> None:
        """Ask for those of these folders, and of those above them, that aren't known yet."""
        missing = self._missing(folder_ids)
        while missing:
            answers = self._graph.batch([f"/drives/{self._drive_id}/items/{item_id}" for item_id in missing])
            for item_id, answer in zip(missing, answers, strict=True):
                # A folder that went meanwhile: the next listing hears of it, and of what was in it.
                self.add(answer.body if answer.good else {"id": item_id, "root": {}}, told=False)
            missing = self._missing(missing)

    def chain(self, folder_id: str | None) -> list[str]:
        """The ids of the folders down to this one, itself included, the root not."""
        found: list[str] = []
        while folder_id is not None and (folder := self._folders[folder_id]).parent is not None:
            found.append(folder_id)
            folder_id = folder.parent
            if len(found) > _DEEPEST:
                raise SourceUnavailable("SharePoint names folders that lie within themselves.")
        return found[::-1]

    def path(self, chain: Iterable[str]) -> str:
        """The path of a chain of folders."""
        return "/".join(self._folders[folder_id].name for folder_id in chain)

    def scope(self, folder_id: str) -> Scope:
        """The item whose permissions hold in a folder."""
        depth = len(self.chain(folder_id))
        here: str | None = folder_id
        while here is not None:
            folder = self._folders[here]
            if folder.unique or folder.parent is None:
                return Scope(here, depth)
            if folder.unique is None:
                return Scope(here, None)
            here, depth = folder.parent, depth - 1
        raise AssertionError("the root ends the way up")

    def _missing(self, folder_ids: Iterable[str]) -> list[str]:
        missing: set[str] = set()
        seen: set[str] = set()
        for folder_id in set(folder_ids):
            here: str | None = folder_id
            while here is not None and here in self._folders and here not in seen:
                seen.add(here)
                here = self._folders[here].parent
            if here is not None and here not in self._folders:
                missing.add(here)
        return sorted(missing)
