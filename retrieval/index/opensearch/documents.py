"""A chunk as a document in OpenSearch, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.chunk import Chunk, EmbeddedChunk
from core.metadata import Metadata, as_json
from retrieval.index.opensearch.mapping import PERMISSIONS_VERSION, WINDOWS


def to_document(embedded: EmbeddedChunk, permissions_version: int) -> dict[str, Any]:
    """The document that holds a chunk; its id is the chunk's and goes beside it.

    Args:
        permissions_version: the version of the chunk's document that its permissions and metadata are of.
    """
    chunk = embedded.chunk
    return {
        "document_id": chunk.document_id,
        "source_id": chunk.source_id,
        "uri": chunk.uri,
        "ordinal": chunk.ordinal,
        "start": chunk.start,
        "end": chunk.end,
        "page": chunk.page,
        "tokens": chunk.tokens,
        "heading_path": chunk.heading_path,
        "version": chunk.version,
        PERMISSIONS_VERSION: permissions_version,
        "acl": chunk.acl,
        **metadata_fields(chunk.metadata),
        "context": chunk.context,
        "text": chunk.text,
        "window_count": len(embedded.windows),
        WINDOWS: [{"vector": vector} for vector in embedded.windows],
    }


def metadata_fields(metadata: Metadata) -> dict[str, Any]:
    """A document's metadata as fields."""
    return as_json(metadata.facts())


def to_chunk(chunk_id: str, source: Mapping[str, Any]) -> Chunk:
    """The chunk that a stored document holds."""
    return Chunk(
        id=chunk_id,
        document_id=source["document_id"],
        source_id=source["source_id"],
        uri=source["uri"],
        ordinal=source["ordinal"],
        text=source["text"],
        start=source["start"],
        end=source["end"],
        page=source.get("page"),
        heading_path=tuple(source.get("heading_path") or ()),
        tokens=source["tokens"],
        metadata=Metadata.read(source),
        acl=tuple(source.get("acl") or ()),
        version=source["version"],
    )
