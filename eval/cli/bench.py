"""The group ``footnote bench``."""

from __future__ import annotations

import click

from eval.cli.shared import LazyGroup

_SEARCH = "eval.bench.search."
BENCHES = {
    "peers": ("eval.cli.bench_peers", "Beside other libraries: speed and nDCG@10. See docs/peers.md."),
    "scale": ("eval.cli.bench_scale", "Search on 10,000 to a million passages. See docs/scale.md."),
    "latency": (f"{_SEARCH}latency", "What retrieval costs on top of its parts."),
    "question-threads": (f"{_SEARCH}question_threads", "One question's embedding, in one thread and in all."),
    "ingest": (f"{_SEARCH}ingest", "How much of the embedder's own speed ingestion keeps."),
    "footprint": (f"{_SEARCH}footprint", "How heavy the embedded stack is."),
    "overload": ("eval.bench.load.overload", "What a service does with more than it can do."),
    "load": ("eval.bench.load.command", "Latency, refusals and memory at a given rate of searches and streams."),
    "model": ("eval.bench.load.model", "A language model's place, for load: streams at a steady pace."),
    "limits": ("eval.bench.limits", "How exactly processes keep to a rate limit together."),
    "catalog": ("eval.bench.ingestion.catalog", "What periodic tasks and claims cost in a large catalog."),
    "verification": ("eval.bench.answers.verification", "What the check of answers catches, and what it costs."),
    "streams": ("eval.bench.answers.streams", "What a very long answer takes, its guards on."),
    "pii": ("eval.bench.pii", "What of personal data is found, and what looking takes. See docs/guards.md."),
    "answer-cache": ("eval.bench.answers.answer_cache", "Which questions the answer cache takes for the same."),
    "gate": ("eval.bench.answers.gate", "How often the gate of answers errs, by simulation."),
    "permissions": ("eval.bench.ingestion.permissions", "How long new permissions take to reach the index."),
    "filtered": (f"{_SEARCH}filtered", "Recall of filtered vector search against exact search."),
}


@click.group(cls=LazyGroup, within=BENCHES)
def bench() -> None:
    """Measure speed, size and completeness. Times are by turns, idle and beside a busy process."""
