"""Whole runs on a real embedded index, with an embedder that needs no model."""

from __future__ import annotations

import xml.dom.minidom
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from core.errors import ConfigurationError, IndexUnavailable
from core.pipeline import PipelineConfig
from eval.datasets import Collection, Document
from eval.retrieval import own_index, report, running
from eval.retrieval.keeping import make_run, write_rankings
from eval.retrieval.pipelines import Entry
from eval.retrieval.record import load_run
from eval.retrieval.running import Models, Plan, run_set
from retrieval.index.port import SearchIndex

MakePlan = Callable[..., Plan]
LEXICAL = Entry(PipelineConfig(name="lexical", legs=("lexical",)))
VECTOR = Entry(PipelineConfig(name="vector", legs=("vector",)))
HYBRID = Entry(PipelineConfig(name="hybrid"))


class Failing:
    """An index whose lexical leg fails for one query, finds nothing for another, and whose vector leg can be down."""

    def __init__(self, index: SearchIndex, *, vector_down: bool = False) -> None:
        self._index = index
        self._vector_down = vector_down

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def lexical(self, query: str, filter: Any, k: int, fields: Any) -> Any:
        if "leave" in query:
            raise IndexUnavailable("the index is away")
        return [] if "travel" in query else self._index.lexical(query, filter, k, fields)

    def both(self, query: str, embedding: Any, filter: Any, k: int, fields: Any) -> Any:
        found = self._index.both(query, embedding, filter, k, fields)
        return replace(found, vector=None, errors={"vector": "down"}) if self._vector_down else found


def failing(**options: bool) -> Callable[[SearchIndex], SearchIndex]:
    return lambda index: cast("SearchIndex", Failing(index, **options))


@pytest.mark.usefixtures("embedder")
def test_a_run_measures_every_pipeline_and_compares_with_the_baseline(collection: Collection, plan: MakePlan) -> None:
    outcome = run_set(plan(HYBRID, LEXICAL, VECTOR), collection, Models())
    row = outcome.row
    assert [pipeline.name for pipeline in row.pipelines] == ["hybrid", "lexical", "vector"]
    assert (row.judged, row.documents, row.empty_documents, row.unjudged) == (5, 16, 1, ("u1",))
    hybrid, lexical, _ = row.pipelines
    assert hybrid.versus is None
    assert lexical.versus is not None
    assert lexical.versus.better + lexical.versus.worse + lexical.versus.equal == 5
    assert hybrid.metrics["recall@100"].value == 1
    assert [phase.name for phase in hybrid.phases] == ["lexical", "vector", "fused"]
    assert hybrid.phases[-1].metrics == hybrid.metrics
    assert hybrid.phases[0].metrics == lexical.metrics
    assert hybrid.queries[0].unjudged_10 == sum(d not in ("leave0", "leave1") for d in hybrid.queries[0].top)


class Contrary:
    """A reranker that likes passages about the topic's first words least."""

    name = "contrary"

    def warm_up(self) -> None: ...

    def score(self, query: str, passages: list[str]) -> list[float]:
        return [-float(sum(word in passage.casefold() for word in query.split())) for passage in passages]


@pytest.mark.usefixtures("embedder")
def test_a_reranker_is_a_phase_of_its_own(
    collection: Collection, plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "build_reranker", lambda settings: Contrary() if settings.reranker.model else None)
    reranked = PipelineConfig.model_validate({"name": "reranked", "reranker": {"depth": 6}})
    row = run_set(plan(HYBRID, Entry(reranked, reranker="contrary")), collection, Models()).row
    hybrid, after = row.pipelines
    assert (hybrid.reranker, after.reranker) == (None, "contrary")
    phases = {phase.name: phase for phase in after.phases}
    assert list(phases) == ["lexical", "vector", "fused", "reranked"]
    assert phases["fused"].metrics == hybrid.metrics
    assert phases["reranked"].metrics == after.metrics
    assert after.metrics["ndcg@10"].value < hybrid.metrics["ndcg@10"].value
    assert phases["reranked"].by_then.p50_ms >= phases["fused"].by_then.p50_ms
    assert after.versus is not None
    assert after.versus.lost[0].delta < 0
    assert {passage.grade for passage in after.versus.lost[0].passages_before} >= {2}


@pytest.mark.usefixtures("embedder")
def test_failed_and_empty_queries_score_nothing_and_are_counted(collection: Collection, plan: MakePlan) -> None:
    row = run_set(plan(LEXICAL, wrap=failing()), collection, Models()).row.pipelines[0]
    assert (row.failed, row.empty) == (1, 1)
    assert [query.status for query in row.queries] == ["failed", "empty", "ok", "ok", "ok"]
    assert row.queries[0].note == "IndexUnavailable: the index is away"
    assert row.metrics["recall@100"].value == pytest.approx(3 / 5)
    assert row.phases[0].queries == 4


