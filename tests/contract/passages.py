"""Small passages with known words and known angles between their vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.chunk import Chunk, EmbeddedChunk, Vector
from core.filters import AnyOf, Filter
from core.metadata import Metadata
from core.principal import Principal
from retrieval.index.port import Candidate, SearchIndex

EMBEDDER, DIMENSIONS = "test-embedder", 8
PUBLIC = AnyOf("acl", Principal().terms)


def at(degrees: float) -> Vector:
    """The unit vector at that angle in one plane: the cosine of two is the cosine of the difference."""
    vector = np.zeros(DIMENSIONS, np.float32)
    vector[0], vector[1] = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return vector


def passage(
    chunk_id: str,
    text: str = "some words",
    *,
    angles: Sequence[float] = (0,),
    document: str | None = None,
    acl: Sequence[str] = ("public",),
    version: int = 1,
    source: str = "s1",
    ordinal: int = 0,
    **metadata: object,
) -> EmbeddedChunk:
    """A passage with a window at each angle."""
    chunk = Chunk(
        id=chunk_id,
        document_id=document or f"doc-{chunk_id}",
        source_id=source,
        uri=f"file:///{chunk_id}.md",
        ordinal=ordinal,
        text=text,
        start=0,
        end=len(text),
        acl=tuple(acl),
        version=version,
        metadata=Metadata(**metadata),  # type: ignore[arg-type]
    )
    return EmbeddedChunk(chunk, np.stack([at(angle) for angle in angles]))


def write(index: SearchIndex, *passages: EmbeddedChunk) -> None:
    """Write and make findable."""
    index.upsert(passages)
    index.refresh()


def ready(index: SearchIndex) -> SearchIndex:
    """The index, with a live generation."""
    index.ensure(EMBEDDER, DIMENSIONS)
    return index


def ids(candidates: Sequence[Candidate] | None) -> list[str]:
    """The candidates' chunk ids, best first."""
    return [candidate.chunk_id for candidate in candidates or []]


def found(index: SearchIndex, filter: Filter, *, text: str = "words") -> list[str]:
    """What passes the filter, which has to be the same in both legs and in fetch; sorted."""
    lexical = sorted(ids(index.lexical(text, filter, 100)))
    vector = sorted(ids(index.vector(at(0), filter, 100)))
    assert lexical == vector
    assert sorted(chunk.id for chunk in index.fetch(lexical, filter)) == lexical
    return lexical
