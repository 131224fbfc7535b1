"""From what a pipeline found to the figures of its row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eval.datasets import Collection
from eval.metrics import Estimate, Latency, latency, mean_with_interval
from eval.retrieval.comparing import p_value, split_by_sign
from eval.retrieval.record import (
    ComparisonRow,
    MoveRow,
    PassageRow,
    PhaseRow,
    PipelineRow,
    QueryRow,
    Status,
)
from eval.retrieval.scoring import METRICS, NDCG, measure
from eval.retrieval.ways import FUSED, LEXICAL, PHASES, VECTOR, Asked

_FIRST = 10
_MOVES = 10
"""Queries that the report shows on either side."""
_MOVE_PASSAGES = 3
_NOT_STAGES = ("total", "fetch")
"""Reading the passages is needed whatever the ranking, so it counts only for what reads them: the reranker."""


def figures(values: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """The mean of every metric, with its interval, over queries."""
    return {metric: mean_with_interval([row[metric] for row in values]) for metric in METRICS}


def query_rows(collection: Collection, asked: Mapping[str, Asked]) -> tuple[QueryRow, ...]:
    """A row a judged query, in the collection's order."""
    scores = measure({query: found.ranking for query, found in asked.items()}, collection.qrels)
    rows = []
    for query in collection.queries:
        found, grades = asked[query], collection.qrels[query]
        status: Status = "failed" if found.error else "ok" if found.ranking else "empty"
        rows.append(
            QueryRow(
                id=query,
                metrics=scores[query],
                ms=round(found.ms, 3),
                status=status,
                note=found.error or "",
                degraded=found.degraded,
                unjudged_10=sum(document not in grades for document in found.ranking[:_FIRST]),
                top=found.ranking[:_FIRST],
            )
        )
    return tuple(rows)


def phase_rows(collection: Collection, asked: Mapping[str, Asked]) -> tuple[PhaseRow, ...]:
    """A row a phase that took part in any query; a query without it scores 0 there."""
    rows = []
    for phase in PHASES:
        rankings = {query: found.phases[phase] for query, found in asked.items() if phase in found.phases}
        if not rankings:
            continue
        scores = measure(rankings, collection.qrels)
        timings = [_phase_ms(phase, asked[query].timings_ms) for query in rankings]
        rows.append(
            PhaseRow(
                name=phase,
                metrics=figures(list(scores.values())),
                queries=len(rankings),
                stage=latency([alone for alone, _ in timings]),
                by_then=latency([by_then for _, by_then in timings]),
            )
        )
    return tuple(rows)


def _phase_ms(phase: str, timings: Mapping[str, float]) -> tuple[float, float]:
    """Time of a phase alone, and from the start to its end, of a search's stages in the order in which they ran.

    The legs are one round trip, ``search``; fusion is all that follows it, up to the reranker.
    """
    search = timings.get("search", 0.0)
    if phase == LEXICAL:
        return search, search
    legs = search + timings.get("embed", 0.0)
    if phase == VECTOR:
        return search, legs
    rerank = timings.get("rerank", 0.0)
    known = ("embed", "search", "rerank", *_NOT_STAGES)
    fuse = sum(ms for stage, ms in timings.items() if stage not in known)
    if phase == FUSED:
        return fuse, legs + fuse
    return rerank, legs + fuse + timings.get("fetch", 0.0) + rerank


def stage_latencies(asked: Mapping[str, Asked]) -> dict[str, Latency]:
    """Each stage's time, over the queries that had it."""
    names = dict.fromkeys(name for found in asked.values() for name in found.timings_ms)
    return {name: latency([f.timings_ms[name] for f in asked.values() if name in f.timings_ms]) for name in names}


def compare(
    collection: Collection, before: PipelineRow, after: PipelineRow, asked: Mapping[str, Mapping[str, Asked]]
) -> ComparisonRow:
    """A pipeline against the baseline.

    Args:
        asked: what each pipeline found, by pipeline and query.
    """
    pairs = list(zip(before.queries, after.queries, strict=True))
    differences = [{m: b.metrics[m] - a.metrics[m] for m in METRICS} for a, b in pairs]
    old, new = [a.metrics[NDCG] for a, _ in pairs], [b.metrics[NDCG] for _, b in pairs]
    better, worse, equal = split_by_sign(old, new)
    moves = sorted(pairs, key=lambda pair: pair[1].metrics[NDCG] - pair[0].metrics[NDCG])
    sides = asked[before.name], asked[after.name]
    return ComparisonRow(
        baseline=before.name,
        deltas=figures(differences),
        p_value=p_value(old, new),
        better=better,
        worse=worse,
        equal=equal,
        gained=tuple(_move(collection, pair, sides) for pair in moves[: -min(_MOVES, better) - 1 : -1]),
        lost=tuple(_move(collection, pair, sides) for pair in moves[: min(_MOVES, worse)]),
    )


def _move(
    collection: Collection, pair: tuple[QueryRow, QueryRow], sides: tuple[Mapping[str, Asked], Mapping[str, Asked]]
) -> MoveRow:
    before, after = pair
    return MoveRow(
        query=before.id,
        text=collection.queries[before.id],
        before=before.metrics[NDCG],
        after=after.metrics[NDCG],
        passages_before=_shown(collection, before.id, sides[0][before.id]),
        passages_after=_shown(collection, after.id, sides[1][after.id]),
    )


def _shown(collection: Collection, query: str, found: Asked) -> tuple[PassageRow, ...]:
    """The first few documents, and every relevant one of the first ten: why the query moved is among them."""
    grades = collection.qrels[query]
    first = found.ranking[:_FIRST]
    rows = []
    for place, document in enumerate(first):
        if document in found.passages and (place < _MOVE_PASSAGES or grades.get(document, 0) > 0):
            passage = found.passages[document]
            rows.append(
                PassageRow(
                    document=document,
                    place=place + 1,
                    title=passage.title,
                    text=passage.text,
                    grade=grades.get(document),
                )
            )
    return tuple(rows)
