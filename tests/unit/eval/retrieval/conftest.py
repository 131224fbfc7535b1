"""A tiny collection, an embedder that needs no model, and runs made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from eval.datasets import Collection, Document
from eval.retrieval import running
from eval.retrieval.figures import figures, latency
from eval.retrieval.pipelines import Entry
from eval.retrieval.record import PipelineRow, QueryRow, Run, SetRow
from eval.retrieval.running import Plan
from eval.retrieval.scoring import METRICS
from tests.unit.eval.word_embedder import WordEmbedder


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> WordEmbedder:
    fake = WordEmbedder()
    monkeypatch.setattr(running, "build_embedder", lambda settings: fake)
    return fake


TOPICS = ("leave pay family", "travel hotel train", "firewall password key", "invoice budget order", "pump valve bar")


@pytest.fixture
def collection() -> Collection:
    documents = tuple(
        Document(f"{topic.split()[0]}{n}", topic.title(), f"{topic} number{n}. More about {topic.split()[n % 3]}.")
        for topic in TOPICS
        for n in range(3)
    )
    queries = {f"q{n}": f"{topic} number1" for n, topic in enumerate(TOPICS)}
    qrels = {f"q{n}": {f"{topic.split()[0]}1": 2, f"{topic.split()[0]}0": 1} for n, topic in enumerate(TOPICS)}
    nothing = Document("nothing", "", " ")
    return Collection("tiny", (*documents, nothing), queries, qrels, "test", {"u1": "unjudged"})


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    def made(*entries: Entry, **options: Any) -> Plan:
        given: dict[str, Any] = {
            "settings": Settings(data_dir=tmp_path / "data"),
            "entries": entries,
            "baseline": entries[0].config.name,
            "cache": tmp_path / "cache",
            "progress": lambda what, done, total: None,
        }
        return Plan(**(given | options))

    return made


MakeRun = Callable[..., Run]


@pytest.fixture
def make_run() -> MakeRun:
    """A run with these nDCG@10 by pipeline, on one set."""

    def made(
        scores: Mapping[str, Sequence[float]],
        *,
        name: str = "set",
        ms: float = 10.0,
        fingerprint: str = "f1",
        day: int = 0,
    ) -> Run:
        rows = []
        for pipeline, values in scores.items():
            queries = tuple(
                QueryRow(id=f"q{n}", metrics=dict.fromkeys(METRICS, value), ms=ms) for n, value in enumerate(values)
            )
            rows.append(
                PipelineRow(
                    name=pipeline,
                    config={},
                    embedder="words",
                    reranker=None,
                    index="k",
                    metrics=figures([row.metrics for row in queries]),
                    latency=latency([ms]),
                    stages={},
                    phases=(),
                    failed=0,
                    empty=0,
                    degraded=0,
                    unjudged_10=0,
                    queries=queries,
                )
            )
        judged = len(next(iter(scores.values())))
        created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
        row = SetRow(
            name=name,
            split="test",
            fingerprint=fingerprint,
            documents=9,
            empty_documents=0,
            judged=judged,
            unjudged=(),
            missing=0,
            indexes=(),
            pipelines=tuple(rows),
        )
        return Run(
            id=f"r{day}",
            created=created,
            commit="0123456789abcdef",
            settings={},
            baseline=next(iter(scores)),
            document_score="max",
            sets=(row,),
        )

    return made
