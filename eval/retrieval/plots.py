"""Plots as SVG that takes its colours from the page around it, so that it is readable in light and dark."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import quoteattr

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from eval.retrieval.record import Run, SetRow
from eval.retrieval.scoring import NDCG

_STAND_INS = {"#010101": "var(--ink)", "#020202": "var(--faint)", "#030303": "var(--better)", "#040404": "var(--worse)"}
"""Colours that matplotlib draws with, and what the page puts in their place."""
_INK, _FAINT, _BETTER, _WORSE = _STAND_INS
_SERIES = [f"#05050{digit}" for digit in range(8)]
_STAND_INS |= {color: f"var(--series-{digit})" for digit, color in enumerate(_SERIES)}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "footnote",
    "font.family": "sans-serif",
    "font.sans-serif": ["system-ui", "sans-serif", "DejaVu Sans"],
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _FAINT,
    "grid.linewidth": 0.4,
}
_WIDTH = 8.0


def quality_plot(row: SetRow) -> str:
    """nDCG@10 of every pipeline with its interval."""
    with rc_context(_STYLE):
        canvas, axes = _canvas(1.0 + 0.36 * len(row.pipelines))
        for place, pipeline in enumerate(reversed(row.pipelines)):
            figure = pipeline.metrics[NDCG]
            reach = [[max(0.0, figure.value - figure.low)], [max(0.0, figure.high - figure.value)]]
            axes.errorbar(figure.value, place, xerr=reach, fmt="o", color=_SERIES[0], capsize=3)
        axes.set_yticks(range(len(row.pipelines)), [pipeline.name for pipeline in reversed(row.pipelines)])
        axes.set_ylim(-0.6, len(row.pipelines) - 0.4)
        axes.set_xlabel("nDCG@10, 95 % interval")
        axes.grid(axis="x")
        return _svg(canvas, f"nDCG@10 by pipeline on {row.name}")


def delta_plot(row: SetRow, name: str) -> str:
    """Each query's gain or loss against the baseline, sorted: how many moved, and how far."""
    after = row.pipeline(name)
    assert after.versus is not None  # the baseline isn't plotted against itself
    before = row.pipeline(after.versus.baseline).scores(NDCG)
    deltas = sorted((score - before[query] for query, score in after.scores(NDCG).items()), reverse=True)
    with rc_context(_STYLE):
        canvas, axes = _canvas(2.0)
        colors = [_BETTER if delta > 0 else _WORSE for delta in deltas]
        axes.bar(range(len(deltas)), deltas, color=colors, width=1.0)
        axes.axhline(0, color=_INK, linewidth=0.6)
        axes.set_xlabel(f"{len(deltas)} queries, by difference")
        axes.set_ylabel("nDCG@10")
        axes.set_xticks([])
        return _svg(canvas, f"Difference in nDCG@10 between {name} and {after.versus.baseline}, by query")


def tradeoff_plot(row: SetRow) -> str:
    """Quality of every phase of every pipeline over the time until it is done."""
    with rc_context(_STYLE):
        canvas, axes = _canvas(3.2)
        labelled: set[tuple[str, int, int]] = set()
        for number, pipeline in enumerate(row.pipelines):
            color = _SERIES[number % len(_SERIES)]
            phases = [phase for phase in pipeline.phases if phase.by_then.p50_ms > 0]
            x, y = [p.by_then.p50_ms for p in phases], [p.metrics[NDCG].value for p in phases]
            axes.plot(x, y, "o", markersize=5, color=color, label=pipeline.name)
            for phase in phases:
                at = phase.by_then.p50_ms, phase.metrics[NDCG].value
                axes.plot([at[0], phase.by_then.p95_ms], [at[1]] * 2, color=color, linewidth=0.8)
                spot = phase.name, round(math.log2(at[0])), round(at[1] * 50)
                if spot not in labelled:  # several pipelines often share a leg, and a label
                    labelled.add(spot)
                    axes.annotate(phase.name, at, xytext=(4, 5), textcoords="offset points", fontsize=8)
        axes.set_xscale("log")
        axes.set_xlabel("ms until the phase is done: median, line to the 95th percentile")
        axes.set_ylabel("nDCG@10")
        axes.grid()
        _legend(axes)
        return _svg(canvas, f"Quality against latency on {row.name}")


def history_plot(name: str, series: Sequence[tuple[str, Sequence[tuple[datetime, float]]]], metric: str) -> str:
    """A metric of each pipeline over the runs on one set."""
    with rc_context(_STYLE):
        canvas, axes = _canvas(2.8)
        for number, (label, points) in enumerate(series):
            moments, values = [moment for moment, _ in points], [value for _, value in points]
            axes.plot(moments, values, "o-", color=_SERIES[number % len(_SERIES)], label=label, markersize=4)  # type: ignore[arg-type]  # dates are plotted
        axes.set_ylabel(metric)
        axes.grid()
        canvas.autofmt_xdate()
        _legend(axes)
        return _svg(canvas, f"{metric} over time on {name}")


def plots_of(run: Run) -> dict[str, dict[str, str]]:
    """Every plot of a run, by set and by what it shows; ``delta:NAME`` is a pipeline against the baseline."""
    found: dict[str, dict[str, str]] = {}
    for row in run.sets:
        found[row.name] = {"quality": quality_plot(row), "tradeoff": tradeoff_plot(row)}
        for pipeline in row.pipelines:
            if pipeline.versus is not None:
                found[row.name][f"delta:{pipeline.name}"] = delta_plot(row, pipeline.name)
    return found


def _canvas(height: float) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(_WIDTH, height), layout="constrained")
    return canvas, canvas.add_subplot()


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _svg(canvas: Canvas, label: str) -> str:
    """The drawing alone, without the XML that a file needs, told to screen readers as ``label``."""
    out = io.StringIO()
    canvas.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    svg = out.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    for stand_in, color in _STAND_INS.items():
        svg = svg.replace(stand_in, color)
    named = f'<svg role="img" aria-label={quoteattr(label)} '
    return re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', lambda found: named + found[1], svg, count=1)
