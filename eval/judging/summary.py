"""What many judgments come to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from eval.judging.agreement import alpha
from eval.judging.labels import Key
from eval.judging.records import PairRow, RagasRow, Row, ScoreRow
from eval.judging.rubric import CRITERIA
from eval.judging.running import Outcome
from eval.metrics import Estimate, mean_with_interval
from eval.records import Part


class ScoreFigure(Part):
    """One judge's scores of one configuration by one criterion; no mean where all failed."""

    judge: str
    configuration: str
    criterion: str
    mean: Estimate | None
    scored: int
    failed: int


class PairFigure(Part):
    """What one judge prefers. ``inconsistent``: ties that come of two orders with two outcomes."""

    judge: str
    a: str
    b: str
    a_wins: int
    b_wins: int
    ties: int
    inconsistent: int
    failed: int


class RagasFigure(Part):
    """One of ragas' metrics of one configuration; no mean where all failed.

    Attributes:
        failed: answers without a value; ``failed_calls``: of the judge, within answers that have one too.
    """

    judge: str
    configuration: str
    metric: str
    mean: Estimate | None
    scored: int
    failed: int
    failed_calls: int
    failures: dict[str, int]


class Summary(Part):
    """All of it. ``agreement``: Krippendorff's alpha of several judges, and over how many answers, by criterion."""

    scores: list[ScoreFigure]
    pairs: list[PairFigure]
    ragas: list[RagasFigure]
    agreement: dict[str, tuple[float, int]]
    failures: Mapping[str, int]
    unjudged: Mapping[str, int]
    tokens: int
    cost: float
    partial: bool
    stopped: str


def summary(outcome: Outcome) -> Summary:
    """What the judgments of a file come to, earlier ones included."""
    rows = outcome.rows
    agreed = {criterion: agreement_of_judges(rows, criterion) for criterion in CRITERIA}
    return Summary(
        scores=list(_scores([row for row in rows if isinstance(row, ScoreRow)])),
        pairs=list(_pairs([row for row in rows if isinstance(row, PairRow)])),
        ragas=list(_ragas([row for row in rows if isinstance(row, RagasRow)])),
        agreement={name: found for name, found in agreed.items() if found[1] and not math.isnan(found[0])},
        failures=failures_of(rows),
        unjudged=outcome.unjudged,
        tokens=sum(row.input_tokens + row.output_tokens for row in rows),
        cost=sum(row.cost for row in rows),
        partial=bool(outcome.stopped),
        stopped=outcome.stopped,
    )


def _scores(rows: Sequence[ScoreRow]) -> Iterator[ScoreFigure]:
    for judge, configuration in dict.fromkeys((row.judge.name, row.configuration) for row in rows):
        mine = [row for row in rows if (row.judge.name, row.configuration) == (judge, configuration)]
        failed = sum(row.failure is not None for row in mine)
        for criterion in CRITERIA:
            values = [row.scores[criterion] for row in mine if criterion in row.scores]
            yield ScoreFigure(
                judge=judge,
                configuration=configuration,
                criterion=criterion,
                mean=mean_with_interval(values) if values else None,
                scored=len(values),
                failed=failed,
            )


def _pairs(rows: Sequence[PairRow]) -> Iterator[PairFigure]:
    for judge, a, b in dict.fromkeys((row.judge.name, row.a, row.b) for row in rows):
        mine = [row for row in rows if (row.judge.name, row.a, row.b) == (judge, a, b)]
        won = [row.winner for row in mine]
        yield PairFigure(
            judge=judge,
            a=a,
            b=b,
            a_wins=won.count("a"),
            b_wins=won.count("b"),
            ties=won.count("tie"),
            inconsistent=sum(row.winner is not None and len(set(row.orders.values())) > 1 for row in mine),
            failed=won.count(None),
        )


def _ragas(rows: Sequence[RagasRow]) -> Iterator[RagasFigure]:
    for judge, configuration, metric in dict.fromkeys((row.judge.name, row.configuration, row.metric) for row in rows):
        mine = [
            row for row in rows if (row.judge.name, row.configuration, row.metric) == (judge, configuration, metric)
        ]
        values = [row.value for row in mine if row.value is not None]
        yield RagasFigure(
            judge=judge,
            configuration=configuration,
            metric=metric,
            mean=mean_with_interval(values) if values else None,
            scored=len(values),
            failed=len(mine) - len(values),
            failed_calls=sum(row.failed_calls for row in mine),
            failures=failures_of(mine),
        )


def agreement_of_judges(rows: Sequence[Row], criterion: str) -> tuple[float, int]:
    """Krippendorff's alpha, ordinal, of all judges by a criterion, and how many answers several of them scored."""
    by_item: dict[Key, list[int]] = {}
    for row in rows:
        if isinstance(row, ScoreRow) and criterion in row.scores:
            by_item.setdefault((row.item, row.configuration), []).append(row.scores[criterion])
    shared = [scores for scores in by_item.values() if len(scores) > 1]
    return alpha(shared), len(shared)


def failures_of(rows: Sequence[Row]) -> dict[str, int]:
    """How often each kind of failure is among them."""
    kinds = [str(row.failure) for row in rows if row.failure is not None]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}
