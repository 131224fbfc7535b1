"""Cutting a text where chunks begin and end loses nothing of it."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from core.settings import ChunkingSettings
from ingestion.chunking.structural import StructuralChunker
from ingestion.inspection.drawing import cut_text
from ingestion.inspection.model import InspectedChunk, Inspection
from ingestion.partitioning.port import Element, ElementKind, Partition


class Words:
    """Counts words."""

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for found in re.finditer(r"\w+|[^\w\s]", text)]

    def count(self, text: str) -> int:
        return len(self.offsets(text))


SMALL = ChunkingSettings(min_tokens=10, max_tokens=20, overlap=0.2)
PARAGRAPHS = st.integers(1, 12).map(lambda count: " ".join(f"Sentence {n} is short." for n in range(count)))


def inspected(texts: list[str]) -> Inspection:
    elements = tuple(Element(kind=ElementKind.TEXT, text=text) for text in texts)
    document = StructuralChunker(Words(), SMALL).chunk(Partition(elements=elements))
    chunks = tuple(
        InspectedChunk(
            ordinal=one.ordinal,
            start=one.start,
            end=one.end,
            page=None,
            heading_path=(),
            context="",
            tokens=one.tokens,
            cells=(),
            windows=(),
        )
        for one in document.passages
    )
    return Inspection(
        name="a.txt",
        source="/docs",
        size=1,
        media_type="text/plain",
        parser="fake",
        facts=(),
        readers=(),
        warnings=(),
        document=document,
        chunks=chunks,
        attachments=(),
        timings_ms={},
    )


@given(st.lists(PARAGRAPHS, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_pieces_are_the_text_and_know_their_chunks(texts: list[str]) -> None:
    inspection = inspected(texts)
    drawn = list(cut_text(inspection))
    assert ["".join(piece.text for piece in one.pieces) for one in drawn] == texts
    begins = [number for one in drawn for piece in one.pieces for number in piece.begins]
    assert begins == [chunk.ordinal for chunk in inspection.chunks]
    for one in drawn:
        place = one.element.start
        for piece in one.pieces:
            within = tuple(c.ordinal for c in inspection.chunks if c.start < place + len(piece.text) and place < c.end)
            assert piece.chunks == within
            place += len(piece.text)
