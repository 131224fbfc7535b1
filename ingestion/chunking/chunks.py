"""The passages of a document as the chunks that are embedded, indexed and searched."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from core.chunk import Chunk
from core.metadata import Metadata
from ingestion.chunking.model import Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What all chunks of a document have in common; see :class:`core.chunk.Chunk`."""

    document_id: str
    source_id: str
    uri: str
    metadata: Metadata = field(default_factory=Metadata)
    acl: tuple[str, ...] = ()
    version: int = 1


def as_chunks(text: str, passages: Iterable[Passage], common: Common) -> list[Chunk]:
    """The chunks of one document, in order, with their ids."""
    return identified(
        Chunk(
            id="",
            document_id=common.document_id,
            source_id=common.source_id,
            uri=common.uri,
            ordinal=passage.ordinal,
            text=text[passage.start : passage.end],
            start=passage.start,
            end=passage.end,
            page=passage.page,
            heading_path=passage.heading_path,
            tokens=passage.tokens,
            metadata=common.metadata,
            acl=common.acl,
            version=common.version,
        )
        for passage in passages
    )


def identified(chunks: Iterable[Chunk]) -> list[Chunk]:
    """The chunks, in the order of their documents, with their ids.

    An id says what was embedded: it is made of the document, of all that windows are cut from, and of how many chunks
    before it in its document say the same. It stays what it is wherever an edit moves the chunk to; and a chunk of
    this id that is in the index already has this chunk's vectors, whatever its place, page and permissions were.
    """
    seen: Counter[str] = Counter()
    named = []
    for chunk in chunks:
        content = f"{chunk.document_id}\0{chunk.context}\0{chunk.opening}\0{chunk.text}"
        key = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
        named.append(replace(chunk, id=hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest()[:32]))
        seen[key] += 1
    return named
