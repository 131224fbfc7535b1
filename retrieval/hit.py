"""What a search returns."""

from __future__ import annotations

from dataclasses import dataclass

from core.chunk import Chunk


@dataclass(frozen=True, slots=True)
class Ranks:
    """A hit's place, from 1, in each ranking; None where it isn't in it, or there was none."""

    lexical: int | None = None
    vector: int | None = None
    rerank: int | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """A hit's score in each ranking: BM25, cosine of the best window, reciprocal rank fusion, the reranker's own."""

    lexical: float | None = None
    vector: float | None = None
    fused: float | None = None
    rerank: float | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Another document that holds a hit's text, to the word."""

    document_id: str
    uri: str
    title: str


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A passage that was found.

    ``score`` is the score by which it got its place: the last ranking that it was in. Scores of hits that went
    through the reranker don't compare with those of hits behind its depth, which follow in fused order.

    ``duplicates`` are its other places, of those candidates that the reader may see and that pass the filter.
    """

    chunk: Chunk
    score: float
    ranks: Ranks
    scores: Scores
    duplicates: tuple[Duplicate, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """A page of hits, best first.

    Attributes:
        total_candidates: how many passages the legs found, copies of one text counted each, before paging.
        timings_ms: milliseconds per stage, and ``total``.
        degraded: what failed and had to be done without, as ``part: why``.
        notices: what a reader may want to know of this search although nothing failed, a sentence each.
        index_generation: the build of the index that answered; empty if the index didn't say.
        pipeline: the one that was asked for.
    """

    hits: tuple[SearchHit, ...]
    total_candidates: int
    timings_ms: dict[str, float]
    degraded: tuple[str, ...]
    index_generation: str
    pipeline: str
    notices: tuple[str, ...] = ()
