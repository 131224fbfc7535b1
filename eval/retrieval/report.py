"""The report of a run, and the history of all runs, each as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from eval.retrieval.history import Point, by_set, series
from eval.retrieval.plots import history_plot, plots_of
from eval.retrieval.record import Run
from eval.retrieval.scoring import METRICS, NDCG
from eval.retrieval.tables import counts, p_text


def write_report(run: Run, file: Path) -> Path:
    """Write the report of a run; where it is."""
    title = f"Retrieval: {', '.join(row.name for row in run.sets)}"
    return _write(file, "report.html.j2", title=title, run=run, plots=plots_of(run), metrics=METRICS)


def write_history(points: Sequence[Point], metric: str, file: Path) -> Path:
    """Write the history of a metric; where it is."""
    sets = [
        {"name": name, "points": own[::-1], "plot": history_plot(name, series(own), metric)}
        for name, own in by_set(points).items()
    ]
    runs = len({point.run for point in points})
    return _write(file, "history.html.j2", title=f"Retrieval over time: {metric}", sets=sets, runs=runs, metric=metric)


def _write(file: Path, template: str, **values: Any) -> Path:
    pages = Environment(
        loader=PackageLoader("eval.retrieval", "."),
        autoescape=True,  # questions and passages are anybody's text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tools = {"p_text": p_text, "counts": counts, "ndcg": NDCG}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(pages.get_template(template).render(**tools, **values), encoding="utf-8")
    return file
