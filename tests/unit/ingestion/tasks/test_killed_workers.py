"""Workers that are killed: their work is taken over, and who is innocent of it loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.catalog.records import RunState
from ingestion.partitioning.content import Content
from ingestion.tasks import recovering
from ingestion.tasks.ownership import Owners
from ingestion.tasks.trials import Trials
from tests.unit.ingestion.tasks.fakes import whole

MAX_ATTEMPTS = 3
"""As in the settings of the pipeline."""


class _Killed(BaseException):
    """Ends a task as ``kill -9`` would: no handler runs."""


class Killer:
    """Kills the worker whenever it gets one of these texts to read or to embed, at most so often."""

    def __init__(self, pipeline: Any, monkeypatch: pytest.MonkeyPatch, stage: str, texts: Iterable[str]) -> None:
        target, method = {
            "parse": (pipeline.partitioner, "partition"),
            "embed": (pipeline.embedder, "embed_passages"),
        }[stage]
        self.texts = set(texts)
        self.company: list[int] = []
        """How many texts were in flight, at each kill."""
        self._real = getattr(target, method)
        monkeypatch.setattr(target, method, self._call)

    def _call(self, content: Content | Sequence[str], *arguments: object, **named: object) -> object:
        texts: tuple[Any, ...] = tuple(content) if isinstance(content, Sequence) else (whole(content).decode(),)
        if any(deadly in text for deadly in self.texts for text in texts):
            self.company.append(len(texts))
            raise _Killed
        return self._real(content, *arguments, **named)


def run_through(pipeline: Any) -> int:
    """Work until nothing is left, with a new worker after each death; how many died."""
    deaths = 0
    while True:
        try:
            pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
        except _Killed:
            deaths += 1
            restart(pipeline)
        else:
            return deaths


def restart(pipeline: Any) -> None:
    """A new process: its messages went with the old one, and what that held is found."""
    pipeline.tasks.waiting.clear()
    pipeline.parts.owners, pipeline.parts.trials = Owners(), Trials()
    pipeline.clock.advance(101)
    recovering.recover(pipeline.parts, at_start=True)


@pytest.mark.parametrize("stage", ["parse", "embed"])
def test_work_of_a_dead_worker_is_taken_over(pipeline: Any, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.source.documents = {"a.txt": "one", "b.txt": "two"}
    run = pipeline.begin()
    killer = Killer(pipeline, monkeypatch, stage, ["one"])
    with pytest.raises(_Killed):
        pipeline.tasks.run(pipeline.parts)
    killer.texts.clear()
    restart(pipeline)
    pipeline.tasks.run(pipeline.parts)
    done = pipeline.parts.catalog.runs.get(run.id)
    assert (done.state, done.indexed) == (RunState.FINISHED, 2)


@pytest.mark.parametrize("stage", ["parse", "embed"])
def test_a_document_that_kills_its_worker_is_given_up(
    pipeline: Any, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embedding takes four at once: the one that kills is found, and the others lose no attempt."""
    pipeline.source.documents = {f"{number}.txt": f"text {number}" for number in range(5)}
    run = pipeline.begin()
    killer = Killer(pipeline, monkeypatch, stage, ["text 3"])
    assert run_through(pipeline) == 1 + MAX_ATTEMPTS
    assert killer.company[1:] == [1] * MAX_ATTEMPTS
    done = pipeline.parts.catalog.runs.get(run.id)
    assert (done.state, done.indexed, done.failed) == (RunState.FINISHED, 4, 1)
    [failure] = pipeline.parts.catalog.failures.list()
    assert (failure.external_id, failure.error_class, failure.stage) == ("3.txt", "WorkerLost", stage)
    assert (failure.retryable, failure.attempts) == (True, MAX_ATTEMPTS)
    assert failure.message == f"The worker died {MAX_ATTEMPTS} times while it had this document and no other."


def test_kills_that_no_document_is_to_blame_for_fail_none(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """More deaths than a document has attempts, with the same ones in flight, as where somebody restarts a machine."""
    pipeline.source.documents = {f"{number}.txt": f"text {number}" for number in range(6)}
    run = pipeline.begin()
    killer = Killer(pipeline, monkeypatch, "embed", pipeline.source.documents.values())
    for _ in range(2 * MAX_ATTEMPTS):
        with pytest.raises(_Killed):
            pipeline.tasks.run_delayed(pipeline.parts, pipeline.clock)
        restart(pipeline)
    killer.texts.clear()
    assert run_through(pipeline) == 0
    done = pipeline.parts.catalog.runs.get(run.id)
    assert (done.state, done.indexed, done.failed) == (RunState.FINISHED, 6, 0)
    assert len(pipeline.index.chunks) == 6
    # Batches are back once nobody is suspected.
    pipeline.source.documents |= {f"{number}.txt": f"text {number}" for number in range(6, 9)}
    assert pipeline.sync().indexed == 3
    assert pipeline.embedder.batches[-1] == 3


def test_a_listing_is_not_charged_for_its_workers(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.source.documents = {"a.txt": "one"}
    run = pipeline.begin()
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise _Killed

        patch.setattr(pipeline.source, "changes", killed)
        for _ in range(2 * MAX_ATTEMPTS):
            with pytest.raises(_Killed):
                pipeline.tasks.run(pipeline.parts)
            restart(pipeline)
    assert pipeline.parts.catalog.runs.attempts(run.id) == 0
    assert run_through(pipeline) == 0
    assert pipeline.parts.catalog.runs.get(run.id).indexed == 1


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_a_suspect_has_no_company(suspected: list[bool]) -> None:
    """Whatever threads ask for at once: a suspect is alone, and all get their turn."""
    trials, lock = Trials(), threading.Lock()
    inside: list[bool] = []
    met: list[tuple[bool, ...]] = []
    start = threading.Barrier(len(suspected))

    def work(suspect: bool) -> None:
        start.wait()
        with trials.alone() if suspect else trials.beside_others():
            with lock:
                inside.append(suspect)
                met.append(tuple(inside))
            with lock:
                inside.remove(suspect)

    threads = [threading.Thread(target=work, args=(suspect,)) for suspect in suspected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(met) == len(suspected)
    assert all(len(together) == 1 or not any(together) for together in met)


def test_what_nobody_suspects_works_side_by_side() -> None:
    trials, both = Trials(), threading.Barrier(2)

    def work() -> None:
        with trials.beside_others():
            both.wait(30)  # breaks unless the other one is in as well

    other = threading.Thread(target=work)
    other.start()
    work()
    other.join(30)
    assert not both.broken
