"""``footnote eval answers``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from core.filters import parse_filters
from eval.answers.judged import QUESTIONS, Answered, ask_all, read_questions, shares, verdict
from eval.bench.report import machine, machine_line, markdown, write_json
from eval.bench.timing import conditions, milliseconds
from eval.cli.shared import FILE, settings
from eval.metrics import latency, share
from eval.progress import bars
from generation.answerer import Answerer
from retrieval.build import build_retriever
from retrieval.embedding.port import Embedder

_TIMED = 30


@click.command(epilog="Example:  footnote eval answers --questions asked.jsonl --show  (docs/answers.md)")
@click.option("--questions", type=FILE, default=QUESTIONS, help="JSONL: question, kind, split, files, words.")
@click.option("--source", help="The id of the documents' source, where the index holds others too.")
@click.option("--split", type=click.Choice(["tune", "held"]), help="Only this half.")
@click.option("--beside/--idle", default=True, help="Measure times beside a busy process too, or idle only.")
@click.option("--show", is_flag=True, help="Print every question with its answer.")
@click.option("--out", type=FILE, help="Write the answers and figures as JSON.")
def answers(
    *, questions: Path, source: str | None, split: str | None, beside: bool, show: bool, out: Path | None
) -> None:
    """Ask judged questions of the index in use, without a language model: what is right, and how long it takes."""
    asked = [one for one in read_questions(questions) if split in (None, one.split)]
    filters = parse_filters({"source": [source]}) if source else None
    current = settings()
    retriever = build_retriever(current)
    retriever.warm_up()
    answerer = Answerer(retriever, None, current)
    with bars() as progress:

        def measure() -> tuple[list[Answered], dict[str, float]]:
            found = asyncio.run(ask_all(answerer, asked, filters, progress))
            return found, times(found, retriever.embedder)

        measured = conditions(measure, beside=beside)
    found, _ = next(iter(measured.values()))
    if show:
        for one in found:
            click.echo(f"\n{verdict(one)} · {one.asked.question}\n{one.text or '(abstained)'}")
    click.echo(f"{machine_line()}; {len(found)} questions\n\n{_quality(found)}\n")
    timings = {condition: ms for condition, (_, ms) in measured.items()}
    names = list(next(iter(timings.values())))
    rows = [(condition, *(f"{ms[name]:.1f}" for name in names)) for condition, ms in timings.items()]
    click.echo(markdown(("condition", *names), rows))
    told = [{**asdict(one), "verdict": verdict(one)} for one in found]
    write_json({"machine": machine(), "latency": timings, "shares": shares(found), "answers": told}, out)


def times(found: Sequence[Answered], embedder: Embedder) -> dict[str, float]:
    """Milliseconds to the whole answer and of choosing its sentences, and against embedding one question."""
    embeds = [milliseconds(lambda one=one: embedder.embed_query(one.asked.question)) for one in found[:_TIMED]]  # type: ignore[misc]
    whole, extract = latency([one.ms for one in found]), latency([one.extract_ms for one in found])
    return {
        "answer_p50_ms": whole.p50_ms,
        "answer_p95_ms": whole.p95_ms,
        "extract_p50_ms": extract.p50_ms,
        "extract_p95_ms": extract.p95_ms,
        "embed_query_p50_ms": float(np.median(embeds)),
        "answer_p50_to_embed_query": whole.p50_ms / float(np.median(embeds)),
    }


def _quality(found: Sequence[Answered]) -> str:
    parts: list[Sequence[Answered]] = [[one for one in found if one.asked.split == half] for half in ("tune", "held")]
    columns = [shares(part) for part in (*parts, found)]
    rows: list[tuple[Any, ...]] = [(name, *(share(*column[name]) for column in columns)) for name in columns[0]]
    lengths = [len(one.text.split()) for one in found if one.quotes]
    rows.append(("words in an answer, median", "", "", f"{median(lengths) if lengths else 0:.0f}"))
    return markdown(("measure", "tune", "held out", "both"), rows)
