"""Documents that say the same share their vectors: a copy isn't embedded again.

What is embedded of a chunk is its text under its title and headings, so documents share vectors if their titles and
texts are the same, to the letter. One with the same text under another title is embedded for itself: its vectors would
differ, and taken from a document that its readers may not see, they would let that one's title be guessed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.chunk import Chunk, Vectors
from core.filters import AnyOf
from core.telemetry import stage
from ingestion.chunking.chunks import identified
from retrieval.index.port import SearchIndex


def content_key(title: str, text: str) -> str:
    """Identifies what a document says: documents of one key have chunks that are embedded alike."""
    return hashlib.sha256(f"{title}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()


def twin_ids(chunks: Sequence[Chunk], twins: Mapping[str, str]) -> dict[str, str]:
    """By chunk id, the id of the chunk of its document's twin that says the same.

    Args:
        chunks: all those of their documents.
        twins: by document id, another document of the same content key.
    """
    by_document: defaultdict[str, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        if chunk.document_id in twins:
            by_document[chunk.document_id].append(chunk)
    found: dict[str, str] = {}
    for document_id, own in by_document.items():
        # An id is made of the document and of what is embedded: the twin's id leads to the very same vectors, or to
        # nothing.
        others = identified(replace(chunk, document_id=twins[document_id]) for chunk in own)
        found |= {chunk.id: other.id for chunk, other in zip(own, others, strict=True)}
    return found


def twins_vectors(index: SearchIndex, wanted: Mapping[str, str], documents: frozenset[str]) -> dict[str, Vectors]:
    """By chunk id, the vectors that the index has of its twin.

    Args:
        wanted: by chunk id, its twin's.
        documents: those that the twins are of.

    Raises:
        IndexUnavailable: the index doesn't answer.
    """
    with stage("ingest.reuse.twins", chunks=len(wanted)):
        found = index.vectors(list(set(wanted.values())), AnyOf("document_id", documents))
    return {chunk_id: found[twin] for chunk_id, twin in wanted.items() if twin in found}
