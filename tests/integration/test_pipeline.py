"""The whole path with nothing faked: a folder, a real Valkey, a real Celery worker, the embedded index, the model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.supervisor.children import valkey_binary
from core.errors import BrokerUnavailable
from core.filters import AnyOf
from core.settings import Settings
from ingestion.broker import valkey_socket
from ingestion.catalog.records import Run, RunState, Source
from ingestion.service import Ingestion, build_ingestion
from retrieval.index.build import build_index

ROOT = Path(__file__).parents[2]
DEADLINE_S = 180


def until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll a condition until it holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {deadline_s} s"
        time.sleep(0.05)


class Stack:
    """A broker and a worker of their own on a data directory."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "documents"
        self.folder.mkdir()
        self.settings = Settings.model_validate({"data_dir": home / "d", "sync": {"retry_base_s": 0.2}})
        self.log = home / "worker.log"
        self.ingestion: Ingestion = build_ingestion(self.settings)
        self.index = build_index(self.settings)
        self._valkey: subprocess.Popen[bytes] | None = None
        self._worker: subprocess.Popen[bytes] | None = None

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start_broker(self) -> None:
        socket = valkey_socket(self.settings)
        socket.parent.mkdir(parents=True, exist_ok=True)
        command = [str(valkey_binary()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", "/tmp"]
        self._valkey = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(socket.exists, "Valkey's socket")

    def start_worker(self) -> None:
        environment = os.environ | {
            "FOOTNOTE_DATA_DIR": str(self.settings.data_dir),
            "FOOTNOTE_SYNC__RETRY_BASE_S": "0.2",
            "FOOTNOTE_TELEMETRY__LOG_FORMAT": "json",
        }
        schedule = str(self.settings.data_dir / "beat")
        command = [sys.executable, "-m", "celery", "-A", "ingestion.worker", "worker", "-P", "threads", "-c", "2"]
        command += ["-Q", "sync,parse,embed", "-B", "-s", schedule]
        with self.log.open("ab") as log:
            self._worker = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill_worker(self) -> None:
        assert self._worker is not None
        os.killpg(self._worker.pid, signal.SIGKILL)
        self._worker.wait(30)
        self._worker = None

    def stop_broker(self) -> None:
        assert self._valkey is not None
        self._valkey.terminate()
        self._valkey.wait(30)
        self._valkey = None

    def close(self) -> None:
        if self._worker is not None:
            self._worker.send_signal(signal.SIGTERM)
            try:
                self._worker.wait(30)
            except subprocess.TimeoutExpired:
                self.kill_worker()
        if self._valkey is not None:
            self.stop_broker()
        self.ingestion.close()
        self.index.close()

    def add_source(self) -> Source:
        return self.ingestion.create_source("folder", "documents", {"path": str(self.folder)})

    def sync(self, source: Source) -> Run:
        return self.finish(self.ingestion.sync(source.id))

    def finish(self, run: Run) -> Run:
        get = self.ingestion.catalog.runs.get
        try:
            until(lambda: get(run.id).finished_at is not None, "the run's end")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{get(run.id)}\n{self.log.read_text()[-3000:]}") from None
        done = get(run.id)
        assert done.seen == done.unchanged + done.indexed + done.failed + done.deleted
        return done

    def found(self, query: str, *terms: str) -> list[str]:
        """Names of the documents that hold the words, as a reader with these terms finds them."""
        candidates = self.index.lexical(query, AnyOf("acl", frozenset(terms or ("public",))), 10)
        ids = dict.fromkeys(candidate.document_id for candidate in candidates)
        return [self.ingestion.catalog.documents.get(key).external_id for key in ids]


@pytest.fixture
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="fn-") as home:
        stack = Stack(Path(home))
        try:
            yield stack
        finally:
            stack.close()


@pytest.fixture
def running(stack: Stack) -> Stack:
    stack.start_broker()
    stack.start_worker()
    return stack


def test_a_folder_is_kept_in_sync(running: Stack) -> None:
    running.write("travel.md", "# Travel\n\nTrains are booked through the travel desk.")
    running.write("hr/leave.md", "# Leave\n\nEmployees have thirty days of vacation.")
    running.write("broken.pdf", "%PDF-1.7\nthe rest of it is lost")
    source = running.add_source()
    run = running.sync(source)
    assert (run.state, run.seen, run.indexed, run.failed) == (RunState.FINISHED, 3, 2, 1)
    [failure] = running.ingestion.catalog.failures.list(source.id)
    assert (failure.external_id, failure.stage) == ("broken.pdf", "parse")
    assert running.found("vacation") == ["hr/leave.md"]

    again = running.sync(source)
    assert (again.seen, again.unchanged, again.failed, again.indexed) == (3, 2, 1, 0)

    running.write("travel.md", "# Travel\n\nFlights are booked through the travel desk.")
    running.write("hr/_folder.meta.yaml", "acl: ['group:hr']\n")
    (running.folder / "broken.pdf").unlink()
    run = running.sync(source)
    assert (run.seen, run.indexed, run.deleted, run.failed) == (3, 2, 1, 0)
    assert (running.found("flights"), running.found("trains")) == (["travel.md"], [])
    assert running.found("vacation") == []
    assert running.found("vacation", "group:hr") == ["hr/leave.md"]
    assert running.ingestion.catalog.failures.list() == []

    (running.folder / "travel.md").unlink()
    assert running.sync(source).deleted == 1
    assert running.found("flights") == []

    running.ingestion.delete_source(source.id)
    until(lambda: running.ingestion.catalog.documents.totals() == {}, "the purge")
    assert running.found("vacation", "group:hr") == []


def test_a_failure_can_be_retried(running: Stack) -> None:
    running.write("a.pdf", "%PDF-1.7\nthe rest of it is lost")
    source = running.add_source()
    assert running.sync(source).failed == 1
    assert running.ingestion.retry_failures() == 1
    [retry, _] = running.ingestion.catalog.runs.list(source.id)
    assert running.finish(retry).failed == 1


def test_a_killed_worker_loses_nothing(running: Stack) -> None:
    for number in range(60):
        running.write(f"{number}.md", f"# Rule {number}\n\nRule number {number} is about topic{number}.")
    source = running.add_source()
    run = running.ingestion.sync(source.id)
    totals = running.ingestion.catalog.documents.totals
    until(lambda: totals().get("parsed", 0) + totals().get("indexed", 0) > 3, "the first parsed documents")
    running.kill_worker()
    assert running.ingestion.catalog.runs.get(run.id).finished_at is None
    running.start_worker()
    done = running.finish(run)
    assert (done.state, done.seen, done.indexed) == (RunState.FINISHED, 60, 60)
    assert running.found("topic17") == ["17.md"]
    assert running.index.counts().documents == 60


def test_a_broker_that_is_down_is_named_and_a_later_sync_works(stack: Stack) -> None:
    stack.write("a.md", "# A\n\nSome words.")
    source = stack.add_source()
    with pytest.raises(BrokerUnavailable, match="broker"):
        stack.ingestion.sync(source.id)
    assert [run.state for run in stack.ingestion.catalog.runs.list(source.id)] == [RunState.FAILED]
    stack.start_broker()
    stack.start_worker()
    assert stack.sync(source).indexed == 1
