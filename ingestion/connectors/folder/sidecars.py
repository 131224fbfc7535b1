"""What is written down around the documents of a folder: sidecars.

For each fact the nearest place wins: the document's own sidecar, then its front matter (for Markdown), then the sidecar
of its folder, of the folder above, and so on up to the source's root, then the source's configuration: its rules, then
its defaults. What nothing of that says, the folders above the root may: the nearest first, up to the file system's root
or the first whose sidecar says ``root: true``. Last comes the installation's default. Permissions are such a fact.

What can't be read is never passed over: the document would be served with the permissions of the next place, which
may be wider. It is reported as unreadable instead, with the reason.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import datetime
from functools import reduce
from pathlib import Path, PurePosixPath
from typing import Any

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.partitioning.facts import BadFacts, Facts
from ingestion.partitioning.front_matter import LONGEST, facts_at_top
from ingestion.partitioning.sidecars import (
    FOLDER_SIDECAR,
    FOLDER_SPELLINGS,
    MOST_BYTES,
    SUFFIX,
    Sidecar,
    Strays,
    described_by,
    is_sidecar,
    mentions_readers,
    misnamed,
    read_sidecar,
)


class _Folder:
    """The names in a folder, by what they describe."""

    def __init__(self, names: list[str]) -> None:
        everything = set(names)
        self.own: dict[str | None, list[str]] = {}
        self.strays = Strays()
        for name in sorted(everything):
            described = described_by(name) if is_sidecar(name) else None
            if is_sidecar(name):
                self.own.setdefault(described, []).append(name)
            if described not in everything:
                self.strays.add(name)


class Sidecars:
    """The sidecars of one folder source, each read at most once.

    Args:
        root: the source's folder.
        contains: tells whether a path, its links followed, is inside the root.
    """

    def __init__(self, root: Path, contains: Callable[[Path], bool]) -> None:
        self._root = root
        self._contains = contains
        self._listed: dict[Path, _Folder] = {}
        self._folders: dict[Path, Sidecar | BadFacts] = {}
        self._outer: list[Facts] | None = None

    def own(self, external_id: str) -> Facts:
        """What the document's own sidecar says.

        Raises:
            BadFacts: it can't be used, there are two, or there is none but a file that may be meant for one.
        """
        path = self._root / external_id
        folder = self._list(path.parent)
        names = folder.own.get(path.name, [])
        if names:
            return self._one(path.parent, names).facts
        self._check_meant(path.parent, folder.strays.for_file(path.name), path.name, path.name + SUFFIX)
        return Facts()

    def above(self, external_id: str) -> list[Facts]:
        """What the sidecar of each of its folders says, up to the source's root, the nearest first.

        Raises:
            BadFacts: one of them can't be used.
        """
        facts = []
        for folder in PurePosixPath(external_id).parents:
            found = self._folder(self._root / folder)
            facts.append(found.facts)
            if found.root:
                break
        return facts

    def outside(self, external_id: str) -> list[Facts]:
        """What the sidecars of the folders above the source's root say, the nearest first.

        A root that is reached through a link lies in two places, and the folders of both count.

        Raises:
            BadFacts: one of them can't be used, or the two places name different readers.
        """
        if any(self._folder(self._root / folder).root for folder in PurePosixPath(external_id).parents):
            return []
        if self._outer is None:
            self._outer = self._chains()
        return self._outer

    def _chains(self) -> list[Facts]:
        real = self._root.resolve()
        chains = [self._chain(place) for place in dict.fromkeys((self._root, real))]
        readers = {acl for chain in chains if (acl := reduce(Facts.over, chain).acl) is not None}
        if len(readers) > 1:
            raise BadFacts(
                f"the folders above {self._root} and those above {real}, where it leads, name different readers: take "
                f"in the folder by its own path, or say who may read it in a {FOLDER_SIDECAR} in it"
            )
        return [facts for chain in chains for facts in chain]

    def _chain(self, root: Path) -> list[Facts]:
        facts = [Facts()]
        for folder in root.parents:
            found = self._folder(folder)
            facts.append(found.facts)
            if found.root:
                break
        return facts

    def _folder(self, folder: Path) -> Sidecar:
        if folder not in self._folders:
            try:
                self._folders[folder] = self._of_folder(folder)
            except BadFacts as error:
                self._folders[folder] = error
        found = self._folders[folder]
        if isinstance(found, BadFacts):
            raise found
        return found

    def _of_folder(self, folder: Path) -> Sidecar:
        listed = self._list(folder)
        names = listed.own.get(None, [])
        if not names:
            self._check_meant(folder, listed.strays.for_folder(), "the documents in its folder", FOLDER_SIDECAR)
        return self._one(folder, names)

    def _check_meant(self, folder: Path, names: list[str], what: str, right: str) -> None:
        for name in names:
            if _mentions_acl(folder / name):
                raise misnamed(self._shown(folder / name), what, right)

    def _list(self, folder: Path) -> _Folder:
        if folder not in self._listed:
            try:
                os.stat(f"{folder}/.")  # noqa: PTH116 - one that may be listed but not entered is as good as closed
                names = os.listdir(folder)  # noqa: PTH208
            except PermissionError:
                if folder.is_relative_to(self._root):
                    raise BadFacts(f"its folder can't be listed, and so neither can its sidecars: {folder}") from None
                # Folders of others need not be open to be passed through: what is looked for is then tried by name.
                names = [name for name in FOLDER_SPELLINGS if os.path.lexists(folder / name)]
            except OSError as error:
                raise BadFacts(f"the sidecars in {folder} can't be listed: {error.strerror}") from None
            self._listed[folder] = _Folder(names)
        return self._listed[folder]

    def _one(self, folder: Path, names: list[str]) -> Sidecar:
        if len(names) > 1:
            both = " and ".join(self._shown(folder / name) for name in names)
            raise BadFacts(f"{both} speak of the same: keep one of them")
        return self._read(folder / names[0]) if names else Sidecar(Facts())

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)

    def _read(self, path: Path) -> Sidecar:
        name = self._shown(path)
        try:
            if path.is_relative_to(self._root) and not self._contains(path):
                raise BadFacts(f"the sidecar {name} is a link that leads out of the folder")
            if not stat.S_ISREG(path.stat().st_mode):
                raise BadFacts(f"the sidecar {name} is not a file")
            with path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            what = "is a link to nothing" if path.is_symlink() else "went while it was to be read"
            raise BadFacts(f"the sidecar {name} {what}") from None
        except OSError as error:
            raise BadFacts(f"the sidecar {name} can't be read: {error.strerror}") from None
        return read_sidecar(content, name)


def _mentions_acl(path: Path) -> bool:
    """Whether a file that is no sidecar seems to say who may read another. What can't be read may."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(LONGEST)
    except OSError:
        return True
    return mentions_readers(head)


def written_in(path: Path) -> Facts:
    """What a file says of itself at its top.

    Raises:
        BadFacts, UnreadableDocument: as :func:`ingestion.partitioning.front_matter.facts_at_top`.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        return facts_at_top(file.read(LONGEST), path.name)


def dump_facts(facts: Facts) -> dict[str, Any] | None:
    """As JSON, for the cursor; None if they say nothing."""
    if facts == Facts():
        return None
    metadata = facts.metadata
    values = {key: getattr(metadata, key) for key in Metadata.__slots__ if getattr(metadata, key)}
    for key, value in values.items():
        values[key] = value.isoformat() if isinstance(value, datetime) else value
    return {"metadata": values, "acl": None if facts.acl is None else list(facts.acl.terms())}


def load_facts(dumped: dict[str, Any] | None) -> Facts:
    """The inverse of :func:`dump_facts`."""
    if dumped is None:
        return Facts()
    values = dict(dumped["metadata"])
    for key in ("created", "modified"):
        if key in values:
            values[key] = datetime.fromisoformat(values[key])
    if "tags" in values:
        values["tags"] = tuple(values["tags"])
    acl = dumped["acl"]
    return Facts(Metadata(**values), None if acl is None else AccessList.from_terms(acl))
