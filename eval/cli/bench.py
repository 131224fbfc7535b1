"""The group ``footnote bench``."""

from __future__ import annotations

import click

from eval.cli.bench_peers import peers
from eval.cli.bench_scale import scale


@click.group()
def bench() -> None:
    """Measure speed and size: at scale, and beside other libraries."""


for command in (peers, scale):
    bench.add_command(command)
