"""What the parse stage costs: ``python -m eval.bench parsing --samples ../shared/data/samples/unstructured``.

Every file is read by the whole parse stage (child process, attachments, cutting into passages), by unstructured's own
call in one process, and by the same call without language detection, in turns, so that all three see the same machine.
Files that both sides can read count. Ratios are of sums, of wall time and of CPU time, with 95 % bootstrap intervals
over the files; unstructured's part-of-speech tagging is in both of its figures, since no option turns it off.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from rich.progress import Progress

from core.errors import DocumentError
from core.settings import Settings
from eval.bench.documents.coverage import Reference
from eval.bench.documents.parsing_stage import ParseStage, open_chunker, open_pool
from eval.metrics import bootstrap

WAYS = ("unstructured", "unstructured without detection")
OURS = "parse stage"


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds on the clock, of CPU, and of CPU outside of parser processes, which the worker's threads share."""

    wall_s: float
    cpu_s: float
    own_s: float = 0.0


Timings = dict[str, list[Spent]]
"""By who read it, a time for each round; of a file that one of them can't read there is none."""


def parsers_cpu_s(others: Collection[int]) -> float:
    """Seconds of CPU that this process's children but ``others``, and all that they started and ended, have used."""
    own = os.times()
    used = own.children_user + own.children_system
    for child in psutil.Process().children():
        if child.pid not in others:
            with suppress(psutil.NoSuchProcess):
                used += sum(child.cpu_times()[:4])
    return used


def time_file(path: Path, stage: ParseStage, references: dict[str, Reference], *, ours_first: bool) -> dict[str, Spent]:
    """One file, read by everybody once; those who can't are left out."""
    others = {other.pid for other in references.values()}
    found: dict[str, Spent] = {}

    def own() -> None:
        content = path.read_bytes()
        in_parsers, in_here, began = parsers_cpu_s(others), time.process_time(), time.perf_counter()
        with suppress(DocumentError):
            stage.parse(content, path.name)
            wall_s, own_s = time.perf_counter() - began, time.process_time() - in_here
            found[OURS] = Spent(wall_s, own_s + parsers_cpu_s(others) - in_parsers, own_s)

    if ours_first:
        own()
    for way, reference in references.items():
        answer = reference.read(path)
        if answer.get("text", "").strip():
            found[way] = Spent(answer["seconds"], answer["cpu_s"])
    if not ours_first:
        own()
    return found


def overhead(files: Sequence[Path], stage: ParseStage, references: dict[str, Reference], rounds: int) -> list[Timings]:
    """All files, so many times; the timings of those that everybody reads."""
    timings: list[Timings] = [{} for _ in files]
    with Progress() as progress:
        task = progress.add_task("Reading", total=rounds * len(files))
        for number in range(rounds):
            for path, of_file in zip(files, timings, strict=True):
                for way, spent in time_file(path, stage, references, ours_first=number % 2 == 0).items():
                    of_file.setdefault(way, []).append(spent)
                progress.advance(task)
    return [one for one in timings if all(len(one.get(way, ())) == rounds for way in (OURS, *references))]


def report_overhead(timings: Sequence[Timings], files: int, rounds: int) -> None:
    """Print the ratios."""
    print(f"{len(timings)} of {files} files are read by all; the median of {rounds} rounds counts for each.")
    for clock, of in (("wall", _wall), ("CPU", _cpu)):
        seconds = {way: [statistics.median(map(of, one[way])) for one in timings] for way in (OURS, *WAYS)}
        print(f"{clock}: " + ", ".join(f"{way} {sum(spent):.1f} s" for way, spent in seconds.items()))
        for way in WAYS:
            estimate = bootstrap(_ratio, np.array([seconds[OURS], seconds[way]]).T)
            print(f"  to {way}: {estimate.value:.3f} (95 % {estimate.low:.3f} to {estimate.high:.3f})")

    used, own_s = (sum(of(spent) for one in timings for spent in one[OURS]) for of in (_cpu, _own))
    print(
        f"{own_s / used:.1%} of the parse stage's CPU is used in the worker itself: two parser processes with a core "
        f"each can read at most {min(2.0, used / max(own_s, 1e-9)):.2f} times as fast as one"
    )


def _wall(spent: Spent) -> float:
    return spent.wall_s


def _cpu(spent: Spent) -> float:
    return spent.cpu_s


def _own(spent: Spent) -> float:
    return spent.own_s


def _ratio(rows: NDArray[np.float64]) -> float:
    return float(rows[:, 0].sum() / rows[:, 1].sum())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, nargs="+", required=True, help="folders of files")
    parser.add_argument("--every", type=int, default=1, help="take only every so manieth file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--reference-python",
        default=sys.executable,
        help="the interpreter to call unstructured with; see eval.bench.documents.coverage",
    )
    arguments = parser.parse_args()
    files = [path for root in arguments.samples for path in sorted(root.rglob("*")) if path.is_file()]
    files = files[:: arguments.every]
    settings = Settings()
    pool = open_pool(settings, 1)
    stage = ParseStage(pool, open_chunker(settings))
    options = dict(zip(WAYS, ((), ("--without-detection",)), strict=True))
    references = {way: Reference(arguments.reference_python, *given) for way, given in options.items()}
    try:
        # All have imported what they need before anything is timed.
        for path in {path.suffix.lower(): path for path in files}.values():
            time_file(path, stage, references, ours_first=True)
        report_overhead(overhead(files, stage, references, arguments.rounds), len(files), arguments.rounds)
    finally:
        pool.close()
        for reference in references.values():
            reference.close()
