"""From what was measured to the figures of the comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eval.bench.peers.arms import BASE
from eval.bench.peers.record import Block, Question
from eval.metrics import Estimate, bootstrap, mean_with_interval
from eval.retrieval.comparing import p_value
from eval.retrieval.scoring import NDCG, measure


@dataclass(frozen=True, slots=True)
class IngestRow:
    """How fast an arm took the documents in.

    Attributes:
        documents_per_s: over all blocks.
        vectors: how many it made of them.
        times_slower: its seconds over the base's, for the same documents; None for the base.
        cpu_ms: CPU time of its process for a document; None where it wasn't measured.
        cpu_times: the same over the base's; None for the base, and where it wasn't measured.
        shares: of its time, by stage.
    """

    arm: str
    documents_per_s: float
    vectors: int
    times_slower: Estimate | None
    cpu_ms: float | None
    cpu_times: Estimate | None
    shares: dict[str, float]


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """How fast an arm answered.

    Attributes:
        p50_ms, p95_ms: over all questions.
        p50_ratio, p95_ratio: the base's over this arm's; None for the base.
        cpu_ms: the median CPU time of its process.
        cpu_ratio: the base's over this arm's; None for the base.
        stages_ms: the median of each stage.
    """

    arm: str
    p50_ms: float
    p95_ms: float
    p50_ratio: Estimate | None
    p95_ratio: Estimate | None
    cpu_ms: float
    cpu_ratio: Estimate | None
    stages_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class QualityRow:
    """What an arm found.

    Attributes:
        gain: the base's nDCG@10 minus this arm's, over the same questions; None for the base.
        p: that the gain is chance, by the paired randomisation test.
    """

    arm: str
    ndcg: Estimate
    gain: Estimate | None
    p: float | None


def ingest_rows(blocks: Sequence[Block]) -> list[IngestRow]:
    """A row an arm. Intervals are over blocks, drawn whole: what slows a block down slows all its arms."""
    if not blocks:
        return []
    arms = list(blocks[0].seconds)
    base = arms.index(BASE) if BASE in arms else 0
    documents = sum(block.documents for block in blocks)
    times = np.array([[block.seconds[arm] for arm in arms] for block in blocks])
    cpu = np.array([[block.cpu_s.get(arm, np.nan) for arm in arms] for block in blocks])
    rows = []
    for at, arm in enumerate(arms):
        total = float(times[:, at].sum())
        rows.append(
            IngestRow(
                arm=arm,
                documents_per_s=documents / total,
                vectors=sum(block.vectors[arm] for block in blocks),
                times_slower=None if at == base else _slower(times, base, at),
                cpu_ms=_known(1000 * float(cpu[:, at].sum()) / documents),
                cpu_times=None if at == base or np.isnan(cpu[:, [base, at]]).any() else _slower(cpu, base, at),
                shares=_shares([block.stages[arm] for block in blocks], total),
            )
        )
    return rows


def latency_rows(questions: Sequence[Question]) -> list[LatencyRow]:
    """A row an arm. Intervals are over questions, drawn whole."""
    if not questions:
        return []
    arms = list(questions[0].seconds)
    base = arms.index(BASE) if BASE in arms else 0
    times = np.array([[question.seconds[arm] for arm in arms] for question in questions]) * 1000
    cpu = np.array([[question.cpu_s[arm] for arm in arms] for question in questions]) * 1000
    rows = []
    for at, arm in enumerate(arms):
        p50, p95 = (float(value) for value in np.percentile(times[:, at], [50, 95]))
        rows.append(
            LatencyRow(
                arm=arm,
                p50_ms=p50,
                p95_ms=p95,
                p50_ratio=None if at == base else _ratio(times, base, at, 50),
                p95_ratio=None if at == base else _ratio(times, base, at, 95),
                cpu_ms=float(np.median(cpu[:, at])),
                cpu_ratio=None if at == base else _ratio(cpu, base, at, 50),
                stages_ms=_medians([question.stages[arm] for question in questions]),
            )
        )
    return rows


def quality_rows(questions: Sequence[Question], qrels: Mapping[str, Mapping[str, int]]) -> list[QualityRow]:
    """A row an arm, over the questions that were asked."""
    if not questions:
        return []
    asked = {question.id: qrels[question.id] for question in questions}
    arms = list(questions[0].found)
    values = {}
    for arm in arms:
        scores = measure({question.id: question.found[arm] for question in questions}, asked)
        values[arm] = [scores[question.id][NDCG] for question in questions]
    base = values[BASE if BASE in values else arms[0]]
    return [
        QualityRow(
            arm,
            mean_with_interval(values[arm]),
            None
            if values[arm] is base
            else mean_with_interval([a - b for a, b in zip(base, values[arm], strict=True)]),
            None if values[arm] is base else p_value(values[arm], base),
        )
        for arm in arms
    ]


def _slower(times: NDArray[np.float64], base: int, at: int) -> Estimate:
    def statistic(rows: NDArray[np.float64]) -> float:
        return float(rows[:, at].sum() / rows[:, base].sum())

    return bootstrap(statistic, times)


def _ratio(times: NDArray[np.float64], base: int, at: int, percentile: float) -> Estimate:
    def statistic(rows: NDArray[np.float64]) -> float:
        return float(np.percentile(rows[:, base], percentile) / np.percentile(rows[:, at], percentile))

    return bootstrap(statistic, times)


def _shares(stages: Sequence[Mapping[str, float]], total: float) -> dict[str, float]:
    names = dict.fromkeys(name for each in stages for name in each)
    return {name: sum(each.get(name, 0.0) for each in stages) / total for name in names}


def _medians(stages: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for each in stages for name in each)
    return {name: float(np.median([each.get(name, 0.0) for each in stages])) * 1000 for name in names}


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
