"""What CI holds every change against: a slice of the demo company's handbook, with the packaged model.

A change that hurts retrieval makes these fail. One that improves it should bring its own baseline:
``footnote eval retrieval --data eval/data/halden --pipelines eval/baselines/pipelines.yaml --out out``, then copy
``out/run.json`` to ``eval/baselines/halden.json``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from api.cli.main import cli
from core.settings import EmbedderSettings, Settings
from eval.datasets import read_collection
from eval.retrieval.keeping import make_run
from eval.retrieval.pipelines import read_pipelines
from eval.retrieval.running import Models, Plan, run_set
from retrieval.index.port import Candidate, SearchIndex
from retrieval.pipeline import default_pipeline, named_pipelines

EVAL = Path(__file__).resolve().parents[2] / "eval"
BASELINE = EVAL / "baselines" / "halden.json"
Measure = Callable[..., Path]


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    """Runs the baseline's pipeline over the slice with the code as it is; the run's file."""
    folder = tmp_path_factory.mktemp("gate")
    collection, models = read_collection(EVAL / "data" / "halden"), Models()
    entries = read_pipelines(EVAL / "baselines" / "pipelines.yaml")

    def measured(name: str, wrap: Callable[[SearchIndex], SearchIndex] = lambda index: index) -> Path:
        plan = Plan(
            settings=Settings(data_dir=folder, embedder=EmbedderSettings(threads=1)),  # short texts: more would wait
            entries=entries,
            baseline=entries[0].config.name,
            cache=folder,
            progress=lambda what, done, total: None,
            wrap=wrap,
        )
        file = folder / f"{name}.json"
        make_run(plan, [run_set(plan, collection, models).row]).save(file)
        return file

    return measured


def test_the_baseline_is_of_the_default_pipeline() -> None:
    (entry,) = read_pipelines(BASELINE.with_name("pipelines.yaml"))
    named = named_pipelines(Settings(), reranker=False)
    assert entry.config == named[default_pipeline(Settings(), named)]


def gate(candidate: Path, *options: str) -> Result:
    arguments = ["--baseline", str(BASELINE), "--candidate", str(candidate), "--latency-ratio", "0", *options]
    return CliRunner().invoke(cli, ["eval", "gate", *arguments])


class WrongWayRound:
    """An index whose vector leg gives its best hundred worst first, as after a mistaken sort."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def both(self, query: str, embedding: Any, filter: Any, k: int, fields: Any) -> Any:
        found = self._index.both(query, embedding, filter, k, fields)
        right: list[Candidate] = found.vector or []
        vector = [replace(worst, score=best.score) for best, worst in zip(right, reversed(right), strict=True)]
        return type(found)(found.lexical, vector, found.errors)


def test_retrieval_is_as_good_as_the_committed_baseline(measure: Measure) -> None:
    said = gate(measure("unchanged"), "--allow-equal", "--max-drop", "0.02")
    assert said.exit_code == 0, said.output


def test_a_change_that_hurts_retrieval_fails(measure: Measure) -> None:
    said = gate(measure("hurt", lambda index: cast("SearchIndex", WrongWayRound(index))), "--allow-equal")
    assert said.exit_code == 1
    assert "FAILS  halden (test): nDCG@10 is worse by" in said.output
