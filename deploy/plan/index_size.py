"""Bytes of an index on disk and in memory, from what bytes of real indexes were measured to be (docs/scale.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from deploy.plan.workload import Workload

GIB = 2**30
_BLOCK = 12_288
"""Lucene compresses stored fields with LZ4 in pieces of 8 kB behind a dictionary of 4 kB."""
_FACTS = 300
"""Characters of a chunk's ids, permissions, facts and place as JSON, beside its text."""
_POSTINGS = 0.24
"""Bytes of inverted index a character: 272 to 293 for 1,190 characters, 10,000 to 1,000,000 chunks."""
_COLUMNS = 25.0
_LUCENE_GRAPH = 30.0
"""Bytes a vector of Lucene's graph on disk and in memory, m = 16: 22 to 31 measured."""
_M = 16
_BYTE_AS_TEXT = 2.61
"""Bytes a component that vectors of bytes take in the stored source: 1,002 for 384, measured."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A way to keep vectors (docs/scale.md).

    Attributes:
        settings: of ``[index.opensearch]``.
        disk, memory: bytes a component on disk, and of what a search has to hold in memory to be fast.
        lost: recall@10 that it loses against whole vectors; None where nobody has measured it here.
        native: searched by faiss, outside of the heap.
        stored: bytes a component that it adds to the stored source.
        rescored: finds are compared once more with whole vectors, which are read from the disk.
    """

    name: str
    settings: dict[str, str]
    disk: float
    memory: float
    lost: float | None
    native: bool
    stored: float = 0.0
    rescored: bool = False


def _on_disk(bits: int) -> Layout:
    times = f"{32 // bits}x"
    settings = {"engine": "faiss", "mode": "on_disk", "compression": times}
    return Layout(f"on disk, {times}", settings, 4 + bits / 8, bits / 8, None, native=True, rescored=True)


LAYOUTS = (
    Layout("whole", {"engine": "lucene"}, 4, 4, 0.0, native=False),
    Layout("byte", {"engine": "lucene", "encoder": "byte"}, 1, 1, 0.008, native=False, stored=_BYTE_AS_TEXT),
    Layout("lucene 4x", {"engine": "lucene", "mode": "on_disk", "compression": "4x"}, 5, 1, 0.039, native=False),
    Layout("whole, faiss", {"engine": "faiss"}, 8, 4, None, native=True),
    Layout("fp16", {"engine": "faiss", "encoder": "fp16"}, 6, 2, None, native=True),
    _on_disk(4),
    _on_disk(2),
    _on_disk(1),
)


@dataclass(frozen=True, slots=True)
class IndexSize:
    """Bytes of one copy of an index.

    Attributes:
        memory: what a search has to hold to be fast: the graph, and the vectors that it is walked with.
    """

    vectors: float
    graph: float
    inverted: float
    stored: float
    columns: float
    memory: float

    @property
    def disk(self) -> float:
        """All of it."""
        return self.vectors + self.graph + self.inverted + self.stored + self.columns


def size_of(workload: Workload, layout: Layout) -> IndexSize:
    """One copy of the index.

    Memory of faiss is its documentation's estimate, 1.1 (bytes of a vector + 8 m)
    (https://docs.opensearch.org/latest/vector-search/optimizing-storage/); that of Lucene is its files'.
    """
    chunks, vectors = workload.chunks, workload.vectors
    text, components = workload.text, workload.dimensions
    graph = 8.0 * _M if layout.native else _LUCENE_GRAPH
    held = components * layout.memory + graph
    return IndexSize(
        vectors=vectors * (components * layout.disk + 1),
        graph=vectors * graph,
        inverted=chunks * text.characters_a_chunk * _POSTINGS,
        stored=chunks * (text.characters_a_chunk + _FACTS) * text.stored_share + vectors * components * layout.stored,
        columns=(chunks + vectors) / 2 * _COLUMNS,
        memory=vectors * held * (1.1 if layout.native else 1.0),
    )


def stored_share(texts: Iterable[str]) -> float:
    """The share of a text's bytes that is left after the index's compression of stored fields; 1 for no text."""
    whole = "".join(texts).encode()
    if not whole:
        return 1.0
    pieces = (whole[start : start + _BLOCK] for start in range(0, len(whole), _BLOCK))
    return sum(len(pa.compress(piece, codec="lz4_raw", asbytes=True)) for piece in pieces) / len(whole)
