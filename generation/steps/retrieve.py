"""The search for passages, by every query that the question became."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Protocol

from core import language
from core.filters import Filter
from core.lanes import Lanes
from core.principal import Principal
from core.telemetry import stage
from generation.events import AnswerEvent, StageEvent
from generation.steps.draft import Draft
from generation.steps.spelling import mended, mendings
from generation.text.languages import language_notices, read_by

if TYPE_CHECKING:
    from core.chunk import Chunk
    from retrieval.embedding.port import Embedder
    from retrieval.hit import SearchResponse

_LOOKED_AT = 8
"""Passages whose language is looked at: about as many as an answer is made from."""
_BESIDE = (5, 7)
"""Where the best hits of a query that is only searched for as well come in, from 0. Mixed by rank they pushed out what
the rewritten question found: an expected file was among the first five for 36 of 40 conversations instead of 39."""


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

    def spelt_nearly(self, word: str, principal: Principal, filters: Filter | None, limit: int) -> Sequence[Chunk]:
        """Passages that the principal may read and that may have a word spelt nearly as this one.

        None where one of them has the word itself.
        """
        ...


class Retrieve:
    """Finds passages. Several queries are searched for one by one, and what they find is merged.

    Args:
        limit: how many passages are asked for.
        spelling: mend words that no passage has.
        languages: those that the embedder reads; none: as its name tells.
    """

    def __init__(
        self,
        search: PassageSearch,
        lanes: Lanes,
        limit: int,
        *,
        spelling: bool = True,
        languages: Sequence[str] = (),
    ) -> None:
        self._search = search
        self._lanes = lanes
        self._limit = limit
        self._spelling = spelling
        self._languages = tuple(languages)

    def warm_up(self) -> None:
        """Load what tells languages, if it is needed."""
        if self._reads():
            language.warm_up()

    async def run(self, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """Search; called by one who holds a place of the searches' lane.

        Raises:
            IndexUnavailable: nothing can be found right now.
        """
        yield StageEvent(name="retrieve", state="started")
        began = time.perf_counter()
        with stage("answer.retrieve"):
            found, meant = await self._lanes.searches.run_in_place(lambda: self._found(draft))
        tally = draft.tally
        _note(meant, draft)
        draft.found = found
        tally.degraded.extend(found.degraded)
        tally.notices.extend(found.notices)
        yield tally.finished("retrieve", began, queries=draft.queries if meant else ())
        if "rerank" in found.timings_ms:
            tally.timings_ms["rerank"] = found.timings_ms["rerank"]
            yield StageEvent(name="rerank", state="started")
            yield StageEvent(name="rerank", state="finished", ms=tally.timings_ms["rerank"])

    def _foreign(self, question: str, found: SearchResponse) -> list[str]:
        said = [hit.chunk.metadata.language or "" for hit in found.hits[:_LOOKED_AT]]
        return language_notices(question, said, self._reads())

    def _reads(self) -> tuple[str, ...]:
        return self._languages or read_by(self._search.embedder.name)

    def _found(self, draft: Draft) -> tuple[SearchResponse, Mapping[str, str]]:
        """What the queries found, and the words of the question that were mended."""
        found = merged([self._one(query, draft) for query in (*draft.queries, *draft.beside)], len(draft.queries))
        found = replace(found, notices=(*found.notices, *self._foreign(draft.question.text, found)))
        meant = mendings(self._search, draft.question, found.hits) if self._spelling else {}
        if not meant:
            return found, {}
        better = [self._one(mended(query, meant), draft) for query in draft.queries]
        return replace(merged([*better, found], len(better)), notices=found.notices), meant

    def _one(self, query: str, draft: Draft) -> SearchResponse:
        asked = draft.question
        return self._search.search(
            query, asked.principal, filters=asked.filters, limit=self._limit, pipeline=asked.pipeline
        )


def _note(meant: Mapping[str, str], draft: Draft) -> None:
    """Go on with the mended question, and tell the reader."""
    if not meant:
        return
    draft.queries = tuple(mended(query, meant) for query in draft.queries)
    draft.parts = tuple(mended(part, meant) for part in draft.parts)
    draft.standalone, draft.subject = mended(draft.standalone, meant), mended(draft.subject, meant)
    draft.tally.notices += [
        f"No passage that you may read has “{word}”: “{better}” was searched for." for word, better in meant.items()
    ]


def merged(responses: Sequence[SearchResponse], alike: int) -> SearchResponse:
    """One response of several: the hits of the first ones by turns, the best of the others at a few places.

    Args:
        alike: how many responses count alike; the others come after them.
    """
    if len(responses) == 1:
        return responses[0]
    turns = zip_longest(*(response.hits for response in responses[:alike]))
    hits = list({hit.chunk.id: hit for hit in chain.from_iterable(turns) if hit is not None}.values())
    for response in responses[alike:]:
        for at, hit in zip(_BESIDE, response.hits, strict=False):
            if all(hit.chunk.id != one.chunk.id for one in hits[:at]):
                hits = [one for one in hits if one.chunk.id != hit.chunk.id]
                hits.insert(at, hit)
    return replace(
        responses[0],
        hits=tuple(hits),
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
