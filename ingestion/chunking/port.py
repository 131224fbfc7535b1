"""The port of what cuts documents into passages."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ingestion.chunking.model import ChunkedDocument
from ingestion.partitioning.port import Partition


@runtime_checkable
class Chunker(Protocol):
    """Cuts documents. The same document and settings give the same passages."""

    def chunk(self, partition: Partition) -> ChunkedDocument:
        """Passages of at most the configured tokens that together cover every character of every element.

        Raises:
            ModelUnavailable: the strategy needs the embedding model, which can't be loaded or run.
        """
        ...
