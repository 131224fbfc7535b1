"""The group ``footnote eval``."""

from __future__ import annotations

import click

from eval.cli.gate import gate
from eval.cli.history import history
from eval.cli.judge_pool import judge_pool
from eval.cli.retrieval import retrieval


@click.group()
def eval() -> None:  # noqa: A001 - the command's name
    """Measure retrieval, compare runs, and refuse a change that makes it worse. See docs/evaluation.md."""


for command in (retrieval, gate, judge_pool, history):
    eval.add_command(command)
