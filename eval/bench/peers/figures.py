"""From what was measured to the tables of the comparison. Intervals are of blocks or questions, drawn whole: what slows
one down slows all its arms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.bench.peers.arms import BASE
from eval.bench.peers.record import Block, Comparison, Question, SetRecord
from eval.bench.report import markdown
from eval.datasets import Collection
from eval.metrics import latency, mean_with_interval, ratio_of_percentiles, ratio_of_sums
from eval.retrieval.comparing import p_value
from eval.retrieval.scoring import NDCG, measure
from eval.retrieval.tables import p_text

Row = dict[str, object]
"""Cells by column."""


def report(record: Comparison, collections: Mapping[str, Collection]) -> str:
    """All tables of a comparison."""
    about = [(name, ", ".join(f"{key} {value}" for key, value in one.items())) for name, one in record.about.items()]
    parts = [markdown(("machine, side or arm", "versions and settings"), about)]
    for name, row in record.sets.items():
        parts += _set(name, row, collections[name])
    return "\n\n".join(parts) + "\n"


def _set(name: str, row: SetRecord, collection: Collection) -> Iterator[str]:
    cut = "cut to the model's window first" if row.fit else "whole"
    yield (
        f"## {name}\n\n{row.documents} documents, {cut}, as {row.texts} texts; the model's first window holds "
        f"{100 * row.covered:.0f} % of their tokens."
    )
    if row.blocks:
        yield f"Indexing alone, {len(row.blocks)} blocks:\n\n{_table(ingest_rows(row.blocks))}"
    for what, questions in (("", row.questions), (" beside a busy process", row.beside)):
        if questions:
            yield f"{len(questions)} questions{what}:\n\n{_table(latency_rows(questions))}"
    if row.questions:
        yield _table(quality_rows(row.questions, collection.qrels))


def _table(rows: Sequence[Row]) -> str:
    return markdown(list(rows[0]), [list(row.values()) for row in rows])


def ingest_rows(blocks: Sequence[Block]) -> list[Row]:
    """How fast each arm took the documents in."""
    arms, base = _arms(blocks[0].seconds)
    documents = sum(block.documents for block in blocks)
    times = _columns([block.seconds for block in blocks], arms)
    cpu = _columns([block.cpu_s for block in blocks], arms)
    return [
        {
            "arm": arm,
            "documents/s": f"{documents / times[:, at].sum():.1f}",
            "vectors": sum(block.vectors[arm] for block in blocks),
            "Footnote is faster by": "" if at == base else ratio_of_sums(times, at, base).times(),
            "CPU ms": f"{1000 * cpu[:, at].sum() / documents:.1f}",
            "CPU over Footnote's": "" if at == base else ratio_of_sums(cpu, at, base).times(),
            "share of its time": ", ".join(
                f"{name} {100 * sum(each) / times[:, at].sum():.0f} %"
                for name, each in _stages([block.stages[arm] for block in blocks]).items()
            ),
        }
        for at, arm in enumerate(arms)
    ]


def latency_rows(questions: Sequence[Question]) -> list[Row]:
    """How fast each arm answered."""
    arms, base = _arms(questions[0].seconds)
    times = 1000 * _columns([question.seconds for question in questions], arms)
    cpu = 1000 * _columns([question.cpu_s for question in questions], arms)

    def ratio(of: NDArray[np.float64], at: int, percentile: float) -> str:
        return "" if at == base else ratio_of_percentiles(of, base, at, percentile).times()

    return [
        {
            "arm": arm,
            "p50 / p95 ms": latency(times[:, at]),
            "Footnote's p50 is": ratio(times, at, 50),
            "its p95 is": ratio(times, at, 95),
            "CPU ms": f"{np.median(cpu[:, at]):.1f}",
            "its CPU is": ratio(cpu, at, 50),
            "median ms of each stage": ", ".join(
                f"{name} {1000 * np.median(each):.1f}"
                for name, each in _stages([question.stages[arm] for question in questions]).items()
            ),
        }
        for at, arm in enumerate(arms)
    ]


def quality_rows(questions: Sequence[Question], qrels: Mapping[str, Mapping[str, int]]) -> list[Row]:
    """What each arm found, over the questions that were asked; p by the paired randomisation test."""
    asked = {question.id: qrels[question.id] for question in questions}
    arms, base = _arms(questions[0].found)
    values = []
    for arm in arms:
        scores = measure({question.id: question.found[arm] for question in questions}, asked)
        values.append([scores[question.id][NDCG] for question in questions])
    rows: list[Row] = []
    for at, arm in enumerate(arms):
        gains = [ours - theirs for ours, theirs in zip(values[base], values[at], strict=True)]
        rows.append(
            {
                "arm": arm,
                "nDCG@10": mean_with_interval(values[at]),
                "Footnote gains": "" if at == base else mean_with_interval(gains).signed(),
                "p": "" if at == base else p_text(p_value(values[at], values[base])),
            }
        )
    return rows


def _arms(measured: Mapping[str, object]) -> tuple[list[str], int]:
    arms = list(measured)
    return arms, arms.index(BASE) if BASE in arms else 0


def _columns(rows: Sequence[Mapping[str, float]], arms: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[row[arm] for arm in arms] for row in rows])


def _stages(each: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    names = dict.fromkeys(name for stages in each for name in stages)
    return {name: [stages.get(name, 0.0) for stages in each] for name in names}
