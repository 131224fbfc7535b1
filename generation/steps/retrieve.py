"""The search for passages, by every query that the question became."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from core.filters import Filter
from core.lanes import Lanes
from core.principal import Principal
from core.telemetry import stage
from generation.events import AnswerEvent, StageEvent
from generation.steps.draft import Draft
from retrieval.fusion import Ranking, reciprocal_rank_fusion

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder
    from retrieval.hit import SearchHit, SearchResponse

_FIRST, _OTHERS = 1.0, 0.5
"""How much the rankings of the first query and of each further one count, where there are several."""


class PassageSearch(Protocol):
    """What answers need of :class:`retrieval.retriever.Retriever`."""

    @property
    def embedder(self) -> Embedder:
        """Judges which sentences answer the question."""
        ...

    @property
    def generation(self) -> str:
        """The index's generation that the next search works on; empty while that isn't known. Doesn't block."""
        ...

    def check(self, query: str, pipeline: str | None = None) -> None:
        """Raise InvalidRequest if no search can be made of these. Doesn't block."""
        ...

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
        """The best passages for the query that the principal may read."""
        ...


class Retrieve:
    """Finds passages. Several queries are searched for one by one, and their rankings fused.

    Args:
        limit: how many passages are asked for.
    """

    def __init__(self, search: PassageSearch, lanes: Lanes, limit: int) -> None:
        self._search = search
        self._lanes = lanes
        self._limit = limit

    async def run(self, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """Search; called by one who holds a place of the searches' lane.

        Raises:
            IndexUnavailable: nothing can be found right now.
        """
        yield StageEvent(name="retrieve", state="started")
        began = time.perf_counter()
        with stage("answer.retrieve"):
            found = await self._lanes.searches.run_in_place(lambda: self._found(draft))
        tally = draft.tally
        draft.found = found
        tally.degraded.extend(found.degraded)
        tally.notices.extend(found.notices)
        yield tally.finished("retrieve", began)
        if "rerank" in found.timings_ms:
            tally.timings_ms["rerank"] = found.timings_ms["rerank"]
            yield StageEvent(name="rerank", state="started")
            yield StageEvent(name="rerank", state="finished", ms=tally.timings_ms["rerank"])

    def _found(self, draft: Draft) -> SearchResponse:
        asked = draft.question
        return fused(
            [
                self._search.search(
                    query, asked.principal, filters=asked.filters, limit=self._limit, pipeline=asked.pipeline
                )
                for query in draft.queries
            ]
        )


def fused(responses: Sequence[SearchResponse]) -> SearchResponse:
    """One response of several, by weighted reciprocal rank; a hit keeps the scores of the search that put it first."""
    if len(responses) == 1:
        return responses[0]
    hits: dict[str, SearchHit] = {}
    rankings: dict[str, Ranking] = {}
    for number, response in enumerate(responses):
        rankings[str(number)] = Ranking([hit.chunk.id for hit in response.hits], _OTHERS if number else _FIRST)
        for hit in response.hits:
            hits.setdefault(hit.chunk.id, hit)
    ranked = reciprocal_rank_fusion(rankings)
    return replace(
        responses[0],
        hits=tuple(replace(hits[item.id], score=item.score) for item in ranked),
        total_candidates=max(response.total_candidates for response in responses),
        timings_ms=_added([response.timings_ms for response in responses]),
        degraded=tuple(dict.fromkeys(why for response in responses for why in response.degraded)),
        # What one query didn't find another one may have.
        notices=tuple(why for why in responses[0].notices if all(why in other.notices for other in responses)),
    )


def _added(timings: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {
        name: sum(one.get(name, 0.0) for one in timings) for name in dict.fromkeys(key for t in timings for key in t)
    }
