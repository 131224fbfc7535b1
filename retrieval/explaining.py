"""Why a search finds a document where it does, or doesn't find it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.filters import All, AnyCase, AnyOf, Between, Filter, clauses_of, for_reader, visible_to
from core.principal import Principal
from retrieval.hit import Scores, SearchResponse
from retrieval.index.port import Candidate, SearchIndex
from retrieval.legs import search_legs
from retrieval.notes import Notes, Trace

LOOKED_AT = 1000
"""How far down each leg a document's passages are looked for."""
MOST_PASSAGES = 10
"""Of a document, that are told."""


class Verdict(StrEnum):
    """What became of a document in a search.

    Attributes:
        ABSENT: the index holds nothing of it.
        CLOSED: the reader may not read it.
        FILTERED: a filter leaves it out.
        MISSED: none of its passages is among the results.
        COPY: its text is shown as another document's, which says the same and came before it.
        FOUND: it is among the results, and an answer isn't given it.
        GIVEN: an answer to this very question is written from it.
    """

    ABSENT = "absent"
    CLOSED = "closed"
    FILTERED = "filtered"
    MISSED = "missed"
    COPY = "copy"
    FOUND = "found"
    GIVEN = "given"


@dataclass(frozen=True, slots=True)
class FilterCheck:
    """One filter, and whether the document passes it.

    Attributes:
        wanted: its values; of dates, from and to, empty where the side is open.
        has: the document's values; none for dates.
    """

    field: str
    passes: bool
    wanted: tuple[str, ...]
    has: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassageWay:
    """The way of a passage through a search.

    Attributes:
        ranks: its place, from 1, after each step that it went through: ``lexical`` and ``vector`` among the first
            :data:`LOOKED_AT` of the leg, then ``fused``, ``late interaction``, ``neighbours``, ``reranker``.
        place: among the results, from 1; None: it isn't.
        twin_of: the document whose passage says the same, and is shown in its place.
        given: whether an answer is written from it.
    """

    chunk_id: str
    ordinal: int
    page: int | None
    ranks: Mapping[str, int]
    scores: Scores
    place: int | None
    twin_of: str | None
    given: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of a document in a search, and why.

    Attributes:
        opened_by: the reader's terms that are in its access list.
        passages: its best ones, best first.
        words: whether a passage of it has a word of the question; None where words weren't asked.
        response: the search itself.
    """

    verdict: Verdict
    opened_by: tuple[str, ...]
    filters: tuple[FilterCheck, ...]
    passages: tuple[PassageWay, ...]
    words: bool | None
    response: SearchResponse


def explained(
    document_id: str,
    trace: Trace,
    response: SearchResponse,
    *,
    principal: Principal,
    filters: Filter | None,
    given: frozenset[str],
) -> Explanation:
    """Say of a search that was traced what became of a document in it.

    Of a document that the reader may not read nothing else is said: where it would stand tells what it says.

    Args:
        given: ids of the passages that an answer is written from.

    Raises:
        IndexUnavailable: the index doesn't answer.
    """
    index, document = trace.searched.view.index, AnyOf("document_id", frozenset({document_id}))
    if not index.count_documents(document):
        return Explanation(Verdict.ABSENT, (), (), (), None, response)
    if not index.count_documents(All((document, visible_to(principal)))):
        return Explanation(Verdict.CLOSED, (), (), (), None, response)
    listed = index.values("acl", All((document, AnyOf("acl", principal.terms))))
    opened_by = tuple(sorted(principal.terms.intersection(listed)))
    checks = tuple(_check(index, document, clause) for clause in clauses_of(filters)) if filters else ()
    if not all(check.passes for check in checks):
        return Explanation(Verdict.FILTERED, opened_by, checks, (), None, response)
    passages, words = _ways(trace, for_reader(principal, filters), document, given)
    return Explanation(_verdict(passages), opened_by, checks, passages, words, response)


def _check(index: SearchIndex, document: Filter, clause: Filter) -> FilterCheck:
    passes = bool(index.count_documents(All((document, clause))))
    if isinstance(clause, AnyOf | AnyCase):
        has = tuple(index.values(clause.field, document))
        return FilterCheck(clause.field, passes, tuple(sorted(clause.values)), has)
    if isinstance(clause, Between):
        wanted = tuple(side.isoformat() if side else "" for side in (clause.start, clause.end))
        return FilterCheck(clause.field, passes, wanted, ())
    raise TypeError(f"no request has a clause of {type(clause).__name__}")


def _ways(
    trace: Trace, visible: Filter, document: Filter, given: frozenset[str]
) -> tuple[tuple[PassageWay, ...], bool | None]:
    """The document's best passages, and whether one has a word of the question."""
    own = All((visible, document))
    best = _legs(trace, own, MOST_PASSAGES)
    scores = {leg: {one.chunk_id: one.score for one in found} for leg, found in best.items()}
    ids = list(dict.fromkeys(chunk_id for found in scores.values() for chunk_id in found))
    deep = {leg: _places([one.chunk_id for one in found]) for leg, found in _legs(trace, visible, LOOKED_AT).items()}
    results = _places(trace.results)
    steps = {**deep, **{step: _places(order) for step, order in trace.orders.items()}}
    ways = [
        PassageWay(
            chunk_id=chunk.id,
            ordinal=chunk.ordinal,
            page=chunk.page,
            ranks={step: places[chunk.id] for step, places in steps.items() if chunk.id in places},
            scores=Scores(*(scores.get(leg, {}).get(chunk.id) for leg in ("lexical", "vector"))),
            place=results.get(chunk.id),
            twin_of=trace.twins.get(chunk.id),
            given=chunk.id in given,
        )
        for chunk in trace.searched.view.index.fetch(ids, own)
    ]
    ways.sort(key=_standing)
    return tuple(ways[:MOST_PASSAGES]), bool(best["lexical"]) if "lexical" in best else None


def _legs(trace: Trace, visible: Filter, k: int) -> dict[str, list[Candidate]]:
    """What each leg that answers finds; as the search asked it."""
    searched = trace.searched
    notes = Notes(searched.view)
    legs = search_legs(searched.config, searched.query, searched.embedding, visible, notes, k=k)
    found = {"lexical": legs.lexical, "vector": legs.vector}
    return {leg: candidates for leg, candidates in found.items() if candidates is not None}


def _places(ids: Sequence[str]) -> dict[str, int]:
    return {chunk_id: place for place, chunk_id in enumerate(ids, start=1)}


def _standing(way: PassageWay) -> tuple[float, float, float]:
    """What passages are sorted by: the results first, then how far they came."""
    last = math.inf
    return way.place or last, way.ranks.get("fused", last), min(way.ranks.values(), default=last)


def _verdict(passages: Sequence[PassageWay]) -> Verdict:
    if any(way.given for way in passages):
        return Verdict.GIVEN
    if any(way.place for way in passages):
        return Verdict.FOUND
    return Verdict.COPY if any(way.twin_of for way in passages) else Verdict.MISSED
