"""How heavy the embedded stack is: ``python -m eval.bench footprint --data-dir .footnote``.

Prints the idle memory of each process of a running stack and of all together, and how long ``footnote --help`` takes.
Memory is the proportional set size: pages that processes share are counted once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

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
    seconds = []
    for _ in range(HELP_RUNS + 1):
        began = time.perf_counter()
        subprocess.run([*command, "--help"], check=True, capture_output=True, timeout=60)  # noqa: S603
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(".footnote"), help="the running stack's data directory")
    arguments = parser.parse_args()
    state_file = arguments.data_dir / "run" / "state.json"
    if not state_file.is_file():
        sys.exit(f"No stack runs in {arguments.data_dir}: start one with `footnote up`.")
    sizes = memory_mb(json.loads(state_file.read_text(encoding="utf-8"))["pid"])
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size:8.0f} MB  {name}")
    print(f"{sum(sizes.values()):8.0f} MB  all, idle (proportional set size)")
    seconds = help_seconds([str(Path(sys.executable).with_name("footnote"))])
    median = statistics.median(seconds)
    spread = f"from {min(seconds):.2f} to {max(seconds):.2f}"
    print(f"footnote --help: median {median:.2f} s of {len(seconds)} runs ({spread})")
