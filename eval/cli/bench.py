"""The group ``footnote bench``."""

from __future__ import annotations

import click

from eval.cli.bench_peers import peers


@click.group()
def bench() -> None:
    """Measure speed and size: at scale, and beside other libraries."""


for command in (peers,):
    bench.add_command(command)
