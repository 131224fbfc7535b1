"""The chunker that the settings name, and what identifies its passages."""

from __future__ import annotations

from core.settings import ChunkingSettings
from ingestion.chunking.port import Chunker
from ingestion.chunking.structural import StructuralChunker
from retrieval.embedding.port import Embedder

_RULES = 2
"""Counts changes of the rules by which documents are cut."""


def build_chunker(settings: ChunkingSettings, embedder: Embedder) -> Chunker:
    """Build the chunker. Only ``semantic`` ever runs the embedder's model; all count in its tokens."""
    if settings.strategy == "semantic":
        from ingestion.chunking.semantic import SemanticChunker  # noqa: PLC0415 - only where it is wanted

        return SemanticChunker(embedder, settings)
    return StructuralChunker(embedder.tokenizer, settings)


def fingerprint(settings: ChunkingSettings) -> str:
    """Identifies the rules and settings that a document was cut with."""
    return f"{settings.strategy}{_RULES}-{settings.min_tokens}-{settings.max_tokens}-{settings.overlap}"
