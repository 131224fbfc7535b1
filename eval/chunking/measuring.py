"""How often what is retrieved holds the whole answer, by way of cutting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from rich.progress import track
from scipy.stats import binomtest

from core.chunk import Chunk
from core.metadata import Metadata
from core.principal import AccessList
from eval.chunking.questions import Asked, Collection
from eval.chunking.searching import searching
from ingestion.chunking.chunks import Common, as_chunks
from ingestion.chunking.port import Chunker
from retrieval.embedding.port import Embedder, Tokenizer
from retrieval.hit import SearchHit

CONTEXT_TOKENS = 3000


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of cutting on one collection.

    Attributes:
        tokens: of a passage, on average.
        hits: by pipeline, for each question whether its answer was whole in the context.
    """

    name: str
    passages: int
    tokens: float
    hits: dict[str, list[bool]]


def cut_all(collection: Collection, chunker: Chunker) -> list[Chunk]:
    """The chunks of a collection, as ingestion makes them."""
    everyone = AccessList.everyone().terms()
    chunks: list[Chunk] = []
    for name, partition in collection.documents.items():
        cut = chunker.chunk(partition)
        metadata = Metadata(title=partition.metadata.title)
        common = Common(document_id=name, source_id="eval", uri=name, metadata=metadata, acl=everyone)
        chunks += as_chunks(cut.text, cut.passages, common)
    return chunks


def measure(
    name: str, collection: Collection, chunker: Chunker, embedder: Embedder, pipelines: Sequence[str]
) -> Measured:
    """Cut, search, and look for the answers."""
    chunks = cut_all(collection, chunker)
    hits: dict[str, list[bool]] = {pipeline: [] for pipeline in pipelines}
    with searching(chunks, embedder) as search:
        for asked in track(collection.asked, f"{name}: asking"):
            for pipeline in pipelines:
                hits[pipeline].append(_holds(search(asked.question, pipeline), asked, embedder.tokenizer))
    return Measured(name, len(chunks), mean(chunk.tokens for chunk in chunks), hits)


def _holds(ranked: Sequence[SearchHit], asked: Asked, tokenizer: Tokenizer) -> bool:
    """Whether one passage has the whole answer within the first tokens; the last passage counts as far as it fits."""
    room = CONTEXT_TOKENS
    for hit in ranked:
        chunk = hit.chunk
        if chunk.document_id == asked.document and chunk.start <= asked.start and asked.end <= chunk.end:
            upto = tokenizer.count(chunk.text[: asked.end - chunk.start]) if chunk.tokens > room else 0
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
