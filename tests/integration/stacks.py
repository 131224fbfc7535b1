"""A stack of one's own: a folder, a real Valkey, a real Celery worker, an index, the model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from api.supervisor.children import Child, children_of, valkey_binary
from api.supervisor.layout import Layout
from core.filters import AnyOf
from core.settings import Settings
from ingestion.broker import valkey_socket
from ingestion.catalog.records import Run, Source
from ingestion.service import Ingestion, build_ingestion
from retrieval.index.build import build_index

ROOT = Path(__file__).parents[2]
DEADLINE_S = 180
_KOMBU_GAVE_UP = "'NoneType' object has no attribute 'hostname'"
"""Its last words in the worker's log."""


def until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll a condition until it holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {deadline_s} s"
        time.sleep(0.05)


class Stack:
    """A broker and a worker of their own on a data directory.

    Args:
        home: an empty folder with a short path.
        data_dir: where the data goes; None: below ``home``.
        settings: nested, over those that make it quick.
    """

    def __init__(self, home: Path, *, data_dir: Path | None = None, **settings: Mapping[str, Any]) -> None:
        self.folder = home / "documents"
        self.folder.mkdir()
        quick = {"retry_base_s": 0.2, "recover_s": 1}
        values = {"data_dir": data_dir or home / "d", **settings, "sync": {**quick, **settings.get("sync", {})}}
        self.settings = Settings.model_validate(values)
        self.environment = dict(_variables(values))
        self.log = home / "worker.log"
        self.ingestion: Ingestion = build_ingestion(self.settings)
        self.index = build_index(self.settings)
        self.valkey: subprocess.Popen[bytes] | None = None
        self.worker: subprocess.Popen[bytes] | None = None
        self.lister: subprocess.Popen[bytes] | None = None
        self._guarding = threading.Lock()
        self._broker_died = False

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write_rules(self, numbers: range) -> None:
        """One document for each number, with a word of its own."""
        for number in numbers:
            self.write(f"{number}.md", f"# Rule {number}\n\nRule number {number} is about topic{number}.")

    def start_broker(self) -> None:
        socket = valkey_socket(self.settings)
        socket.parent.mkdir(parents=True, exist_ok=True)
        command = [str(valkey_binary()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", "/tmp"]
        self.valkey = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(socket.exists, "Valkey's socket")

    def start_worker(self, file_limit: int | None = None) -> None:
        """Start one that serves all queues; with a limit, it can write no file beyond so many bytes."""
        command = self._celery("sync,permissions,check,parse,embed", 2, "-B", "-s", str(self.log.parent / "beat"))
        if file_limit is not None:
            command = ["bash", "-c", f'ulimit -S -f {file_limit // 1024}; exec "$@"', "bash", *command]
        self.worker = self._start(command)

    def start_checker(self) -> None:
        """Start one that tries settings of sources out, and leaves everything else in the queues."""
        self.worker = self._start(self._celery("check", 4))

    def start_workers_apart(self) -> None:
        """Start one for content and one for listing and permissions, as ``footnote up`` does."""
        for child in children_of(self.settings, Layout.of(self.settings), 0):
            if child.name in ("worker", "lister"):
                Layout.of(self.settings).make()
                setattr(self, child.name, self.start_child(child))

    def start_child(self, child: Child, program: Path = ROOT) -> subprocess.Popen[bytes]:
        """Start one of the processes that ``footnote up`` runs, of this program or of another copy."""
        return self._start(list(child.command), child.environment, program)

    def _celery(self, queues: str, threads: int, *more: str) -> list[str]:
        command = [sys.executable, "-m", "celery", "-A", "ingestion.worker", "worker", "-P", "threads"]
        return [*command, "-c", str(threads), "-Q", queues, *more]

    def _start(
        self, command: list[str], more: Mapping[str, str] = MappingProxyType({}), program: Path = ROOT
    ) -> subprocess.Popen[bytes]:
        environment = os.environ | self.environment | {"FOOTNOTE_TELEMETRY__LOG_FORMAT": "json"} | more
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=program, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def stop_worker(self) -> None:
        """End the worker as a supervisor does: it finishes what it has begun."""
        with self._guarding:
            assert self.worker is not None
            self.worker.send_signal(signal.SIGTERM)
            self.worker.wait(30)
            self.worker = None

    def kill_worker(self) -> None:
        with self._guarding:
            assert self.worker is not None
            os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait(30)
            self.worker = None

    def stop_broker(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.valkey is not None
        self._broker_died = True
        self.valkey.send_signal(number)
        self.valkey.wait(30)
        self.valkey = None

    def close(self) -> None:
        for process in (self.lister, self.worker):
            if process is not None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait(30)
        if self.valkey is not None:
            self.stop_broker()
        self.ingestion.close()
        self.index.close()

    def add_source(self) -> Source:
        return self.ingestion.create_source("folder", "documents", {"path": str(self.folder)})

    def sync(self, source: Source) -> Run:
        return self.finish(self.ingestion.sync(source.id))

    def state(self, run: Run) -> Run:
        """How a run stands now."""
        return self.ingestion.catalog.runs.get(run.id)

    def wait(self, run: Run, condition: Callable[[Run], bool], what: str) -> Run:
        """Wait until a run is as asked, under supervision; its log says why it isn't."""

        def reached() -> bool:
            self._supervise()
            return condition(self.state(run))

        try:
            until(reached, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.state(run)}\n{self.log.read_text()[-5000:]}") from None
        return self.state(run)

    def _supervise(self) -> None:
        """Start a worker anew that its broker's death has ended, as ``footnote up`` and Kubernetes do.

        kombu 5.7 ends one whose broker dies at a moment when it holds messages: it wants to give them back on a
        connection that it has closed. A worker that ends for any other reason fails the test.
        """
        with self._guarding:  # threads wait for runs of their own, while one kills the worker on purpose
            if self.worker is None or self.worker.poll() is None:
                return
            log = self.log.read_text()
            why = f"The worker ended by itself:\n{log[-5000:]}"
            assert self._broker_died, why
            assert _KOMBU_GAVE_UP in log, why
            self._broker_died = False
            self.start_worker()

    def finish(self, run: Run) -> Run:
        done = self.wait(run, lambda now: now.finished_at is not None, "the run's end")
        assert done.seen == done.unchanged + done.indexed + done.failed + done.deleted + done.superseded
        return done

    def found(self, query: str, *terms: str) -> list[str]:
        """Names of the documents that hold the words, as a reader with these terms finds them."""
        candidates = self.index.lexical(query, AnyOf("acl", frozenset(terms or ("public",))), 10)
        ids = dict.fromkeys(candidate.document_id for candidate in candidates)
        return [self.ingestion.catalog.documents.get(key).external_id for key in ids]

    def assert_indexed_once(self, count: int) -> None:
        """Every document is indexed, with one chunk, and nothing waits or failed."""
        assert self.ingestion.catalog.documents.totals() == {"indexed": count}
        assert self.ingestion.catalog.failures.list() == []
        self.index.refresh()
        counts = self.index.counts()
        assert (counts.documents, counts.chunks) == (count, count)


@contextmanager
def started(home: Path, **options: Any) -> Iterator[Stack]:
    """A stack whose broker and worker run; the options are those of :class:`Stack`."""
    stack = Stack(home, **options)
    try:
        stack.start_broker()
        stack.start_worker()
        yield stack
    finally:
        stack.close()


def _variables(values: Mapping[str, Any], prefix: str = "FOOTNOTE_") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        name = f"{prefix}{key.upper()}"
        if isinstance(value, Mapping):
            yield from _variables(value, f"{name}__")
        else:
            yield name, json.dumps(value) if isinstance(value, list) else str(value)
