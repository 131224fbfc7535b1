"""The parse stage as the evaluation measures it: what the worker does with a document, without Celery and catalog."""

from __future__ import annotations

from contextlib import suppress

from core.errors import DocumentError
from core.settings import Settings
from ingestion.chunking.port import Chunker
from ingestion.chunking.structural import StructuralChunker
from ingestion.partitioning.port import Partitioner
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from retrieval.embedding.build import build_embedder


class ParseStage:
    """What the worker does with a document between its bytes and its passages."""

    def __init__(self, partitioner: Partitioner, chunker: Chunker) -> None:
        self._partitioner = partitioner
        self._chunker = chunker

    def parse(self, content: bytes, name: str, media_type: str | None = None) -> None:
        """Read and cut a document, and those within it. Raises DocumentError if it can't be read itself."""
        partition = self._partitioner.partition(content, name=name, media_type=media_type)
        self._chunker.chunk(partition)
        for inner in partition.attachments:
            with suppress(DocumentError):
                self.parse(inner.content, inner.name, inner.media_type)


def open_pool(settings: Settings, parsers: int) -> ChildProcessPartitioner:
    """A pool of so many parser processes; close it at the end."""
    return ChildProcessPartitioner(settings.parsing.model_copy(update={"processes": parsers}))


def open_chunker(settings: Settings) -> Chunker:
    """The structural chunker, with the tokenizer of the embedding model of the settings."""
    return StructuralChunker(build_embedder(settings).tokenizer, settings.chunking)
