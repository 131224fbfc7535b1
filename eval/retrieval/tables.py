"""A run for a terminal, and the few figures of it that other programs ask for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from eval.retrieval.history import Point
from eval.retrieval.record import ComparisonRow, Run, SetRow
from eval.retrieval.scoring import METRICS, NDCG

_PIPED_WIDTH = 160


def p_text(p_value: float) -> str:
    """A p value as it is read."""
    return "< .001" if p_value < 0.001 else f"{p_value:.3f}"  # noqa: PLR2004


def summary(run: Run) -> dict[str, Any]:
    """The run without its queries."""
    row: dict[str, Any] = run.model_dump(mode="json")
    for pipeline in (pipeline for each in row["sets"] for pipeline in each["pipelines"]):
        del pipeline["queries"]
        if pipeline["versus"] is not None:
            del pipeline["versus"]["gained"], pipeline["versus"]["lost"]
    return row


def show(run: Run) -> None:
    """Print every set's table."""
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    for row in run.sets:
        console.print(set_table(row))
        console.print(_phases(row))
        console.print(counts(row))


def counts(row: SetRow) -> str:
    """What the means are over, and what they leave out, in a sentence or two."""
    said = [f"{row.judged} judged questions over {row.documents} documents."]
    if row.unjudged:
        said.append(f"{len(row.unjudged)} questions have no relevant document in this split and can't be scored.")
    if row.empty_documents:
        said.append(f"{row.empty_documents} documents hold no text and can't be found.")
    if row.missing:
        said.append(f"{row.missing} judgments are of documents that aren't there: they count as not found.")
    return " ".join(said)


def set_table(row: SetRow) -> Table:
    """One line a pipeline."""
    shown = Table(
        "pipeline", *METRICS, "p50 / p95 ms", "vs baseline", "p", "failed", "empty", "degraded", "unjudged@10"
    )
    shown.title = f"{row.name} ({row.split})"
    for pipeline in row.pipelines:
        rest = [f"{pipeline.metrics[metric].value:.3f}" for metric in METRICS[1:]]
        trouble = [str(pipeline.failed), str(pipeline.empty), str(pipeline.degraded), f"{pipeline.unjudged_10:.1f}"]
        quality = str(pipeline.metrics[NDCG])
        shown.add_row(pipeline.name, quality, *rest, str(pipeline.latency), *_versus(pipeline.versus), *trouble)
    return shown


def _phases(row: SetRow) -> Table:
    shown = Table("pipeline", "phase", NDCG, "recall@100", "stage p50 / p95 ms", "by then p50 / p95 ms")
    for pipeline in row.pipelines:
        for phase in pipeline.phases:
            quality = str(phase.metrics[NDCG]), f"{phase.metrics['recall@100'].value:.3f}"
            shown.add_row(pipeline.name, phase.name, *quality, str(phase.stage), str(phase.by_then))
    return shown


def _versus(versus: ComparisonRow | None) -> tuple[str, str]:
    if versus is None:
        return "baseline", ""
    return versus.deltas[NDCG].signed(), p_text(versus.p_value)


def show_history(points: Sequence[Point], metric: str) -> None:
    """Print the runs, oldest first."""
    shown = Table(
        "run", "set", "pipeline", metric, "p50 / p95 ms", "embedder", "reranker", "generation", "commit", "note"
    )
    for point in points:
        at, commit = f"{point.created:%Y-%m-%d %H:%M}", point.commit[:10]
        models = point.embedder, point.reranker or "off", point.generation
        shown.add_row(at, point.set, point.pipeline, str(point.figure), str(point.latency), *models, commit, point.note)
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(shown)
