"""From a question to ranked passages: both legs, fusion, reranking, and what to do when a part is down."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from core.chunk import Chunk, Vector
from core.errors import FootnoteError, InvalidRequest, ModelUnavailable
from core.filters import Filter, TermField, for_reader, visible_to
from core.principal import Principal
from core.settings import Settings
from retrieval.duplicates import Distinct
from retrieval.embedding.embedders import Embedders
from retrieval.embedding.port import Embedder, TokenEmbeddings
from retrieval.explaining import Explanation, explained
from retrieval.filter_notices import filter_notices
from retrieval.generation_watch import GenerationWatch, View
from retrieval.hit import SearchResponse
from retrieval.index.phrases import only_stop_words
from retrieval.index.port import SearchIndex
from retrieval.legs import search_legs
from retrieval.notes import Notes, Trace
from retrieval.pipeline import (
    HYBRID,
    LEXICAL,
    RERANKED,
    VECTOR,
    PipelineConfig,
    default_pipeline,
    named_pipelines,
)
from retrieval.query import MAX_LIMIT, checked
from retrieval.ranked import Ranked, rank, with_chunks
from retrieval.reading import look_again, rerank
from retrieval.reranking.port import Reranker
from retrieval.selection import asked_for, select_context

__all__ = ["HYBRID", "LEXICAL", "RERANKED", "VECTOR", "Retriever"]

_COMPARED = 10
"""How many of the best candidates are looked through for copies of one text, however short the page is. Copies score
alike, so that they stand side by side. Not more: each has to be fetched, at a third of a millisecond on OpenSearch for
a passage of a page (fetch of 10: 5.9 ms, of 30: 13.1 ms, medians of 60 on two cores)."""
_DEEPER, _DEEPEST = 4, 4000
"""By how much more candidates are asked for when those so far don't fill the page, and how many at most."""


