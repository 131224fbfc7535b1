"""How figures moved over the runs that were kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from eval.datasets import DatasetError
from eval.metrics import Estimate, Latency
from eval.retrieval.record import Run
from eval.retrieval.scoring import METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One pipeline on one set in one run."""

    run: str
    created: datetime
    commit: str
    note: str
    set: str
    pipeline: str
    figure: Estimate
    latency: Latency
    embedder: str
    reranker: str | None
    generation: str


def points(runs: Sequence[Run], metric: str, *, only: str | None = None) -> list[Point]:
    """A metric of every pipeline, set and run, oldest first.

    A set is told apart by its fingerprint too: figures on other questions are no continuation.

    Args:
        only: the one set that is wanted.

    Raises:
        DatasetError: no such metric, or no run on that set.
    """
    if metric not in METRICS:
        raise DatasetError(f"There is no metric {metric!r}: use one of {', '.join(METRICS)}.")
    found = []
    for run in runs:
        for row in run.sets:
            if only not in (None, row.name):
                continue
            generations = {index.key: index.generation for index in row.indexes}
            found += [
                Point(
                    run=run.id,
                    created=run.created,
                    commit=run.commit,
                    note=run.note,
                    set=f"{row.name} ({row.split}, {row.fingerprint[:6]})",
                    pipeline=pipeline.name,
                    figure=pipeline.metrics[metric],
                    latency=pipeline.latency,
                    embedder=pipeline.embedder,
                    reranker=pipeline.reranker,
                    generation=generations.get(pipeline.index, ""),
                )
                for pipeline in row.pipelines
            ]
    if not found:
        known = ", ".join(sorted({row.name for run in runs for row in run.sets}))
        raise DatasetError(f"No run was on {only!r}; there are runs on: {known}.")
    return found


def by_set(found: Sequence[Point]) -> dict[str, list[Point]]:
    """The points of each set, sets in the order of their first run."""
    sets: dict[str, list[Point]] = {}
    for point in found:
        sets.setdefault(point.set, []).append(point)
    return sets


def series(found: Sequence[Point]) -> list[tuple[str, list[tuple[datetime, float]]]]:
    """Per pipeline, its values over time."""
    lines: dict[str, list[tuple[datetime, float]]] = {}
    for point in found:
        lines.setdefault(point.pipeline, []).append((point.created, point.figure.value))
    return list(lines.items())
