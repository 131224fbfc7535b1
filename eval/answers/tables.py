"""A run of answers for a terminal, and the figures of it that other programs ask for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from eval.answers.questions import EvalQuestion
from eval.answers.record import AnswersRun
from eval.answers.rows import Row
from eval.bench.report import machine_line
from generation.prompts.inert import visible

_PIPED_WIDTH = 160
STATUSES = ("answered", "abstained", "refused", "empty", "error")


def summary(run: AnswersRun) -> dict[str, Any]:
    """The run without its questions."""
    row: dict[str, Any] = run.model_dump(mode="json")
    for config in row["configs"]:
        del config["values"], config["statuses"]
    return row


def show(run: AnswersRun) -> None:
    """Print the figures: a line a metric, a column a configuration."""
    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    table = Table("metric", *(config.name for config in run.configs))
    table.title = f"{run.set}: {run.questions} questions; citations checked by {run.support}; {machine_line()}"
    for name in dict.fromkeys(name for config in run.configs for name in config.metrics):
        found = [config.metrics.get(name) for config in run.configs]
        table.add_row(name, *(f"{one}, n = {one.n}" if one else "" for one in found))
    for status in STATUSES:
        table.add_row(status.upper(), *(str(config.counts.get(status, 0)) for config in run.configs))  # type: ignore[call-overload]
    table.add_row("DEGRADED", *(str(config.degraded) for config in run.configs))
    for metric in dict.fromkeys(name for config in run.configs for name in config.failures):
        table.add_row(f"FAILURES of {metric}", *(str(config.failures.get(metric, 0)) for config in run.configs))
    for name in dict.fromkeys(name for config in run.configs for name in config.percentiles):
        table.add_row(
            f"{name}, p50 / p95", *("{:.0f} / {:.0f}".format(*config.percentiles[name]) for config in run.configs)
        )
    table.add_row("tokens", *(str(config.tokens) for config in run.configs))
    console.print(table)


def show_answers(questions: Sequence[EvalQuestion], rows: Sequence[Row], run: AnswersRun) -> None:
    """Print every question with what each configuration said."""
    by_key = {row.key: row for row in rows}
    for asked in questions:
        click.echo(f"\n{visible(asked.question)}")
        for config in run.configs:
            row = by_key.get((asked.id, config.name))
            if row:
                click.echo(f"[{config.name}: {row.status}] {visible(row.answer or row.reason)}")
