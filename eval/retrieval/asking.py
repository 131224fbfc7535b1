"""Asking one question of one pipeline, and keeping what each phase made of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from core.chunk import Vector
from core.errors import FootnoteError
from core.filters import Filter
from core.pipeline import FieldWeights, PipelineConfig
from core.principal import Principal
from eval.retrieval.scoring import DEPTH, DocumentScore
from retrieval.hit import SearchHit, SearchResponse
from retrieval.index.port import USUAL_FIELDS, Candidate, LegResults, SearchIndex
from retrieval.retriever import Retriever

LEXICAL, VECTOR, FUSED, RERANKED = "lexical", "vector", "fused", "reranked"
PHASES = (LEXICAL, VECTOR, FUSED, RERANKED)
_SHOWN = 10
_SNIPPET = 400


@dataclass(frozen=True, slots=True)
class Found:
    """A document's best passage, for the report."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What came back.

    Attributes:
        ranking: documents, best first.
        phases: documents by phase, best first; a phase that didn't take part is left out.
        ms: time of the whole search.
        timings_ms: by stage, as the response says.
        error: why it failed; None if it didn't.
        passages: of the first ten documents.
    """

    ranking: tuple[str, ...] = ()
    phases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ms: float = 0.0
    timings_ms: dict[str, float] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    error: str | None = None
    passages: dict[str, Found] = field(default_factory=dict)


class LegRecorder:
    """An index that remembers what each leg found last; everything else goes to the index behind it."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self.legs: dict[str, list[Candidate]] = {}

    @classmethod
    def around(cls, index: SearchIndex) -> tuple[LegRecorder, SearchIndex]:
        """The recorder, and the same object as the port that it stands in for."""
        recorder = cls(index)
        return recorder, cast("SearchIndex", recorder)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def lexical(self, query: str, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS) -> list[Candidate]:
        """The index's own, remembered."""
        self.legs[LEXICAL] = self._index.lexical(query, filter, k, fields)
        return self.legs[LEXICAL]

    def vector(self, embedding: Vector, filter: Filter, k: int) -> list[Candidate]:
        """The index's own, remembered."""
        self.legs[VECTOR] = self._index.vector(embedding, filter, k)
        return self.legs[VECTOR]

    def both(
        self, query: str, embedding: Vector, filter: Filter, k: int, fields: FieldWeights = USUAL_FIELDS
    ) -> LegResults:
        """The index's own, remembered."""
        found = self._index.both(query, embedding, filter, k, fields)
        legs = {LEXICAL: found.lexical, VECTOR: found.vector}
        self.legs.update((leg, candidates) for leg, candidates in legs.items() if candidates is not None)
        return found


@dataclass(frozen=True, slots=True)
class Way:
    """A pipeline ready to be asked."""

    config: PipelineConfig
    retriever: Retriever
    recorder: LegRecorder
    principal: Principal
    rule: DocumentScore

    def ask(self, question: str) -> Asked:
        """Search, and take apart what came back. Errors of ours are an outcome, not the end of the run."""
        self.recorder.legs.clear()
        began = time.perf_counter()
        try:
            response = self.retriever.search(question, self.principal, limit=DEPTH, pipeline=self.config)
        except FootnoteError as error:
            return Asked(ms=(time.perf_counter() - began) * 1000, error=f"{type(error).__name__}: {error.message}")
        ms = (time.perf_counter() - began) * 1000
        return Asked(
            ranking=tuple(self.rule.ranking(_documents(response.hits))),
            phases=self._phases(response),
            ms=ms,
            timings_ms=response.timings_ms,
            degraded=response.degraded,
            passages=_passages(response.hits),
        )

    def _phases(self, response: SearchResponse) -> dict[str, tuple[str, ...]]:
        rankings = {
            leg: [candidate.document_id for candidate in self.recorder.legs[leg][:DEPTH]]
            for leg in (LEXICAL, VECTOR)
            if leg in self.recorder.legs
        }
        documents = _documents(response.hits)
        reranked = any(hit.ranks.rerank is not None for hit in response.hits)
        if not self.config.single:
            by_fusion = sorted(response.hits, key=lambda hit: (-(hit.scores.fused or 0.0), hit.chunk.id))
            rankings[FUSED] = _documents(by_fusion) if reranked else documents
        if reranked:
            rankings[RERANKED] = documents
        return {phase: tuple(self.rule.ranking(passages)) for phase, passages in rankings.items()}


def _documents(hits: Sequence[SearchHit]) -> list[str]:
    """The hits' documents in order; a copy of a passage is judged as if it came right after it."""
    return [
        document
        for hit in hits
        for document in (hit.chunk.document_id, *(other.document_id for other in hit.duplicates))
    ]


def _passages(hits: Sequence[SearchHit]) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for hit in hits:
        if hit.chunk.document_id not in found:
            found[hit.chunk.document_id] = Found(hit.chunk.metadata.title, _snippet(hit.chunk.text))
            if len(found) == _SHOWN:
                break
    return found


def _snippet(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SNIPPET else flat[: _SNIPPET - 1] + "…"
