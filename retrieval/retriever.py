"""From a question to ranked passages: both legs, fusion, reranking, and what to do when a part is down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.chunk import Vector
from core.errors import InvalidRequest, ModelUnavailable
from core.filters import Filter, for_reader
from core.logs import get_logger
from core.principal import Principal
from core.settings import Settings
from core.telemetry import DEGRADED, stage
from retrieval.embedding.port import Embedder
from retrieval.fusion import Ranking, reciprocal_rank_fusion
from retrieval.generation_watch import GenerationWatch
from retrieval.hit import SearchResponse
from retrieval.index.port import Candidate, LegResults, SearchIndex
from retrieval.ranked import Ranked
from retrieval.reranking.port import Reranker

log = get_logger(__name__)

LEXICAL, VECTOR, HYBRID, RERANKED = "lexical", "vector", "hybrid", "hybrid+rerank"
MAX_LIMIT = 200
MAX_DEPTH = 1000
"""How far down a ranking pages may go."""


@dataclass(slots=True)
class _Notes:
    """What one search has to report besides its hits."""

    timings_ms: dict[str, float] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            with stage(f"retrieve.{name}"):
                yield
        finally:
            self.timings_ms[name] = (time.perf_counter() - began) * 1000

    def without(self, part: str, why: str) -> None:
        self.degraded.append(f"{part}: {why}")
        DEGRADED.labels(part).inc()
        log.warning("retrieve.degraded", part=part, why=why)


class Retriever:
    """Finds passages for a reader. Safe to use from several threads."""

    def __init__(self, index: SearchIndex, embedder: Embedder, reranker: Reranker | None, settings: Settings) -> None:
        self._index = index
        self._embedder = embedder
        self._reranker = reranker
        self._settings = settings.retrieval
        self._rerank_depth = settings.reranker.depth
        self._max_chars = settings.api.max_question_chars
        self._generation = GenerationWatch(index, embedder)

    @property
    def embedder(self) -> Embedder:
        """The embedder of questions, loaded already: what weighs sentences against a question uses it too."""
        return self._embedder

    @property
    def pipelines(self) -> tuple[str, ...]:
        """The pipelines that :meth:`search` takes, the default one last."""
        return (LEXICAL, VECTOR, HYBRID) if self._reranker is None else (LEXICAL, VECTOR, HYBRID, RERANKED)

    def warm_up(self) -> None:
        """Load the models. Raises ModelUnavailable."""
        self._embedder.warm_up()
        if self._reranker is not None:
            self._reranker.warm_up()

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()

    def search(
        self,
        query: str,
        principal: Principal,
        *,
        filters: Filter | None = None,
        limit: int = 10,
        offset: int = 0,
        pipeline: str | None = None,
    ) -> SearchResponse:
        """Find the passages that answer the query best, among those that the principal may read.

        ``pipeline`` is one of :attr:`pipelines`. ``hybrid`` does without a leg that is down, ``hybrid+rerank`` also
        without the reranker; the response says so. ``lexical`` and ``vector`` are one leg: they raise.

        Raises:
            InvalidRequest: an empty or overlong query, an unknown pipeline, or a page out of bounds.
            IndexUnavailable: the index, or every leg that was asked for, doesn't answer.
            ModelUnavailable: pipeline ``vector``, and the embedder is down.
        """
        name = pipeline or self.pipelines[-1]
        query = self._checked(query, name, limit, offset)
        notes, began = _Notes(), time.perf_counter()
        visible = for_reader(principal, filters)
        legs = self._legs(name, query, visible, max(self._settings.depth, offset + limit), notes)
        with notes.timed("fuse"):
            ranked = self._fuse(name, legs)
        wanted = slice(offset, offset + limit)
        if name == RERANKED:
            page = self._reranked(query, ranked, visible, wanted, notes)
        else:
            page = self._with_chunks(ranked[wanted], visible, notes)
        if self._reranker is None and name == HYBRID:
            notes.degraded.append("reranker: off")
        notes.timings_ms["total"] = (time.perf_counter() - began) * 1000
        return SearchResponse(
            hits=tuple(item.hit() for item in page),
            total_candidates=len(ranked),
            timings_ms={key: round(value, 3) for key, value in notes.timings_ms.items()},
            degraded=tuple(notes.degraded),
            index_generation=self._generation.name(),
            pipeline=name,
        )

    def _checked(self, query: str, pipeline: str, limit: int, offset: int) -> str:
        if pipeline not in self.pipelines:
            hint = " Set reranker.model first." if pipeline == RERANKED else ""
            raise InvalidRequest(f"Unknown pipeline {pipeline!r}: use one of {', '.join(self.pipelines)}.{hint}")
        if not 1 <= limit <= MAX_LIMIT:
            raise InvalidRequest(f"limit is {limit}: it goes from 1 to {MAX_LIMIT}.")
        if offset < 0 or offset + limit > MAX_DEPTH:
            raise InvalidRequest(f"offset is {offset}: it starts at 0, and offset + limit may reach {MAX_DEPTH}.")
        if len(query) > self._max_chars:
            raise InvalidRequest(f"The query has {len(query)} characters; {self._max_chars} is the most.")
        try:
            query.encode()
        except UnicodeEncodeError:
            raise InvalidRequest("The query isn't valid Unicode: send it as UTF-8.") from None
        query = query.replace("\0", " ").strip()
        if not query:
            raise InvalidRequest("The query is empty: send a question or some words.")
        return query

    def _legs(self, pipeline: str, query: str, visible: Filter, k: int, notes: _Notes) -> LegResults:
        if pipeline == LEXICAL:
            return self._lexical(query, visible, k, notes)
        try:
            embedding = self._embed(query, notes)
        except ModelUnavailable as error:
            if pipeline == VECTOR:
                raise
            notes.without("vector", error.message)
            return self._lexical(query, visible, k, notes)
        with notes.timed("search"):
            if pipeline == VECTOR:
                return LegResults(lexical=None, vector=self._index.vector(embedding, visible, k))
            legs = self._index.both(query, embedding, visible, k)
        for leg, why in legs.errors.items():
            notes.without(leg, why)
        return legs

    def _embed(self, query: str, notes: _Notes) -> Vector:
        self._generation.check()
        with notes.timed("embed"):
            return self._embedder.embed_query(query)

    def _lexical(self, query: str, visible: Filter, k: int, notes: _Notes) -> LegResults:
        with notes.timed("search"):
            return LegResults(lexical=self._index.lexical(query, visible, k), vector=None)

    def _fuse(self, pipeline: str, legs: LegResults) -> list[Ranked]:
        lexical, vector = _scores(legs.lexical), _scores(legs.vector)
        single = pipeline in (LEXICAL, VECTOR)
        fused = reciprocal_rank_fusion(
            {
                LEXICAL: Ranking(list(lexical), 1.0 if single else self._settings.lexical_weight),
                VECTOR: Ranking(list(vector), 1.0 if single else self._settings.vector_weight),
            },
            k=self._settings.rrf_k,
        )
        if single:  # a leg's own order, ties included
            fused.sort(key=lambda item: item.ranks[pipeline])
        return [Ranked.of(item, lexical, vector, single=single) for item in fused]

    def _with_chunks(self, ranked: list[Ranked], visible: Filter, notes: _Notes) -> list[Ranked]:
        """Read the passages; one that went (or was closed to this reader) since the legs ran is left out."""
        if not ranked:
            return []
        with notes.timed("fetch"):
            chunks = {c.id: c for c in self._index.fetch([item.id for item in ranked], visible)}
        found = [item for item in ranked if item.id in chunks]
        for item in found:
            item.chunk = chunks[item.id]
        return found

    def _reranked(self, query: str, ranked: list[Ranked], visible: Filter, page: slice, notes: _Notes) -> list[Ranked]:
        depth = self._rerank_depth
        if page.start >= depth:  # the reranker only permutes what is above
            return self._with_chunks(ranked[page], visible, notes)
        head = self._with_chunks(ranked[:depth], visible, notes)
        try:
            with notes.timed("rerank"):
                scores = self._score(query, head)
        except ModelUnavailable as error:
            notes.without("reranker", error.message)
        else:
            for item, score in zip(head, scores, strict=True):
                item.rerank = score
            head.sort(key=lambda item: item.rerank or 0.0, reverse=True)  # stable: ties keep the fused order
            for rank, item in enumerate(head, start=1):
                item.rerank_rank = rank
        rest = self._with_chunks(ranked[depth : page.stop], visible, notes) if page.stop > depth else []
        return (head + rest)[page]

    def _score(self, query: str, items: list[Ranked]) -> list[float]:
        assert self._reranker is not None  # the pipeline isn't offered without one
        return self._reranker.score(query, [item.passage.search_text for item in items])


def _scores(leg: list[Candidate] | None) -> dict[str, float]:
    """Scores by chunk id, in the leg's order; empty for a leg that is down."""
    return {candidate.chunk_id: candidate.score for candidate in leg or ()}
