"""What is written down beside the documents of a folder: sidecars, and front matter.

For each fact the nearest place wins: the document's own sidecar (``<name>.meta.yaml``), then its front matter (for
Markdown), then the ``_folder.meta.yaml`` of its folder, of the folder above, and so on up to the root, then the rules
of the source's configuration, then its defaults. Permissions are such a fact.

What can't be read is never passed over: the document would be served with the permissions of the next place, which
may be wider. It is reported as unreadable instead, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from core.metadata import Metadata
from core.principal import AccessList
from ingestion.partitioning.facts import BadFacts, Facts, read_facts
from ingestion.partitioning.front_matter import LONGEST, one_line, split_front_matter
from ingestion.partitioning.text.decoding import decode

SUFFIX = ".meta.yaml"
FOLDER_SIDECAR = "_folder" + SUFFIX
_MARKDOWN = (".md", ".markdown", ".mdx")
_MOST_BYTES = 1_000_000


def is_sidecar(name: str) -> bool:
    """Whether a file of this name describes others and is no document itself."""
    return name.casefold().endswith((SUFFIX, ".meta.yml"))


def described_by(name: str) -> str | None:
    """The file that a sidecar of this name describes; None for a folder's sidecar."""
    plain = name.casefold()
    if plain in (FOLDER_SIDECAR, "_folder.meta.yml"):
        return None
    return name[: plain.rindex(".meta.")]


def has_front_matter(name: str) -> bool:
    """Whether a file of this name may begin with front matter."""
    return name.casefold().endswith(_MARKDOWN)


class Sidecars:
    """The sidecars of one folder source, each read at most once.

    Args:
        root: the source's folder.
        contains: tells whether a path, its links followed, is inside the root.
    """

    def __init__(self, root: Path, contains: Callable[[Path], bool]) -> None:
        self._root = root
        self._contains = contains
        self._folders: dict[PurePosixPath, Facts | BadFacts] = {}

    def own(self, external_id: str) -> Facts:
        """What the document's own sidecar says.

        Raises:
            BadFacts: it can't be used.
        """
        path = PurePosixPath(external_id)
        return self._read(path.with_name(path.name + SUFFIX))

    def above(self, external_id: str) -> list[Facts]:
        """What the sidecar of each of its folders says, the nearest first.

        Raises:
            BadFacts: one of them can't be used.
        """
        facts = []
        for folder in PurePosixPath(external_id).parents:
            if folder not in self._folders:
                self._folders[folder] = self._try(folder / FOLDER_SIDECAR)
            found = self._folders[folder]
            if isinstance(found, BadFacts):
                raise found
            facts.append(found)
        return facts

    def _try(self, relative: PurePosixPath) -> Facts | BadFacts:
        try:
            return self._read(relative)
        except BadFacts as error:
            return error

    def _read(self, relative: PurePosixPath) -> Facts:
        path = self._root / relative
        try:
            if not self._contains(path):
                raise BadFacts(f"the sidecar {relative} is a link that leads out of the folder")
            if path.stat().st_size > _MOST_BYTES:
                raise BadFacts(f"the sidecar {relative} is larger than a sidecar can be")
            content = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            if path.is_symlink():
                raise BadFacts(f"the sidecar {relative} is a link to nothing") from None
            return Facts()
        except UnicodeDecodeError:
            raise BadFacts(f"the sidecar {relative} is not UTF-8") from None
        except OSError as error:
            raise BadFacts(f"the sidecar {relative} can't be read: {error.strerror}") from None
        return _parse(content, relative)


def _parse(content: str, relative: PurePosixPath) -> Facts:
    try:
        written: Any = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError) as error:
        raise BadFacts(f"the sidecar {relative} is not YAML: {one_line(error)}") from None
    if written is None:
        # Most likely half-written: taking it for "says nothing" would publish what it is about to protect.
        raise BadFacts(f"the sidecar {relative} is empty")
    if not isinstance(written, dict):
        raise BadFacts(f"the sidecar {relative} must be a list of 'key: value' lines")
    try:
        return read_facts(written, strict=True).coming_from(f"sidecar {relative}")
    except BadFacts as error:
        raise BadFacts(f"the sidecar {relative}: {error}") from None


def front_matter(head: bytes, name: str) -> Facts:
    """What the first bytes of a Markdown file say.

    Raises:
        BadFacts: its permissions can't be read.
        UnreadableDocument: it isn't text.
    """
    if not head.strip():
        return Facts()
    try:
        # A cut through a character at the end is no reason to guess at the encoding.
        text = head.decode("utf-8", "ignore" if len(head) >= LONGEST else "strict")
    except UnicodeDecodeError:
        text, _ = decode(head, name)
    try:
        return split_front_matter(text.replace("\r\n", "\n"))[0].coming_from("front matter")
    except BadFacts as error:
        raise BadFacts(f"its front matter can't be used: {error}") from None


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
