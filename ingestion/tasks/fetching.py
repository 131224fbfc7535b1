"""A document's bytes, from its source: never more of them in memory than a piece."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO

from core.errors import DocumentTooLarge, StorageUnavailable
from ingestion.blobs import original_key
from ingestion.catalog.records import Work
from ingestion.tasks.parts import Parts

_IN_MEMORY = 1 << 20
"""Smaller documents never touch the disk."""


@dataclass(frozen=True, slots=True)
class Original:
    """A document's bytes in a file without a name, which goes with the process; ``media_type`` is what the source says.

    Attributes:
        content_hash: SHA-256 of the bytes, in hex.
    """

    content: IO[bytes]
    content_hash: str
    media_type: str | None = None


class Received:
    """Takes a document's bytes, as many as there may be: a connector's sink.

    Args:
        name: of the document, for messages.
        file: where they go.
    """

    def __init__(self, name: str, most_mb: int, file: IO[bytes]) -> None:
        self._name = name
        self._most_mb = most_mb
        self._file = file
        self._size = 0
        self._digest = hashlib.sha256()

    def write(self, piece: bytes, /) -> int:
        """Take the next bytes.

        Raises:
            DocumentTooLarge: that is more than a document may have.
            StorageUnavailable: the disk of temporary files is full.
        """
        self._size += len(piece)
        if self._size > self._most_mb * 1_000_000:
            limit = f"{self._most_mb} MB (parsing.max_file_mb)"
            raise DocumentTooLarge(f"{self._name} is larger than {limit}. Split it, or raise the limit.")
        self._digest.update(piece)
        try:
            return self._file.write(piece)
        except OSError as error:
            raise StorageUnavailable(
                f"A document can't be kept in the folder for temporary files ({error.strerror}): free some space "
                "there, or set TMPDIR to another one."
            ) from error

    @property
    def content_hash(self) -> str:
        """SHA-256 of what came so far, in hex."""
        return self._digest.hexdigest()


@contextmanager
def original_of(parts: Parts, work: Work) -> Iterator[Original]:
    """A document's bytes: from its source, or, for one that lies in another, from where that one's parse left them."""
    record, media_type = work.record, None
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        received = Received(record.external_id, parts.settings.parsing.max_file_mb, file)
        if record.parent_id is not None:
            key = original_key(record.id, work.content_revision)
            for piece in parts.blobs.pieces(key, 0, parts.blobs.size(key)):
                received.write(piece)
        else:
            with closing(parts.connector(parts.catalog.sources.get(record.source_id))) as connector:
                media_type = connector.fetch(record.external_id, received)
        yield Original(file, received.content_hash, media_type)