@pytest.mark.usefixtures("embedder")
def test_a_leg_that_is_down_is_told(collection: Collection, plan: MakePlan) -> None:
    row = run_set(plan(HYBRID, wrap=failing(vector_down=True)), collection, Models()).row.pipelines[0]
    assert row.degraded == 5
    assert row.queries[1].degraded == ("vector: down",)
    assert [phase.name for phase in row.phases] == ["lexical", "fused"]


def test_an_index_is_built_once_and_again_when_the_code_changed(
    collection: Collection, plan: MakePlan, embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_set(plan(VECTOR), collection, Models()).row.indexes[0]
    built = embedder.windows
    again = run_set(plan(VECTOR), collection, Models()).row.indexes[0]
    assert (first.reused, again.reused) == (False, True)
    assert again.generation == first.generation
    assert embedder.windows == built == 15
    monkeypatch.setattr(own_index, "code_fingerprint", lambda: "other")
    assert run_set(plan(VECTOR, stale=True), collection, Models()).row.indexes[0].reused
    anew = run_set(plan(VECTOR), collection, Models()).row.indexes[0]
    assert not anew.reused
    assert anew.generation != first.generation


def test_a_build_that_was_killed_goes_on(
    collection: Collection, plan: MakePlan, embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_index, "_BATCH", 4)
    whole = own_index.embed_chunks

    def killed(*given: Any) -> Any:
        if embedder.windows >= 8:
            raise KeyboardInterrupt
        return whole(*given)

    monkeypatch.setattr(own_index, "embed_chunks", killed)
    with pytest.raises(KeyboardInterrupt):
        run_set(plan(VECTOR), collection, Models())
    monkeypatch.setattr(own_index, "embed_chunks", whole)
    row = run_set(plan(VECTOR), collection, Models()).row.indexes[0]
    assert (row.windows, embedder.windows) == (15, 15)
    assert run_set(plan(VECTOR), collection, Models()).row.indexes[0].reused


@pytest.mark.usefixtures("embedder")
def test_another_corpus_is_another_index(collection: Collection, plan: MakePlan) -> None:
    first = run_set(plan(VECTOR), collection, Models()).row
    grown = replace(collection, documents=(*collection.documents, Document("new", "", "words")))
    second = run_set(plan(VECTOR), grown, Models()).row
    assert first.indexes[0].key != second.indexes[0].key
    assert first.fingerprint != second.fingerprint
    with pytest.raises(ConfigurationError, match="No document of tiny holds any text"):
        run_set(plan(VECTOR), replace(collection, documents=(Document("a", "", ""),)), Models())


@pytest.mark.usefixtures("embedder")
def test_a_run_is_kept_read_back_and_reported(collection: Collection, plan: MakePlan, tmp_path: Path) -> None:
    hostile = replace(collection, queries={**collection.queries, "q0": "<script>alert(1)</script> travel number1"})
    planned = plan(HYBRID, LEXICAL)
    outcome = run_set(planned, hostile, Models())
    run = make_run(planned, [outcome.row], note="a note")
    run.save(tmp_path / "out" / "run.json")
    assert load_run(tmp_path / "out") == run
    assert "password" not in run.settings["index"]["opensearch"]
    write_rankings(outcome, tmp_path / "rankings")
    line = (tmp_path / "rankings" / "tiny.test.hybrid.trec").read_text().splitlines()[0].split("\t")
    assert line[1] == "Q0"
    assert line[3] == "1"
    page = report.write_report(run, tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://127.0.0.1:9200", "")
    assert "prefers-color-scheme: dark" in page
    assert "var(--series-0)" in page
    assert "#0505" not in page
    drawings = page.split("<svg")[1:]
    assert len(drawings) == 3
    for drawing in drawings:
        xml.dom.minidom.parseString("<svg" + drawing.split("</svg>")[0] + "</svg>")


def test_a_model_path_that_is_no_model_is_named(collection: Collection, plan: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in ("empty", "nowhere"):
        entry = Entry(PipelineConfig(name="hybrid"), embedder=str(tmp_path / path))
        with pytest.raises(ConfigurationError, match=path):
            run_set(plan(entry), collection, Models())


@pytest.mark.usefixtures("embedder")
def test_a_reranker_path_that_is_no_model_is_named(collection: Collection, plan: MakePlan, tmp_path: Path) -> None:
    config = PipelineConfig.model_validate({"name": "r", "reranker": {"depth": 5}})
    with pytest.raises(ConfigurationError, match=r"reranker.model names the folder .*nowhere"):
        run_set(plan(Entry(config, reranker=str(tmp_path / "nowhere"))), collection, Models())


def test_a_live_index_of_another_dimension_is_refused(
    collection: Collection, plan: MakePlan, embedder: Any, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="has no index yet"):
        run_set(plan(VECTOR), collection, Models(), documents=1)
    from retrieval.index.build import build_index

    build_index(plan(VECTOR).settings).ensure(embedder.name, embedder.dimensions + 1)
    with pytest.raises(ConfigurationError, match=r"65 dimensions.*Set embedder.model back"):
        run_set(plan(VECTOR), collection, Models(), documents=1)
