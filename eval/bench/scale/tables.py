"""A report as tables for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eval.bench.scale.measuring import NARROW, VISIBLE, WAYS
from eval.bench.scale.node import COMPONENTS
from eval.bench.scale.record import Build, Growth, Measured, Report


def markdown(report: Report) -> str:
    """All tables of a report."""
    parts = [
        f"{report.questions} questions in turns, {report.depth} candidates a leg; vectors drawn from "
        f"{report.distinct:,} real ones.",
        _latency(report.measured),
        _growth(report.growth),
        _recall(report.measured),
        _bytes(report.builds),
        _builds(report.builds),
        _structure(report),
    ]
    return "\n\n".join(parts) + "\n"


def _name(row: Build | Measured) -> str:
    return f"{row.size:,} {row.layout}"


def _latency(rows: Sequence[Measured]) -> str:
    cells = [
        [_name(row), *(f"{row.latency[way].p50_ms:.1f} / {row.latency[way].p95_ms:.1f}" for way in WAYS)]
        for row in rows
    ]
    return _table(["p50 / p95 ms", *WAYS], cells)


def _growth(rows: Sequence[Growth]) -> str:
    pairs = dict.fromkeys((row.of, row.to) for row in rows)
    cells = []
    for of, to in pairs:
        by_way = {row.way: row for row in rows if (row.of, row.to) == (of, to)}
        shown = (f"{by_way[way].ratio:.2f} ({by_way[way].low:.2f}-{by_way[way].high:.2f})" for way in WAYS)
        cells.append([f"{to} / {of}", *shown])
    return _table(["p50 ratio (95 %)", *WAYS], cells)


def _recall(rows: Sequence[Measured]) -> str:
    cells = [[_name(row), *(f"{row.recall[name]:.3f}" for name in (VISIBLE, NARROW))] for row in rows]
    return _table(["recall@10", VISIBLE, NARROW], cells)


def _bytes(rows: Sequence[Build]) -> str:
    cells = []
    for row in rows:
        each = [row.bytes.get(component, 0) / row.size for component in COMPONENTS]
        cells.append([_name(row), *(f"{one:,.0f}" for one in each), f"{sum(each):,.0f}"])
    return _table(["bytes a chunk", *COMPONENTS, "all"], cells)


def _builds(rows: Sequence[Build]) -> str:
    cells = []
    for row in rows:
        memory = [_mb(row.heap_mb), _mb(row.heap_max_mb), _mb(row.resident_mb)]
        cells.append([_name(row), f"{row.seconds:,.0f}", f"{row.settled_s:,.0f}", str(row.segments), *memory])
    return _table(["build", "s writing", "s settling", "segments", "heap MB", "heap limit MB", "resident MB"], cells)


def _structure(report: Report) -> str:
    rows = [("real", report.real), *((_name(row), row.structure) for row in report.builds)]
    names = ("first", "tenth", "dimension")
    cells = [[name, *(f"{found[key]:g}" for key in names)] for name, found in rows if found]
    return _table(["neighbours", "nearest", "tenth", "local dimension"], cells)


def _mb(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
