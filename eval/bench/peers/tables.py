"""The comparison as Markdown, for a terminal and for a page alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from eval.bench.peers.figures import IngestRow, LatencyRow, QualityRow, ingest_rows, latency_rows, quality_rows
from eval.bench.peers.record import Record, SetRecord
from eval.datasets import Collection
from eval.metrics import Estimate
from eval.retrieval.tables import p_text

Cells = Sequence[str]


def report(record: Record, collections: Mapping[str, Collection]) -> str:
    """All tables of a comparison."""
    parts = [_about(record)]
    for name, row in record.sets.items():
        parts += _set(name, row, collections[name])
    return "\n\n".join(parts) + "\n"


def _about(record: Record) -> str:
    rows = [(name, ", ".join(f"{key} {value}" for key, value in about.items())) for name, about in record.about.items()]
    return _table(("side or arm", "versions and settings"), rows)


def _set(name: str, row: SetRecord, collection: Collection) -> Iterator[str]:
    cut = "cut to the model's window first" if row.fit else "whole"
    yield (
        f"## {name}\n\n{row.documents} documents, {cut}, as {row.texts} texts; the model's first window holds "
        f"{100 * row.covered:.0f} % of their tokens."
    )
    indexing, files = ingest_rows(row.blocks), ingest_rows(row.files)
    if indexing:
        yield f"Indexing alone, {len(row.blocks)} blocks:\n\n{_ingest(indexing)}"
    if files:
        yield f"From files, {len(row.files)} blocks:\n\n{_ingest(files)}"
    if row.questions:
        yield f"{len(row.questions)} questions:\n\n{_latency(latency_rows(row.questions))}"
        yield _quality(quality_rows(row.questions, collection.qrels))


def _ingest(rows: Iterable[IngestRow]) -> str:
    return _table(
        (
            "arm",
            "documents/s",
            "vectors",
            "Footnote is faster by",
            "CPU ms",
            "CPU over Footnote's",
            "share of its time",
        ),
        [
            (
                row.arm,
                f"{row.documents_per_s:.1f}",
                str(row.vectors),
                _interval(row.times_slower),
                "" if row.cpu_ms is None else f"{row.cpu_ms:.1f}",
                _interval(row.cpu_times),
                ", ".join(f"{name} {100 * share:.0f} %" for name, share in row.shares.items()),
            )
            for row in rows
        ],
    )


def _latency(rows: Iterable[LatencyRow]) -> str:
    return _table(
        (
            "arm",
            "p50 ms",
            "p95 ms",
            "Footnote's p50 is",
            "its p95 is",
            "CPU ms",
            "its CPU is",
            "median ms of each stage",
        ),
        [
            (
                row.arm,
                f"{row.p50_ms:.1f}",
                f"{row.p95_ms:.1f}",
                _interval(row.p50_ratio),
                _interval(row.p95_ratio),
                f"{row.cpu_ms:.1f}",
                _interval(row.cpu_ratio),
                ", ".join(f"{name} {ms:.1f}" for name, ms in row.stages_ms.items()),
            )
            for row in rows
        ],
    )


def _quality(rows: Iterable[QualityRow]) -> str:
    return _table(
        ("arm", "nDCG@10", "Footnote gains", "p"),
        [
            (
                row.arm,
                f"{row.ndcg.value:.3f} ({row.ndcg.low:.3f}-{row.ndcg.high:.3f})",
                "" if row.gain is None else f"{row.gain.value:+.3f} ({row.gain.low:+.3f} to {row.gain.high:+.3f})",
                "" if row.p is None else p_text(row.p),
            )
            for row in rows
        ],
    )


def _interval(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.value:.2f}x ({estimate.low:.2f}-{estimate.high:.2f})"


def _table(head: Cells, rows: Iterable[Cells]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
