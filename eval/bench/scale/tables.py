"""A report as tables for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence

from eval.bench.report import markdown
from eval.bench.scale.measuring import NARROW, VISIBLE, WAYS
from eval.bench.scale.node import COMPONENTS
from eval.bench.scale.record import Build, Growth, Measured, Report


def tables(report: Report) -> str:
    """All tables of a report."""
    parts = [
        f"{report.questions} questions in turns, {report.depth} candidates a leg; vectors drawn from "
        f"{report.distinct:,} real ones.",
        _latency(report.measured),
        _growth(report.growth),
        _recall(report.measured),
        _bytes(report.builds),
        _builds(report.builds),
    ]
    return "\n\n".join(parts) + "\n"


def _latency(rows: Sequence[Measured]) -> str:
    cells = [[row.name, *(str(row.latency[way]) for way in WAYS)] for row in rows]
    return markdown(["p50 / p95 ms", *WAYS], cells)


def _growth(rows: Sequence[Growth]) -> str:
    pairs = dict.fromkeys((row.of, row.to) for row in rows)
    cells = []
    for of, to in pairs:
        by_way = {row.way: row for row in rows if (row.of, row.to) == (of, to)}
        cells.append([f"{to} / {of}", *(by_way[way].ratio.times() for way in WAYS)])
    return markdown(["p50 ratio (95 %)", *WAYS], cells)


def _recall(rows: Sequence[Measured]) -> str:
    cells = [[row.name, *(f"{row.recall[name]:.3f}" for name in (VISIBLE, NARROW))] for row in rows]
    return markdown(["recall@10", VISIBLE, NARROW], cells)


def _bytes(rows: Sequence[Build]) -> str:
    cells = []
    for row in rows:
        each = [row.bytes.get(component, 0) / row.size for component in COMPONENTS]
        planned = ["-", "-"]
        if row.planned is not None:
            planned = [f"{row.planned / row.size:,.0f}", f"{row.planned / row.size / sum(each) - 1:+.1%}"]
        cells.append([row.name, *(f"{one:,.0f}" for one in each), f"{sum(each):,.0f}", *planned])
    return markdown(["bytes a chunk", *COMPONENTS, "all", "planned", "off by"], cells)


def _builds(rows: Sequence[Build]) -> str:
    cells = []
    for row in rows:
        memory = [_mb(row.heap_mb), _mb(row.heap_max_mb), _mb(row.resident_mb)]
        cells.append([row.name, f"{row.seconds:,.0f}", f"{row.settled_s:,.0f}", str(row.segments), *memory])
    return markdown(["build", "s writing", "s settling", "segments", "heap MB", "heap limit MB", "resident MB"], cells)


def _mb(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
