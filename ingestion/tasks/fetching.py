"""A document's bytes, from its source."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass

from core.errors import DocumentTooLarge
from ingestion.blobs import original_key
from ingestion.catalog.records import Work
from ingestion.tasks.parts import Parts


@dataclass(frozen=True, slots=True)
class Original:
    """A document's bytes; ``media_type`` is what the source says, None if it doesn't."""

    content: bytes
    media_type: str | None = None


class Received(io.BytesIO):
    """Takes a document's bytes, as many as there may be: a connector's sink."""

    def __init__(self, name: str, most_mb: int) -> None:
        super().__init__()
        self._name = name
        self._most_mb = most_mb

    def write(self, piece: bytes, /) -> int:  # type: ignore[override]
        """Take the next bytes.

        Raises:
            DocumentTooLarge: that is more than a document may have.
        """
        if self.tell() + len(piece) > self._most_mb * 1_000_000:
            limit = f"{self._most_mb} MB (parsing.max_file_mb)"
            raise DocumentTooLarge(f"{self._name} is larger than {limit}. Split it, or raise the limit.")
        return super().write(piece)


def original_of(parts: Parts, work: Work) -> Original:
    """A document's bytes: from its source, or, for one that lies in another, from where that one's parse left them."""
    record = work.record
    if record.parent_id is not None:
        return Original(parts.blobs.get(original_key(record.id, work.content_revision)))
    received = Received(record.external_id, parts.settings.parsing.max_file_mb)
    with closing(parts.connector(parts.catalog.sources.get(record.source_id))) as connector:
        media_type = connector.fetch(record.external_id, received)
    return Original(received.getvalue(), media_type)
