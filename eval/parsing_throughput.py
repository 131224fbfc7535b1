"""How much faster two parser processes read than one; run by ``python -m eval.parsing --throughput``.

Three ways, in turns: one process with one parser; one process with two; and, as the control, two such processes of one
parser each that have nothing in common but the machine. The control tells what a second core gives here: of two that
are one core's hyperthreads, the second gives less than the first.

One parser reads the list once, two read it twice, so that each has about the same to do; with two parsers whoever is
free takes the next document, the longest first, so that all are busy to the end but for a short document's time.
Throughput is documents a second; that of the control is the sum of both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from core.errors import DocumentError
from core.settings import Settings
from eval.equal_cores import equal_cores
from eval.other_work import other_work
from eval.parsing_stage import ParseStage, open_chunker, open_pool

ONE, TWO, APART = "one parser", "two parsers", "two processes of one parser each"
Rates = dict[str, float]
"""By way, documents a second."""


def read_all(files: Sequence[Path], stage: ParseStage, at_a_time: int) -> float:
    """Seconds to read all files, so many at a time."""

    def one(path: Path) -> None:
        with suppress(DocumentError):
            stage.parse(path.read_bytes(), path.name)

    began = time.perf_counter()
    with ThreadPoolExecutor(at_a_time) as threads:
        list(threads.map(one, files))
    return time.perf_counter() - began


def longest_first(files: Sequence[Path], stage: ParseStage) -> list[Path]:
    """The files in the order of the time that each took, once all is warm."""
    return sorted(files, key=lambda path: read_all([path], stage, 1), reverse=True)


class Reader:
    """A process of its own with so many parsers, which reads a list when told to. Warm once it is made.

    Args:
        ordered: whether the list is in the order to read it in; otherwise the reader puts it so that the longest to
            read comes first.
    """

    def __init__(self, files: Sequence[Path], parsers: int, *, ordered: bool) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "eval.parsing_throughput", "--parsers", str(parsers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say({"files": [str(path) for path in files], "ordered": ordered})
        self.files = [Path(name) for name in self._hear()["files"]]

    def start(self, times: int) -> None:
        """Begin to read the list, so many times."""
        self._say({"times": times})

    def wait(self) -> float:
        """Seconds that it took."""
        return float(self._hear()["seconds"])

    def _say(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        print(json.dumps(message), file=self._process.stdin, flush=True)

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("A reading process has ended; its output above says why.")
        return dict(json.loads(line))

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def throughput(files: Sequence[Path], rounds: int, *, equal: bool = False) -> None:
    """Measure and print; ``equal``: as if cores were equal, see :mod:`eval.equal_cores`."""
    measured: list[Rates] = []
    with ExitStack() as stack:
        readers: list[Reader] = []
        for parsers in (1, 1, 2):
            # All read in the order that the first one has found.
            known = readers[0].files if readers else files
            readers.append(Reader(known, parsers, ordered=bool(readers)))
            stack.callback(readers[-1].close)
        ways = {ONE: (readers[:1], 1), TWO: (readers[2:], 2), APART: (readers[:2], 1)}
        for number in range(rounds):
            order = list(ways) if number % 2 == 0 else list(reversed(ways))
            with equal_cores(equal), other_work() as others:
                rates = {way: _rate(*ways[way], len(files)) for way in order}
            measured.append(rates)
            told = ", ".join(f"{way} {rates[way]:.2f}" for way in ways)
            print(f"{told} documents/s; other work kept {others():.2f} cores busy", flush=True)
    report_throughput(measured, len(files))


def _rate(readers: Sequence[Reader], times: int, files: int) -> float:
    for reader in readers:
        reader.start(times)
    return sum(times * files / reader.wait() for reader in readers)


def report_throughput(measured: Sequence[Rates], files: int) -> None:
    """Print the ratios of the rounds: their median, lowest and highest."""
    print(f"{files} files, {len(measured)} rounds, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    for way, other in ((TWO, ONE), (APART, ONE), (TWO, APART)):
        ratios = [rates[way] / rates[other] for rates in measured]
        spread = f"median; {min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{way}, times the throughput of {other}: {statistics.median(ratios):.2f} ({spread})")


def main() -> None:
    """Be a reader: take the list, order it where it isn't, and read it as often as told, until the input ends."""
    parser = argparse.ArgumentParser(description="One reader of eval.parsing --throughput, which starts it.")
    parser.add_argument("--parsers", type=int, required=True)
    parsers = parser.parse_args().parsers
    settings = Settings()
    pool = open_pool(settings, parsers)
    try:
        stage = ParseStage(pool, open_chunker(settings))
        told = json.loads(sys.stdin.readline())
        files = [Path(name) for name in told["files"]]
        # Every parser takes part in warming up: as many of each kind as there are parsers.
        kinds = {path.suffix.lower(): path for path in files}
        read_all(list(kinds.values()) * parsers, stage, parsers)
        if not told["ordered"]:
            files = longest_first(files, stage)
        print(json.dumps({"files": [str(path) for path in files]}), flush=True)
        for line in sys.stdin:
            repeated = [path for path in files for _ in range(json.loads(line)["times"])]
            print(json.dumps({"seconds": read_all(repeated, stage, parsers)}), flush=True)
    finally:
        pool.close()


if __name__ == "__main__":
    main()
