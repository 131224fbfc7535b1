"""Structural chunking: passages that follow a document's headings, lists, tables and sentences."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from core.settings import ChunkingSettings
from ingestion.chunking.cutting import cut
from ingestion.chunking.model import ChunkedDocument
from ingestion.chunking.packing import Tie
from ingestion.chunking.units import Unit
from ingestion.partitioning.port import Partition
from retrieval.embedding.port import Tokenizer

_AROUND = 200
"""Characters on either side of a cut that decide between it and its like."""


def chunk(partition: Partition, tokenizer: Tokenizer, settings: ChunkingSettings) -> ChunkedDocument:
    """Cut a document into passages by its structure alone.

    Sections that are short share a passage with their neighbours until it has ``min_tokens``; lists, tables and code
    are cut only if they don't fit into ``max_tokens``, and then between items or lines; other text is cut between
    paragraphs, sentences, words, letters, in this order. Each passage but the first begins with the end of the one
    before it, up to ``overlap`` of ``max_tokens``, from the start of a sentence or an element.

    Among equally good places the text around them decides, not how far they are from the last cut: after an edit the
    cuts fall into place again a few passages on, and the rest of the document keeps its passages.

    The same document, tokenizer and settings give the same passages. Time and memory grow linearly.

    Returns:
        Passages of at most ``max_tokens`` that together cover every character of every element.
    """
    return cut(partition, tokenizer, settings, lambda layout, units: (units, anchor(layout.text)))


@dataclass(frozen=True, slots=True)
class StructuralChunker:
    """:func:`chunk` behind the port."""

    tokenizer: Tokenizer
    settings: ChunkingSettings

    def chunk(self, partition: Partition) -> ChunkedDocument:
        """See :func:`chunk`."""
        return chunk(partition, self.tokenizer, self.settings)


def anchor(text: str) -> Tie:
    """Ranks cuts by a hash of the text around them: content-defined chunking, which resumes after an edit.

    Muthitacharoen, Chen and Mazieres, A Low-bandwidth Network File System, SOSP 2001, there
    with a fixed pattern of bits in the place of the least hash.
    """

    def tie(before: Unit, after: Unit) -> float:
        around = text[max(before.start, before.end - _AROUND) : min(after.end, after.start + _AROUND)]
        digest = hashlib.blake2b(around.encode("utf-8", "surrogatepass"), digest_size=6).digest()
        return int.from_bytes(digest, "big") / 2**48

    return tie
