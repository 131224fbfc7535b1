"""How often what is retrieved holds the whole answer, by way of cutting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from rich.progress import track
from scipy.stats import binomtest

from core.chunk import Chunk
from core.metadata import Metadata
from eval.chunking.questions import Asked, Collection
from eval.chunking.searching import Search
from ingestion.chunking.port import Chunker
from retrieval.embedding.port import Embedder

CONTEXT_TOKENS = 3000


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of cutting on one collection.

    Attributes:
        tokens: of a passage, on average.
        hits: by way of searching, for each question whether its answer was whole in the context.
    """

    name: str
    passages: int
    tokens: float
    windows: int
    hits: dict[str, list[bool]]


def measure(name: str, collection: Collection, chunker: Chunker, embedder: Embedder, *, vectors: bool) -> Measured:
    """Cut, search, and look for the answers."""
    chunks: list[Chunk] = []
    for document, partition in track(collection.documents.items(), f"{name}: cutting"):
        cut = chunker.chunk(partition)
        chunks += [
            Chunk(
                id=f"{document}#{passage.ordinal}",
                document_id=document,
                source_id="eval",
                uri=document,
                ordinal=passage.ordinal,
                text=cut.text[passage.start : passage.end],
                start=passage.start,
                end=passage.end,
                heading_path=passage.heading_path,
                tokens=passage.tokens,
                metadata=Metadata(),
            )
            for passage in cut.passages
        ]
    search = Search(chunks, embedder if vectors else None)
    hits: dict[str, list[bool]] = {}
    for asked in track(collection.asked, f"{name}: asking"):
        for way, ranking in search.rankings(asked.question).items():
            context = [chunks[number] for number in ranking]
            hits.setdefault(way, []).append(_holds(context, asked, embedder))
    return Measured(name, len(chunks), mean(chunk.tokens for chunk in chunks), search.windows, hits)


def _holds(ranked: Sequence[Chunk], asked: Asked, embedder: Embedder) -> bool:
    """Whether one passage has the whole answer within the first tokens; the last passage counts as far as it fits."""
    room = CONTEXT_TOKENS
    for chunk in ranked:
        if chunk.document_id == asked.document and chunk.start <= asked.start and asked.end <= chunk.end:
            upto = embedder.tokenizer.count(chunk.text[: asked.end - chunk.start]) if chunk.tokens > room else 0
            return upto <= room
        room -= chunk.tokens
        if room <= 0:
            return False
    return False


def mcnemar(one: Sequence[bool], other: Sequence[bool]) -> tuple[int, int, float]:
    """Questions that only one of the two finds, only the other, and the exact two-sided p of that.

    McNemar, Psychometrika 12, 1947, by the binomial distribution of the discordant pairs.
    """
    only_one = sum(a and not b for a, b in zip(one, other, strict=True))
    only_other = sum(b and not a for a, b in zip(one, other, strict=True))
    if only_one + only_other == 0:
        return 0, 0, 1.0
    return only_one, only_other, float(binomtest(only_one, only_one + only_other).pvalue)
