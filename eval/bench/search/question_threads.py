"""How long one question's embedding takes in one thread and in all, idle and beside another program.

``python -m eval.bench question_threads``: by turns, so that what else the machine does meets all of them alike.
"Beside" is a process that multiplies matrices without a pause, as one that embeds passages does. Names the
processor, and how busy others kept the machine meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from core.settings import EmbedderSettings, Settings
from eval.bench.other_work import other_work
from retrieval.embedding.build import build_embedder
from retrieval.embedding.port import Embedder

QUESTIONS = tuple(
    f"How many {what} does an employee of office {n} get?" for n in range(10) for what in ("days", "euros")
)
_BUSY = "import torch\na = torch.rand(1024, 1024)\nwhile True: a @ a"


def measure(embedders: Mapping[int, Embedder], rounds: int) -> dict[int, list[float]]:
    """Milliseconds of each question, by the number of threads."""
    found: dict[int, list[float]] = {threads: [] for threads in embedders}
    for _ in range(rounds):
        for question in QUESTIONS:
            for threads, embedder in embedders.items():
                began = time.perf_counter()
                embedder.embed_passages([question])  # a question itself always takes one thread
                found[threads].append((time.perf_counter() - began) * 1000)
    return found


@contextmanager
def busy(wanted: bool) -> Iterator[None]:
    """Another process at work while the block runs."""
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", _BUSY])  # noqa: S603
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help=f"of {len(QUESTIONS)} questions")
    rounds = parser.parse_args(argv).rounds
    cores = os.cpu_count() or 1
    embedders = {
        threads: build_embedder(Settings(embedder=EmbedderSettings(threads=threads))) for threads in sorted({1, cores})
    }
    for embedder in embedders.values():
        embedder.warm_up()
    table = Table("threads", "beside", "p50 ms", "p95 ms", title=f"{_processor()}, {cores} cores")
    for beside in (False, True):
        with other_work() as others, busy(beside):
            times = measure(embedders, rounds)
        for threads, spent in times.items():
            half, most = np.percentile(spent, [50, 95])
            told = "a busy process" if beside else f"others: {others():.1f} cores"
            table.add_row(str(threads), told, f"{half:.0f}", f"{most:.0f}")
    Console().print(table)
    return 0