class Retriever:
    """Finds passages for a reader. Safe to use from several threads.

    Args:
        embedders: where given, it follows the index to generations that other embedders built.
    """

    def __init__(
        self,
        index: SearchIndex,
        embedder: Embedder,
        reranker: Reranker | None,
        settings: Settings,
        embedders: Embedders | None = None,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._reranker = reranker
        self._pipelines = named_pipelines(
            settings, reranker=reranker is not None, tokens=isinstance(embedder, TokenEmbeddings)
        )
        self._default = default_pipeline(settings, self._pipelines)
        self._context = settings.retrieval
        self._max_chars = settings.api.max_question_chars
        self._generation = GenerationWatch(index, embedder, embedders=embedders)

    @property
    def embedder(self) -> Embedder:
        """The embedder of questions, loaded already: what weighs sentences against a question uses it too."""
        return self._generation.view().embedder

    @property
    def pipelines(self) -> tuple[str, ...]:
        """The pipelines that :meth:`search` takes, the default one last."""
        return (*(name for name in self._pipelines if name != self._default), self._default)

    @property
    def generation(self) -> str:
        """The generation that the next search works on, as far as is known without asking the index; else empty."""
        return self._generation.known

    def check(self, query: str, pipeline: str | None = None) -> None:
        """Look at a search before it is made; takes no time. Raises InvalidRequest as :meth:`search` would."""
        self._pipeline(pipeline)
        checked(query, 1, 0, self._max_chars)

    def warm_up(self) -> None:
        """Load the models. Raises ModelUnavailable."""
        self._generation.view().embedder.warm_up()
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
        pipeline: str | PipelineConfig | None = None,
        trace: Trace | None = None,
    ) -> SearchResponse:
        """Find the passages that answer the query best, among those that the principal may read.

        ``pipeline`` is one of :attr:`pipelines`, or a configuration of its own. A pipeline of two legs does without
        one that is down, and any does without the reranker; the response says so. One of a single leg raises.
        ``trace`` is filled with the way of the candidates.

        Raises:
            InvalidRequest: an empty or overlong query, an unknown pipeline, or a page out of bounds.
            IndexUnavailable: the index, or every leg that was asked for, doesn't answer.
            ModelUnavailable: a pipeline of the vector leg alone, and the embedder is down.
        """
        config = self._pipeline(pipeline)
        query = checked(query, limit, offset, self._max_chars)
        visible = for_reader(principal, filters)
        view = self._generation.view()
        try:
            response = self._search(view, config, query, visible, (offset, limit), trace=trace)
        except FootnoteError:
            if not self._generation.has_moved(view):
                raise
            # The generation that it worked on was dropped meanwhile: there is another one.
            view = self._generation.view()
            response = self._search(view, config, query, visible, (offset, limit), trace=trace)
        if filters is None:
            return response
        told = filter_notices(view.index, visible_to(principal), filters, found=bool(response.hits))
        return replace(response, notices=(*response.notices, *told))

    def spelt_nearly(self, word: str, principal: Principal, filters: Filter | None, limit: int) -> list[Chunk]:
        """Passages that the principal may read and that may have a word spelt nearly as this one.

        None where one of them has the word itself.

        Raises:
            IndexUnavailable: the index doesn't answer.
        """
        visible, index = for_reader(principal, filters), self._generation.view().index
        if index.lexical(word, visible, 1):
            return []
        found = index.spelt_nearly(word, visible, limit)
        return index.fetch([one.chunk_id for one in found], visible)

    def facets(
        self, principal: Principal, wanted: Mapping[TermField, Filter | None], most: int
    ) -> dict[TermField, list[tuple[str, int]]]:
        """For each field its values on documents that the principal may read, with how many documents have each.

        Args:
            wanted: the fields, each with what else a document must pass to count.
            most: values of a field, the most frequent ones.

        Raises:
            IndexUnavailable: the index doesn't answer.
        """
        return self._index.facets({field: for_reader(principal, one) for field, one in wanted.items()}, most)

    def explain(
        self,
        query: str,
        principal: Principal,
        document_id: str,
        *,
        filters: Filter | None = None,
        pipeline: str | None = None,
    ) -> Explanation:
        """Search for the principal, and say what became of a document: see :mod:`retrieval.explaining`.

        Raises:
            InvalidRequest, IndexUnavailable, ModelUnavailable: as for :meth:`search`.
        """
        trace = Trace()
        response = self.search(query, principal, filters=filters, limit=MAX_LIMIT, pipeline=pipeline, trace=trace)
        room = self._context
        head = response.hits[: asked_for(room.context_chunks)]
        chosen = select_context(head, max_chunks=room.context_chunks, max_tokens=room.context_tokens)
        given = frozenset(hit.chunk.id for hit in chosen)
        return explained(document_id, trace, response, principal=principal, filters=filters, given=given)

    def _search(
        self,
        view: View,
        config: PipelineConfig,
        query: str,
        visible: Filter,
        page_of: tuple[int, int],
        *,
        trace: Trace | None,
    ) -> SearchResponse:
        notes, began = Notes(view, trace), time.perf_counter()
        if LEXICAL in config.legs and only_stop_words(query):
            notes.notices.append("The question has only words that every text has.")
        offset, limit = page_of
        total, found = self._distinct_for(config, query, visible, offset + limit, notes)
        if self._reranker is not None and config.reranker is not None and offset < config.reranker.depth:
            rerank(self._reranker, query, found, config.reranker, notes)  # it only permutes what is above
            notes.order("reranker", [item for item in found if item.rerank_rank is not None])
        notes.end(found)
        notes.timings_ms["total"] = (time.perf_counter() - began) * 1000
        return SearchResponse(
            hits=tuple(item.hit() for item in found[offset : offset + limit]),
            total_candidates=total,
            timings_ms={key: round(value, 3) for key, value in notes.timings_ms.items()},
            degraded=tuple(dict.fromkeys(notes.degraded)),
            notices=tuple(dict.fromkeys(notes.notices)),
            index_generation=view.name or self._generation.name(),
            pipeline=config.name,
        )

    def _pipeline(self, wanted: str | PipelineConfig | None) -> PipelineConfig:
        if isinstance(wanted, PipelineConfig):
            if wanted.reranker is not None and self._reranker is None:
                raise InvalidRequest(f"Pipeline {wanted.name!r} has a reranker. Set reranker.model first.")
            return wanted
        name = wanted or self.pipelines[-1]
        if name not in self._pipelines:
            hint = " Set reranker.model first." if name == RERANKED else ""
            raise InvalidRequest(f"Unknown pipeline {name!r}: use one of {', '.join(self.pipelines)}.{hint}")
        return self._pipelines[name]

    def _embedded(self, pipeline: PipelineConfig, query: str, notes: Notes) -> Vector | None:
        """The question's vector; None where the pipeline needs none, or has to do without."""
        if VECTOR not in pipeline.legs:
            return None
        try:
            self._generation.check(notes.view)
            with notes.timed("embed"):
                return notes.view.embedder.embed_query(query)
        except ModelUnavailable as error:
            if pipeline.single:
                raise
            notes.without("vector", error.message)
            return None

    def _distinct_for(
        self, config: PipelineConfig, query: str, visible: Filter, end: int, notes: Notes
    ) -> tuple[int, list[Ranked]]:
        """How many candidates there are, and those up to the page's end, or the reranker's, one for each text.

        The ranking is the same whatever page of it is asked for. Scores depend on how many candidates the legs were
        asked for, so that number doesn't hang on the page: what the pipeline's depth finds comes first, then what a
        fixed larger one finds besides, in its order.
        """
        depth, wanted = config.depth, max(end, config.reranker.depth if config.reranker is not None else 0)
        embedding = self._embedded(config, query, notes)
        notes.begin(query, config, embedding)
        found, known = Distinct(), set[str]()
        while True:
            legs = search_legs(config, query, embedding, visible, notes, k=depth)
            if legs.lexical is not None and not legs.lexical and not only_stop_words(query):
                notes.notices.append("No passage that you may read has a word of the question.")
            with notes.timed("fuse"):
                ranked = [item for item in rank(config, legs, depth) if item.id not in known]
            notes.order("fused", ranked)
            if not known:
                look_again(query, ranked, config, visible, notes)
            known.update(item.id for item in ranked)
            self._take(found, ranked, wanted, visible, notes)
            full = any(leg is not None and len(leg) >= depth for leg in (legs.lexical, legs.vector))
            if len(found.items) >= wanted or not full or depth >= _DEEPEST:
                return len(known), found.items
            # Copies have crowded other texts out, or the page lies further down.
            depth = min(_DEEPEST, depth * _DEEPER)

    def _take(self, found: Distinct, ranked: list[Ranked], wanted: int, visible: Filter, notes: Notes) -> None:
        """Add the best of each text with its passage, until so many are found.

        All of them from the top, whatever the page: a copy of what an earlier page showed is no result of this one.
        """
        at, step = 0, max(wanted, _COMPARED)
        with notes.timed("fetch"):
            while at < len(ranked) and len(found.items) < wanted:
                for item in with_chunks(ranked[at : at + step], visible, notes.view.index):
                    found.add(item)
                at += step
