"""A rebuild that judged questions decide on, while a worker writes and a reader searches all the time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.principal import ANONYMOUS
from core.settings import Settings
from eval.datasets import read_collection
from eval.retrieval.gate import Rule
from eval.retrieval.generations import Judged, compare
from eval.retrieval.live import names_of, read_judged
from ingestion.catalog.rebuilds import RUNNING, RebuildState
from ingestion.catalog.records import Source
from ingestion.generations import Generations
from retrieval.embedding.build import build_embedder, build_embedders
from retrieval.embedding.embedders import Embedders, live_of
from retrieval.index.build import build_index
from retrieval.retriever import Retriever
from tests.integration.other_model import copy_with_another_output
from tests.integration.stacks import Stack, started, until

HALDEN = Path(__file__).resolve().parents[2] / "eval" / "data" / "halden"
QUALITY = Rule(allow_equal=True, latency_ratio=None)
SECTIONS = 40
PAUSE_S = 0.02
"""Between searches, and between syncs: the build needs the cores as well."""


@pytest.fixture
def served(home: Path, index_settings: Mapping[str, Any]) -> Iterator[Stack]:
    """Sections of the demo company's handbook, a file each."""
    # By vectors alone: that the words are found as well would hide a bad model.
    with started(home, index=index_settings, sync={"lease_s": 5}, retrieval={"pipeline": "vector"}) as stack:
        for document in read_collection(HALDEN).documents[:SECTIONS]:
            stack.write(f"{document.id}.md", f"# {document.title}\n\n{document.text}\n")
        yield stack


class Traffic:
    """Searches, and syncs of a file that changes, again and again."""

    def __init__(self, stack: Stack, source: Source, embedders: Embedders) -> None:
        self.faults: list[str] = []
        self.rounds = {"search": 0, "sync": 0}
        self._stack, self._source = stack, source
        self._retriever = Retriever(build_index(stack.settings), embedders.default, None, stack.settings, embedders)
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(name,)) for name in self.rounds]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(120)
        self._retriever.close()

    def _repeat(self, name: str) -> None:
        while not self._done.wait(PAUSE_S):
            try:
                getattr(self, name)(self.rounds[name])
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what this looks for
                self.faults.append(repr(error))
            self.rounds[name] += 1

    def search(self, _: int) -> None:
        found = self._retriever.search("How many people review a change to firmware?", ANONYMOUS, limit=5)
        assert any(hit.chunk.uri.endswith("how-many-reviewers.md") for hit in found.hits), found

    def sync(self, turn: int) -> None:
        self._stack.write("changing.md", f"# Changing\n\nThis is edition edition{turn} of it.")
        self._stack.sync(self._source)


def _built(generations: Generations, model: str | None = None) -> str:
    name = generations.rebuild(model, swap=False).generation
    until(lambda: generations.build(name).state not in RUNNING, "the build")
    assert generations.build(name).state is RebuildState.READY, generations.build(name).error
    return name


def _judged(stack: Stack, folder: Path, settings: Settings) -> Judged:
    """The shipped questions, as a folder in the BEIR layout whose judgments name files."""
    (folder / "qrels").mkdir(parents=True)
    (folder / "queries.jsonl").write_text((HALDEN / "queries.jsonl").read_text())
    there = {document.id for document in read_collection(HALDEN).documents[:SECTIONS]}
    lines = [line.split("\t") for line in (HALDEN / "qrels" / "test.tsv").read_text().splitlines()[1:]]
    named = [f"{query}\t{document}.md\t{grade}\n" for query, document, grade in lines if document in there]
    (folder / "qrels" / "test.tsv").write_text("".join(named))
    names = names_of(stack.ingestion.catalog)
    return Judged(
        settings=settings,
        collection=read_judged(folder, names),
        documents=len(names),
        principal=ANONYMOUS,
        rule=QUALITY,
    )


def test_only_a_generation_that_finds_as_well_goes_live(served: Stack, tmp_path: Path) -> None:
    source = served.add_source()
    served.sync(source)
    default = build_embedder(served.settings)
    embedders = build_embedders(served.settings, default)
    generations = Generations(served.ingestion.catalog, served.index, embedders, served.ingestion.tasks)
    before = live_of(served.index)
    assert before is not None
    with Traffic(served, source, embedders) as traffic:
        until(lambda: min(traffic.rounds.values()) > 1, "the first searches and writes")
        judged = _judged(served, tmp_path / "asked", served.settings)
        worse = _built(generations, str(copy_with_another_output(tmp_path / "worse", dimensions=4)))
        run, decision = compare(judged, before.name, worse, lambda *_: None)
        [verdict] = decision.verdicts
        assert not decision.passes
        assert "nDCG@10 is worse by" in decision.faults[0]
        assert (verdict.queries > 15, verdict.before > 0.6, verdict.after < verdict.before - 0.2) == (True,) * 3
        assert {row.name: row.failed for row in run.sets[0].pipelines} == {"before": 0, "after": 0}
        assert {row.generation for row in run.sets[0].indexes} == {before.name, worse}
        assert live_of(served.index) == before
        generations.drop(worse)

        good = _built(generations)  # the same model: the same vectors
        _, decision = compare(judged, before.name, good, lambda *_: None)
        assert decision.passes, decision.faults
        assert generations.swap(good).live
        seen = dict(traffic.rounds)
        until(lambda: all(traffic.rounds[name] > seen[name] + 1 for name in seen), "searches and writes after the swap")
    assert traffic.faults == []
    served.index.refresh()
    assert served.found(f"edition{traffic.rounds['sync'] - 1}") == ["changing.md"]
    counts = served.index.counts()
    assert served.ingestion.catalog.documents.totals() == {"indexed": counts.documents}
