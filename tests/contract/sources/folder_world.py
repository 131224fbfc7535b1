"""A folder, changed as people change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.contract.sources.world import Truth


class FolderWorld:
    """Documents are files; who may read one stands in its sidecar."""

    kind = "folder"
    can = frozenset({"share", "move", "withhold"})

    def __init__(self, root: Path) -> None:
        self._root = root
        self._readers: dict[str, frozenset[str]] = {}
        self._withheld: set[str] = set()

    def config(self) -> Mapping[str, Any]:
        return {"path": str(self._root), "include": ["**/*.txt"]}

    def put(self, key: str, text: str) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def share(self, key: str, readers: frozenset[str]) -> None:
        self._readers[key] = readers
        self._describe(key)

    def move(self, key: str, to: str) -> None:
        self._path(to).parent.mkdir(parents=True, exist_ok=True)
        self._path(key).rename(self._path(to))
        self._sidecar(key).unlink(missing_ok=True)
        if key in self._readers:
            self._readers[to] = self._readers.pop(key)
        if key in self._withheld:
            self._withheld.remove(key)
            self._withheld.add(to)
        self._describe(to)

    def delete(self, key: str) -> None:
        self._path(key).unlink()
        self._sidecar(key).unlink(missing_ok=True)
        self._readers.pop(key, None)
        self._withheld.discard(key)

    def withhold(self, key: str, withheld: bool) -> None:
        (self._withheld.add if withheld else self._withheld.discard)(key)
        self._describe(key)

    def members(self, group: str, users: frozenset[str]) -> None:
        raise NotImplementedError("A folder has no groups of its own.")

    def truth(self, source_id: str) -> Mapping[str, Truth]:
        found = {}
        for path in self._root.rglob("*.txt"):
            key = path.relative_to(self._root).as_posix().removesuffix(".txt")
            terms = {reader if ":" in reader else f"user:{reader}" for reader in self._readers.get(key, ())}
            readable = None if key in self._withheld else frozenset(terms if key in self._readers else {"public"})
            found[f"{key}.txt"] = Truth(path.read_text(), readable)
        return found

    def close(self) -> None:
        pass

    def _path(self, key: str) -> Path:
        return self._root / f"{key}.txt"

    def _sidecar(self, key: str) -> Path:
        return self._root / f"{key}.txt.meta.yaml"

    def _describe(self, key: str) -> None:
        if key in self._withheld:
            self._sidecar(key).write_text("acl: [unfinished")
        elif key in self._readers:
            terms = [reader if ":" in reader else f"user:{reader}" for reader in sorted(self._readers[key])]
            self._sidecar(key).write_text(json.dumps({"acl": terms}))
        else:
            self._sidecar(key).unlink(missing_ok=True)
