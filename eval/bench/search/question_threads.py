"""How long one question's embedding takes in one thread and in all: ``footnote bench question-threads``."""

from __future__ import annotations

import os
from functools import partial

import click

from core.settings import EmbedderSettings, Settings
from eval.bench.report import machine_line, markdown
from eval.bench.timing import by_turns, conditions
from eval.metrics import latency
from eval.progress import bars
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Embedder

QUESTIONS = [f"How many {what} does an employee of office {n} get?" for n in range(10) for what in ("days", "euros")]


@click.command(epilog="Example:  footnote bench question-threads")
@click.option("--rounds", default=5, show_default=True, help=f"Of {len(QUESTIONS)} questions.")
def question_threads(rounds: int) -> None:
    """Embed questions in one thread and in all, by turns, idle and beside a busy process."""
    embedders = {
        threads: build_embedder(Settings(embedder=EmbedderSettings(threads=threads)))
        for threads in sorted({1, os.cpu_count() or 1})
    }
    for embedder in embedders.values():
        embedder.warm_up()
    ways = [partial(_embed, embedder) for embedder in embedders.values()]
    with bars() as progress:
        found = conditions(lambda: by_turns(ways, QUESTIONS * rounds, progress), beside=True)
    rows = [
        (threads, condition, latency(times[:, column]))
        for condition, times in found.items()
        for column, threads in enumerate(embedders)
    ]
    click.echo(f"{machine_line()}\n\n{markdown(('threads', 'condition', 'p50 / p95 ms'), rows)}")


def _embed(embedder: Embedder, question: str) -> object:
    return embedder.embed_passages([question])  # a question itself always takes one thread
