"""What all strategies share: from a document's elements through units and groups to passages."""

from __future__ import annotations

from collections.abc import Callable

from core.settings import ChunkingSettings
from core.telemetry import stage
from ingestion.chunking.layout import Layout
from ingestion.chunking.model import ChunkedDocument, Passage
from ingestion.chunking.overlapping import overlapping_starts
from ingestion.chunking.packing import Packer, Tie
from ingestion.chunking.placing import heading_paths, page_of, place
from ingestion.chunking.tokens import TokenIndex
from ingestion.chunking.units import Unit, make_units
from ingestion.partitioning.port import Partition
from retrieval.embedding.port import Tokenizer

Refine = Callable[[Layout, list[Unit]], tuple[list[Unit], Tie]]
"""Takes a document and its units; gives the units to pack, and what decides between equally good cuts."""


def cut(partition: Partition, tokenizer: Tokenizer, settings: ChunkingSettings, refine: Refine) -> ChunkedDocument:
    """Cut a document into passages of at most ``max_tokens``, cut where structure and then ``refine`` say.

    Each passage but the first begins with the end of the one before it, up to ``overlap`` of ``max_tokens``, from the
    start of a sentence or an element.
    """
    with stage("ingest.chunk", elements=len(partition.elements), strategy=settings.strategy):
        text, elements = place(partition.elements)
        layout = Layout(text, elements, TokenIndex(text, tokenizer), partition.metadata.language)
        most, overlap = settings.max_tokens, int(settings.max_tokens * settings.overlap)
        units, tie = refine(layout, list(make_units(layout, most)))
        groups = Packer(layout.tokens, settings.min_tokens, most - overlap, most, tie).pack(units)
        starts = overlapping_starts(layout, groups, overlap, most)
        paths = heading_paths(text, elements)
        passages = tuple(
            Passage(
                ordinal=ordinal,
                start=start,
                end=group[-1].end,
                page=page_of(elements, start, group[0].element),
                heading_path=paths[group[0].element],
                tokens=layout.tokens.count(start, group[-1].end),
            )
            for ordinal, (group, start) in enumerate(zip(groups, starts, strict=True))
        )
        return ChunkedDocument(text, elements, passages, partition.pages)
