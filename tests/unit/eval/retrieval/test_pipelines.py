"""The file of pipelines: what it takes, and what it says of what it doesn't."""

from pathlib import Path

import pytest

from core.settings import RerankerSettings, Settings
from eval.datasets import DatasetError
from eval.retrieval.pipelines import read_pipelines


def write(folder: Path, content: str) -> Path:
    file = folder / "p.yaml"
    file.write_text(content, encoding="utf-8")
    return file


def test_pipelines_keep_their_order_options_and_models(tmp_path: Path) -> None:
    content = """
pipelines:
  words: {legs: [lexical]}
  both:
  mixed:
    depth: 50
    fusion: {method: convex, weights: {lexical: 0.3, vector: 0.7}}
    reranker: {depth: 20}
    models: {embedder: /models/bge, reranker: /models/ce}
"""
    words, both, mixed = read_pipelines(write(tmp_path, content))
    assert words.config.legs == ("lexical",)
    assert both.config.legs == ("lexical", "vector")
    assert both.config.depth == 100
    assert mixed.config.fusion.weights.vector == 0.7
    assert mixed.as_json()["models"] == {"embedder": "/models/bge", "reranker": "/models/ce"}
    settings = mixed.over(Settings())
    assert (settings.embedder.model, settings.reranker.model) == ("/models/bge", "/models/ce")


def test_a_pipeline_without_a_reranker_runs_without_the_settings_one() -> None:
    settings = Settings(reranker=RerankerSettings(model="some/model"))
    (entry,) = read_pipelines(Path("eval/data/pipelines.yaml"))[:1]
    assert entry.over(settings).reranker.model is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("pipelines:\n  a: {legs: [lexical]}\n  a:\n", r"p.yaml, line 3: 'a' is there already, in line 2.*rename one"),
        ("pipelines:\n  a: {legs: [words]}\n", r"pipeline 'a': legs.0: Input should be 'lexical' or 'vector'"),
        ("pipelines:\n  a: {deph: 3}\n", r"pipeline 'a': deph: there is no such option"),
        ("pipelines:\n  a: {legs: []}\n", "legs names lexical, vector or both"),
        ("pipelines:\n  a: {fusion: {weights: {lexical: -1}}}\n", "fusion.weights.lexical"),
        ("pipelines:\n  a: {fields: {titel: 1}}\n", r"pipeline 'a': fields.titel: there is no such option"),
        ("pipelines:\n  a: {fields: [title]}\n", r"pipeline 'a': fields: should be a mapping of options"),
        ("pipelines:\n  a: {fields: {title: .inf}}\n", "fields.title: .*finite"),
        (
            "pipelines:\n  a: {fields: {title: 0, headings: 0, body: 0}}\n",
            "pipeline 'a': fields: one of title, headings and body has to count",
        ),
        ("pipelines:\n  A b: {}\n", "pipeline 'A b': name"),
        ("pipelines:\n  a: [lexical]\n", "should be a mapping"),
        ("pipelines:\n  a: {models: {llm: x}}\n", "`models` takes `embedder` and `reranker`"),
        ("pipelines:\n  a: {models: {embedder: 3}}\n", "models.embedder should be a folder or a model's name"),
        ("pipelines:\n  a: {models: {reranker: x}}\n", "has no `reranker"),
        ("pipelines:\n  a: {name: b}\n", "its name is the key"),
        ("pipelines: {}\n", "should hold a mapping `pipelines:`"),
        ("- a\n", "should hold a mapping `pipelines:`"),
        ("a: {b\n", "is not YAML"),
    ],
)
def test_a_fault_names_the_file_the_pipeline_and_the_option(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        read_pipelines(write(tmp_path, content))


def test_a_file_that_isn_t_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere.yaml can't be read: No such file"):
        read_pipelines(tmp_path / "nowhere.yaml")
