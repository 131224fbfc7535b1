"""Chunks that a new version of a document has in common with the one before keep their ids and their vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.chunk import Chunk, EmbeddedChunk, Vectors
from core.filters import AnyOf
from core.telemetry import stage
from retrieval.embedding.port import Embedder
from retrieval.embedding.windows import embed_chunks
from retrieval.index.port import SearchIndex


def known_vectors(index: SearchIndex, chunks: Sequence[Chunk], changed: frozenset[str]) -> dict[str, Vectors]:
    """By chunk id, the vectors that the index has of these chunks.

    Args:
        changed: documents that were indexed before: only their chunks are looked up.

    Raises:
        IndexUnavailable: the index doesn't answer.
    """
    before = [chunk.id for chunk in chunks if chunk.document_id in changed]
    if not before:
        return {}
    with stage("ingest.reuse", chunks=len(before)):
        return index.vectors(before, AnyOf("document_id", changed))


def embed_others(embedder: Embedder, chunks: Sequence[Chunk], known: Mapping[str, Vectors]) -> list[EmbeddedChunk]:
    """The chunks with their vectors: known ones, or else of now. What several chunks say alike is embedded once.

    Raises:
        ModelUnavailable: the model can't be loaded or run.
    """
    new = {_said(chunk): chunk for chunk in chunks if chunk.id not in known}
    made = dict(zip(new, embed_chunks(embedder, list(new.values())), strict=True))
    return [
        EmbeddedChunk(chunk, known[chunk.id] if chunk.id in known else made[_said(chunk)].windows) for chunk in chunks
    ]


def _said(chunk: Chunk) -> tuple[str, int, str]:
    """All that a chunk's windows are cut from."""
    return chunk.context, chunk.opening, chunk.text
