"""What happens to a model after the gate, and what the gate compares."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from core.pipeline import NeighbourConfig, PipelineConfig, RerankConfig
from core.settings import RerankerSettings, RetrievalSettings, Settings
from eval.datasets import DatasetError
from eval.retrieval.gate import Decision, Verdict
from eval.retrieval.record import load_run
from eval.training.card import use
from eval.training.gating import Judged, default_config, plain, without_reranker
from eval.training.recipe import BeirSource, Gate, Recipe
from eval.training.student import check_new
from eval.training.training import Job, settle

RUN = load_run(Path(__file__).resolve().parents[4] / "eval" / "baselines" / "halden.json")
FACTS: dict[str, Any] = {
    "id": "0123",
    "base": "packaged",
    "commit": "abc",
    "steps": 9,
    "sources": {"asked": {"kind": "judged", "asked": 5, "trained": 4, "dev": 1}},
    "dev": {"before": 0.5, "by_weight": {"0.3": 0.6}},
}


def judged(*faults: str) -> Judged:
    verdict = Verdict(
        name="asked (live)",
        queries=5,
        before=0.5,
        after=0.6,
        delta=0.1,
        low=0.05,
        high=0.15,
        p_value=0.01,
        latency_ratio=2.0,
        better=True,
        faults=faults,
    )
    pipeline = PipelineConfig(name="trained", neighbours=NeighbourConfig(), reranker=RerankConfig(depth=20, weight=0.3))
    return Judged(RUN, Decision((verdict,), faults), pipeline)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    sets = {f"s{n}": BeirSource(kind="beir", path=tmp_path) for n in range(4)}
    source = BeirSource(kind="beir", path=tmp_path)
    (tmp_path / "work").mkdir()
    return Job(
        recipe=Recipe(sources={"asked": source}, gate=Gate(sets=dict(sets))),
        recipe_file=tmp_path / "recipe.toml",
        settings=Settings(data_dir=tmp_path / "data"),
        work=tmp_path / "work",
        out=tmp_path / "models" / "reranker",
        cache=tmp_path / "cache",
        runs=tmp_path / "runs",
        progress=lambda what, done, total: None,
    )


def model(job: Job) -> Path:
    folder = job.work / "model-0123"
    folder.mkdir()
    (folder / "model.safetensors").write_text("weights")
    return folder


def test_a_model_that_passes_is_put_in_its_place_and_recorded(job: Job) -> None:
    job.out.mkdir(parents=True)  # an empty folder is as good as none
    outcome = settle(job, model(job), FACTS, judged())
    assert outcome.model == job.out
    names = {"model.safetensors", "README.md", "training.json", "gate.html", "gate.json"}
    assert {file.name for file in job.out.iterdir()} == names
    assert json.loads((job.out / "training.json").read_text())["promoted"] is True
    assert "It passed the gate" in (job.out / "README.md").read_text()
    assert json.loads((job.work / "history.jsonl").read_text())["model"] == str(job.out)
    assert not list(job.work.glob("model-*"))
    assert [file.name for file in job.runs.iterdir()] == [f"{RUN.id}.json"]


def test_a_model_that_fails_is_kept_apart_and_may_fail_again(job: Job) -> None:
    for _ in range(2):
        outcome = settle(job, model(job), FACTS, judged("asked (live): worse."))
    assert outcome.model == job.work / "rejected" / "model-0123"
    assert "not to be used" in (outcome.model / "README.md").read_text()
    assert "- asked (live): worse." in (outcome.model / "README.md").read_text()
    assert not job.out.exists()
    assert len((job.work / "history.jsonl").read_text().splitlines()) == 2


def test_the_settings_that_are_printed_are_settings(tmp_path: Path, words: Any) -> None:
    said = tomllib.loads(use(tmp_path / "reranker", judged()))
    settings = Settings.model_validate(said)
    assert settings.reranker.model == str(tmp_path / "reranker")
    assert default_config(settings, words) == judged().pipeline


def test_a_reranker_in_use_is_part_of_what_has_to_be_beaten(words: Any) -> None:
    own = PipelineConfig(name="own", reranker=RerankConfig())
    settings = Settings(
        reranker=RerankerSettings(model="some/model"), retrieval=RetrievalSettings(pipelines=(own,), pipeline="own")
    )
    assert default_config(settings, words) == own
    assert without_reranker(own).reranker is None
    assert plain(settings).retrieval.pipelines == ()
    assert default_config(Settings(), words).reranker is None


def test_a_place_that_is_taken_or_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="is there already"):
        check_new(tmp_path / "file")
    with pytest.raises(DatasetError, match="can't be made"):
        check_new(tmp_path / "file" / "model")
    check_new(tmp_path / "new" / "model")
    assert list((tmp_path / "new").iterdir()) == []
