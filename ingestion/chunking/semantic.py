"""Semantic chunking: structure first; within a section longer than a passage, cuts where the meaning parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.settings import ChunkingSettings
from ingestion.chunking.cutting import cut
from ingestion.chunking.layout import Layout
from ingestion.chunking.model import ChunkedDocument
from ingestion.chunking.packing import Tie
from ingestion.chunking.structural import anchor
from ingestion.chunking.units import ELEMENT, SENTENCE, Unit, sentence_units
from ingestion.partitioning.port import ElementKind, Partition
from retrieval.embedding.port import Embedder
from retrieval.embedding.windows import readable

NEIGHBOURS = 3
"""Sentences on either side of a place whose meaning is compared: one alone says too little."""
_PROSE = (ElementKind.TEXT, ElementKind.OTHER)
_SENTENCES_AT_A_TIME = 4096
"""Bounds the memory that a long document's sentences take in the model."""


@dataclass(frozen=True, slots=True)
class SemanticChunker:
    """Cuts sections that are longer than a passage where neighbouring sentences' embeddings part.

    Headings, lists, tables and code stay as whole as :func:`ingestion.chunking.structural.chunk` keeps them, and short
    sections are packed as there. In a long section every start of a sentence or a paragraph is an equal candidate, and
    the cut is the one with the least cosine between the mean embeddings of the sentences before and behind it, after
    Hearst: TextTiling, Computational Linguistics 23(1), 1997, with embeddings in the place of word counts.

    It embeds each sentence of long sections once, beside the embedding of the passages themselves.
    """

    embedder: Embedder
    settings: ChunkingSettings

    def chunk(self, partition: Partition) -> ChunkedDocument:
        """The passages, under the same guarantees as the structural ones.

        Raises:
            ModelUnavailable: the embedding model can't be loaded or run.
        """
        room = self.settings.max_tokens - int(self.settings.max_tokens * self.settings.overlap)

        def refine(layout: Layout, units: list[Unit]) -> tuple[list[Unit], Tie]:
            finer: list[Unit] = []
            partings: dict[int, float] = {}
            for section in _sections(units):
                if layout.tokens.count(section[0].start, section[-1].end) > room:
                    split = list(_sentences(layout, section, room))
                    partings.update(self._partings(layout.text, split))
                    finer += split
                else:
                    finer += section
            by_hash = anchor(layout.text)
            return finer, lambda before, after: partings.get(after.start, 1.0 + by_hash(before, after))

        return cut(partition, self.embedder.tokenizer, self.settings, refine)

    def _partings(self, text: str, units: Sequence[Unit]) -> Iterator[tuple[int, float]]:
        """For each unit but the first its start, and the cosine between what is before and behind it."""
        texts = [readable(text[unit.start : unit.end], self.embedder) for unit in units]
        vectors = np.concatenate(
            [
                self.embedder.embed_passages(texts[start : start + _SENTENCES_AT_A_TIME])
                for start in range(0, len(texts), _SENTENCES_AT_A_TIME)
            ]
        )
        for number in range(1, len(units)):
            before = vectors[max(0, number - NEIGHBOURS) : number].sum(axis=0)
            behind = vectors[number : number + NEIGHBOURS].sum(axis=0)
            yield units[number].start, _cosine(before, behind)


def _sections(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Runs of units, each from a heading, or the start, to the next."""
    section: list[Unit] = []
    for unit in units:
        if unit.heading and section:
            yield section
            section = []
        section.append(unit)
    if section:
        yield section


def _sentences(layout: Layout, units: Sequence[Unit], most: int) -> Iterator[Unit]:
    """The units with paragraphs split into sentences, which are places to cut as good as paragraphs are."""
    for unit in units:
        element = layout.elements[unit.element]
        if element.kind not in _PROSE:
            yield unit
        elif (unit.start, unit.end) == (element.start, element.end):
            for sentence in sentence_units(layout, unit.element, most):
                yield _as_good_as_a_paragraph(sentence)
        else:
            yield _as_good_as_a_paragraph(unit)


def _as_good_as_a_paragraph(unit: Unit) -> Unit:
    return replace(unit, cut=ELEMENT) if unit.cut == SENTENCE else unit


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return round(float(one @ other) / length, 5) if length else 0.0
