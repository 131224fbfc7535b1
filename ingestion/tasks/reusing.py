"""Chunks that a new version of a document has in common with the one before keep their ids and their vectors."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from core.chunk import Chunk, EmbeddedChunk, Vectors
from core.filters import AnyOf
from core.telemetry import stage
from retrieval.embedding.port import Embedder
from retrieval.embedding.windows import embed_chunks
from retrieval.index.port import SearchIndex


def identified(chunks: Iterable[Chunk]) -> list[Chunk]:
    """The chunks, in the order of their documents, with their ids.

    An id says what was embedded: it is made of the document, of all that windows are cut from, and of how many chunks
    before it in its document say the same. It stays what it is wherever an edit moves the chunk to; and a chunk of
    this id that is in the index already has this chunk's vectors, whatever its place, page and permissions were.
    """
    seen: Counter[str] = Counter()
    named = []
    for chunk in chunks:
        content = f"{chunk.document_id}\0{chunk.context}\0{chunk.text}"
        key = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
        named.append(replace(chunk, id=hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest()[:32]))
        seen[key] += 1
    return named


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
    new = {(chunk.context, chunk.text): chunk for chunk in chunks if chunk.id not in known}
    made = dict(zip(new, embed_chunks(embedder, list(new.values())), strict=True))
    return [
        EmbeddedChunk(chunk, known[chunk.id] if chunk.id in known else made[chunk.context, chunk.text].windows)
        for chunk in chunks
    ]
