"""Originals and extracted texts: in a folder, in S3, or on any storage that fsspec speaks to."""

from __future__ import annotations

import errno
import io
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nsmallest
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

import fsspec

from core.errors import ConfigurationError, NotFound, StorageUnavailable
from core.settings import Settings

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""A full disk, a quota, a limit on the size of files."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class BlobVersion:
    """The blobs of one version of a document.

    Attributes:
        content_hash: names the version: see :func:`original_key`.
        modified: when the last of them was written.
    """

    document_id: str
    content_hash: str
    modified: datetime


@runtime_checkable
class BlobStore(Protocol):
    """Bytes by key. Methods raise :class:`core.errors.StorageUnavailable` when the store can't be used."""

    def put(self, key: str, content: bytes) -> None:
        """Store bytes, whole or not at all, in place of what was there."""
        ...

    def put_file(self, key: str, content: IO[bytes]) -> None:
        """Store what a file holds from its beginning to its end, as :meth:`put`; a piece at a time is in memory."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes of a key.

        Raises:
            NotFound: there are none.
        """
        ...

    def size(self, key: str) -> int:
        """How many bytes a key has.

        Raises:
            NotFound: there are none.
        """
        ...

    def pieces(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of a key from ``start`` to before ``stop``, piece by piece.

        Raises:
            NotFound: there are none.
        """
        ...

    def delete_prefix(self, prefix: str) -> None:
        """Delete everything below a prefix; nothing there is fine."""
        ...

    def versions(self, after: str, limit: int) -> list[BlobVersion]:
        """The versions of the next documents behind the id ``after``, in the order of ids; of at most ``limit``."""
        ...


def original_key(document_id: str, content_hash: str) -> str:
    """Where a document's bytes are kept."""
    return f"documents/{document_id}/{content_hash}/original"


def parsed_key(document_id: str, content_hash: str) -> str:
    """Where a document's text and structure are kept."""
    return f"documents/{document_id}/{content_hash}/parsed.json"


class FsspecBlobStore:
    """Blobs below a root on an fsspec file system."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        # An object store shows an object once it is complete; a file system needs a rename for that.
        self._is_local = "file" in _protocols(filesystem)

    def put(self, key: str, content: bytes) -> None:
        """Store bytes, whole or not at all."""
        path = self._path(key)
        with self._translated(f"{key} can't be stored"):
            if self._is_local:
                _write_atomically(Path(path), io.BytesIO(content))
            else:
                self._filesystem.pipe_file(path, content)

    def put_file(self, key: str, content: IO[bytes]) -> None:
        """Store a file's bytes, whole or not at all."""
        path = self._path(key)
        content.seek(0)
        with self._translated(f"{key} can't be stored"):
            if self._is_local:
                _write_atomically(Path(path), content)
                return
            try:
                with self._filesystem.open(path, "wb") as target:
                    shutil.copyfileobj(content, target, _PIECE)
            except BaseException:
                with suppress(OSError):
                    self._filesystem.rm_file(path)  # closing it has stored what came so far
                raise

    def get(self, key: str) -> bytes:
        """The bytes of a key; NotFound when there are none."""
        with self._translated(f"{key} can't be read"), _found(key):
            return bytes(self._filesystem.cat_file(self._path(key)))

    def size(self, key: str) -> int:
        """How many bytes a key has; NotFound when there is none."""
        with self._translated(f"{key} can't be read"), _found(key):
            return int(self._filesystem.size(self._path(key)))

    def pieces(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of a key, piece by piece; NotFound when there are none."""
        with (
            self._translated(f"{key} can't be read"),
            _found(key),
            self._filesystem.open(self._path(key), "rb") as source,
        ):
            source.seek(start)
            while start < stop and (piece := source.read(min(_PIECE, stop - start))):
                start += len(piece)
                yield piece

    def delete_prefix(self, prefix: str) -> None:
        """Delete everything below a prefix."""
        with self._translated(f"{prefix} can't be deleted"), suppress(FileNotFoundError):
            self._filesystem.rm(self._path(prefix), recursive=True)

    def versions(self, after: str, limit: int) -> list[BlobVersion]:
        """The versions of the next documents; see :class:`BlobStore`."""
        with self._translated("The blobs can't be listed"):
            self._filesystem.invalidate_cache()
            try:
                folders = self._filesystem.ls(f"{self._root}/documents", detail=False)
            except FileNotFoundError:
                return []
            names = (folder.rstrip("/").rpartition("/")[2] for folder in folders)
            chosen = nsmallest(limit, (name for name in names if name > after))
            return [version for name in chosen for version in self._versions_of(name)]

    def _versions_of(self, document_id: str) -> Iterator[BlobVersion]:
        newest: dict[str, datetime] = {}
        root = f"{self._root}/documents/{document_id}"
        for path in self._filesystem.find(root):
            content_hash = path[len(root) :].strip("/").partition("/")[0]
            # One that was deleted since it was listed was in use a moment ago.
            with suppress(FileNotFoundError):
                modified = self._filesystem.modified(path)
                aware = modified if modified.tzinfo else modified.replace(tzinfo=UTC)
                newest[content_hash] = max(aware, newest.get(content_hash, aware))
        return (BlobVersion(document_id, name, modified) for name, modified in newest.items())

    def _path(self, key: str) -> str:
        parts = key.split("/")
        if not all(parts) or any(part in (".", "..") for part in parts):
            raise ValueError(f"{key!r} is not a blob key")
        return f"{self._root}/{key}"

    @contextmanager
    def _translated(self, failed: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise StorageUnavailable(
                    f"The disk of the blob store ({self._root}) is full: free some space. {failed} until then."
                ) from error
            raise StorageUnavailable(f"{failed} in {self._root}: {error.strerror or type(error).__name__}.") from error


@contextmanager
def _found(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"There is no blob {key!r}: sync the document's source again to restore it.") from None


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _write_atomically(path: Path, content: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        # Not fsynced: the catalog names a blob only after it was written, and a sync after a power cut makes it anew.
        with partial.open("wb") as file:
            shutil.copyfileobj(content, file, _PIECE)
        os.replace(partial, path)  # noqa: PTH105 - the one call that replaces atomically on every system
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def open_blobs(settings: Settings) -> BlobStore:
    """Open the store that the settings name: s3://, another fsspec URL, or ``blobs`` in the data directory.

    Raises:
        ConfigurationError: the URL is of an unknown kind, or its driver isn't installed.
    """
    if settings.blobs.url is None:
        return FsspecBlobStore(fsspec.filesystem("file"), str(settings.data_dir.absolute() / "blobs"))
    scheme = settings.blobs.url.partition("://")[0]
    if scheme == "s3":
        from ingestion.s3_blobs import open_s3  # noqa: PLC0415 - boto3 is slow, and needed only here

        return open_s3(settings.blobs.url, settings.blobs.s3_endpoint)
    try:
        filesystem, root = fsspec.core.url_to_fs(settings.blobs.url)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"blobs.url: {scheme}:// can't be opened ({error}).") from error
    return FsspecBlobStore(filesystem, root)
