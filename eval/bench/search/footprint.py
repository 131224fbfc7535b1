"""How heavy the embedded stack is: ``footnote bench footprint --data-dir .footnote``.

Prints the idle memory of each process of a running stack and of all together, and how long ``footnote --help`` takes.
Memory is the proportional set size: pages that processes share are counted once.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import click
import psutil

from core.errors import InvalidRequest
from eval.bench.report import machine_line
from eval.bench.timing import milliseconds
from eval.cli.shared import FOLDER

HELP_RUNS = 9


def memory_mb(pid: int) -> dict[str, float]:
    """Proportional set size of a process and all its descendants, MB by name and pid.

    Raises:
        psutil.NoSuchProcess: there is no such process.
    """
    root = psutil.Process(pid)
    sizes = {}
    for process in [root, *root.children(recursive=True)]:
        try:
            command = " ".join(process.cmdline()[1:4])
            sizes[f"{process.pid} {process.name()} {command[:60]}"] = process.memory_full_info().pss / 1e6
        except psutil.NoSuchProcess:
            continue
    return sizes


def help_seconds(command: list[str]) -> list[float]:
    """Wall-clock seconds of each of :data:`HELP_RUNS` runs, after one that isn't counted."""

    def run() -> None:
        subprocess.run([*command, "--help"], check=True, capture_output=True, timeout=60)  # noqa: S603

    return [milliseconds(run) / 1000 for _ in range(HELP_RUNS + 1)][1:]


@click.command(epilog="Example:  footnote bench footprint --data-dir .footnote")
@click.option("--data-dir", type=FOLDER, default=".footnote", show_default=True, help="The running stack's.")
def footprint(data_dir: Path) -> None:
    """Measure the memory of a running embedded stack, process by process, and how fast the command line starts."""
    state_file = data_dir / "run" / "state.json"
    if not state_file.is_file():
        raise InvalidRequest(f"No stack runs in {data_dir}: start one with `footnote up`.")
    sizes = memory_mb(json.loads(state_file.read_text(encoding="utf-8"))["pid"])
    click.echo(machine_line())
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        click.echo(f"{size:8.0f} MB  {name}")
    click.echo(f"{sum(sizes.values()):8.0f} MB  all, idle (proportional set size)")
    seconds = help_seconds([str(Path(sys.executable).with_name("footnote"))])
    spread = f"from {min(seconds):.2f} to {max(seconds):.2f}"
    click.echo(f"footnote --help: median {statistics.median(seconds):.2f} s of {len(seconds)} runs ({spread})")
