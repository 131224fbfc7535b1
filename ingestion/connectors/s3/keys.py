"""What the keys of a bucket are: documents, sidecars, secrets, markers of folders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingestion.connectors.globs import compile_globs
from ingestion.connectors.port import Unreadable, Withheld
from ingestion.connectors.protected_paths import OWN
from ingestion.connectors.s3.config import S3Config
from ingestion.partitioning.sidecars import described_by, is_sidecar
from ingestion.secret_files import secret_by_name

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_HADOOP_MARKER = "_$folder$"


@dataclass(frozen=True, slots=True)
class Object:
    """An object as a listing shows it.

    Attributes:
        modified: to the second, as some services tell no more in some of their answers.
        archived: its storage class, if its bytes have to be restored before they can be read.
    """

    key: str
    etag: str
    size: int
    modified: datetime
    archived: str | None = None

    @classmethod
    def listed(cls, entry: dict[str, Any]) -> Object:
        """From an entry of ``list_objects_v2``."""
        kind = entry.get("StorageClass", "")
        restored = "RestoreExpiryDate" in entry.get("RestoreStatus", {})
        modified = entry["LastModified"].astimezone(UTC).replace(microsecond=0)
        archived = kind if kind in _COLD and not restored else None
        return cls(entry["Key"], entry.get("ETag", "").strip('"'), int(entry["Size"]), modified, archived)

    @property
    def revision(self) -> str:
        """Changes whenever the object is written, be it with the same bytes and other metadata."""
        return f"{self.etag}:{self.size}:{self.modified.timestamp():.0f}"

    @property
    def content_revision(self) -> str:
        """Changes whenever the bytes change; without an ETag, whenever it is written."""
        return f"{self.etag}:{self.size}" if self.etag else self.revision


@dataclass(frozen=True, slots=True)
class Document:
    """A key that is a document's."""

    external_id: str


@dataclass(frozen=True, slots=True)
class SidecarKey:
    """A key that describes others.

    Attributes:
        describes: the key that it speaks of; None: all in its folder.
    """

    folder: str
    describes: str | None


class Keys:
    """Tells what keys are.

    Args:
        own: where Footnote keeps its blobs in this bucket: a key's beginning; None: not in it.
    """

    def __init__(self, config: S3Config, own: str | None = None) -> None:
        self.root = config.root
        self._bucket = config.bucket
        self._sidecars = config.sidecars
        self._own = own
        self._include = compile_globs(config.include)
        self._exclude = compile_globs(config.exclude)

    def uri(self, key: str) -> str:
        """An object's address."""
        return f"s3://{self._bucket}/{key}"

    def withheld(self) -> str | None:
        """Why nothing below the root is a document; None if something may be."""
        if self._own is not None and self.root.startswith(self._own):
            return OWN
        return secret_by_name(self.root + "any")

    def judge(self, key: str, size: int) -> Document | SidecarKey | Unreadable | Withheld | None:
        """What a key below the root is; None: nothing that need be mentioned."""
        name = key.removeprefix(self.root)
        parts = name.split("/")
        if any(part.startswith(".") for part in parts) or (not parts[-1] and size == 0):
            return None
        if self._own is not None and key.startswith(self._own):
            return Withheld(self._own.removeprefix(self.root), OWN)
        if is_sidecar(parts[-1]):
            return self._sidecar(key, parts[-1]) if self._sidecars else None
        # Globs are for names whose parts all have letters.
        plain = "/".join(part for part in parts if part)
        return self._document(name, key) if self._wants(plain) else None

    def _sidecar(self, key: str, last: str) -> SidecarKey:
        folder, described = key[: len(key) - len(last)], described_by(last)
        return SidecarKey(folder, None if described is None else folder + described)

    def _document(self, name: str, key: str) -> Document | Unreadable | Withheld | None:
        if name.endswith(_HADOOP_MARKER):
            return None
        if not all(name.split("/")):
            return self._unusable(key, "its name has an empty part: '//', or a '/' at an end")
        if _CONTROL.search(name):
            return self._unusable(key, "its name has control characters")
        secret = secret_by_name(name)
        return Document(name) if secret is None else Withheld(name, secret)

    def _wants(self, name: str) -> bool:
        return bool(self._include.match(name)) and not self._exclude.match(name)

    def _unusable(self, key: str, reason: str) -> Unreadable:
        shown = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", key)
        return Unreadable(shown.removeprefix(self.root), self.uri(shown), f"{reason}; copy it to another key")


def in_shadow(key: str, of: str) -> bool:
    """Whether ``key`` comes, in a listing, between ``of`` and the last key that its own sidecar could have."""
    return key.startswith(of) and (len(key) == len(of) or key[len(of)] <= ".")
