"""``footnote bench scale`` on a real node: built in pieces, measured, kept, dropped."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from core.settings import IndexSettings, OpenSearchSettings, Settings
from eval.bench.scale import running
from eval.bench.scale.measuring import NARROW, VISIBLE, WAYS
from eval.bench.scale.node import COMPONENTS, NodeStats
from eval.bench.scale.record import Build
from eval.bench.scale.tables import tables
from eval.cli.bench import bench
from retrieval.index.build import build_index

DIMENSIONS = 16


class _Words:
    """Counts words."""

    def count(self, text: str) -> int:
        return len(text.split())

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return []


class HashEmbedder:
    """The sum of a vector for each word."""

    name, dimensions, window_tokens, tokenizer = "hash", DIMENSIONS, 100, _Words()

    def warm_up(self) -> None:
        pass

    def embed_query(self, query: str) -> np.ndarray:
        seeds = [zlib.crc32(word.encode()) for word in query.lower().split()]
        total = np.sum([np.random.default_rng(seed).standard_normal(DIMENSIONS) for seed in seeds], axis=0)
        return (total / np.linalg.norm(total)).astype(np.float32)

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        return np.stack([self.embed_query(text) for text in texts])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    words = [f"word{n}" for n in range(300)]
    folder = tmp_path / "data" / "set"
    folder.mkdir(parents=True)

    def text(length: int) -> str:
        return " ".join(rng.choice(words, length))

    documents = [" ".join(f"{text(9).capitalize()}." for _ in range(12)) for _ in range(60)]
    lines = [json.dumps({"_id": str(n), "text": document}) for n, document in enumerate(documents)]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    questions = [json.dumps({"_id": str(n), "text": text(5)}) for n in range(20)]
    (folder / "queries.jsonl").write_text("\n".join(questions) + "\n")
    return folder.parent


def plan(url: str, data: Path, cache: Path, goes_on: Callable[[], bool] = lambda: True) -> running.Plan:
    index = IndexSettings(kind="opensearch", opensearch=OpenSearchSettings(url=url))
    return running.Plan(
        settings=Settings(data_dir=cache, index=index),
        data=data,
        sizes=(2_000, 1_000),
        layouts=("fp32", "4x"),
        distinct=400,
        questions=12,
        warm=3,
        segments=1,
        seed=1,
        cache=cache,
        goes_on=goes_on,
        progress=lambda what, done, total: None,
        command="footnote bench scale",
    )


def test_it_is_built_in_pieces_measured_and_dropped(opensearch_url: str, data: Path, tmp_path: Path) -> None:
    cache, embedder = tmp_path / "cache", HashEmbedder()
    turns = count()
    interrupted = plan(opensearch_url, data, cache, goes_on=lambda: next(turns) < 3)
    assert running.run(interrupted, embedder) is None
    states = [Build.model_validate_json(file.read_bytes()) for file in (cache / "builds").glob("*.json")]
    assert 0 < sum(state.done for state in states) < 6_000
    begun = {state.generation for state in states}
    asked = plan(opensearch_url, data, cache)
    report = running.run(asked, embedder)
    assert report is not None
    assert [(row.size, row.layout) for row in report.measured] == [
        (size, layout) for size in (1_000, 2_000) for layout in ("fp32", "4x")
    ]
    for build in report.builds:
        assert build.done == build.size
        assert build.segments == 1
        assert set(build.bytes) == set(COMPONENTS)
        assert build.bytes["vectors"] > build.size * DIMENSIONS * 4
        assert (build.bytes["compressed vectors"] > 0) is (build.layout == "4x")
        assert build.heap_mb is not None
        assert build.resident_mb is not None
    for row in report.measured:
        assert set(row.latency) == set(WAYS)
        # Sixteen dimensions of seven bits tell less apart than real vectors do.
        least = 0.9 if row.layout == "fp32" else 0.4
        assert min(row.recall[VISIBLE], row.recall[NARROW]) > least
    page = tables(report)
    assert "| 2,000 fp32 / 1,000 fp32 |" in page
    # What the interrupted run had begun was built on.
    assert begun <= {build.generation for build in report.builds}
    running.drop_all(asked, embedder)
    assert list((cache / "builds").glob("*.json")) == []
    stats = NodeStats(asked.settings.index.opensearch)
    assert stats.version().startswith("2.")
    stats.close()
    corpus = running.corpus_of(asked, embedder)
    assert corpus is not None
    for one in running.targets_of(asked, corpus, embedder):
        index = build_index(one.settings)
        assert index.generations() == []
        index.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--sizes", "ten"], "'ten' isn't a list of whole numbers"),
        (["--sizes", "1500"], "--sizes 1500 isn't a multiple of 1,000"),
        (["--layout", "int4"], "There is no layout 'int4'"),
        (["--opensearch", "http://127.0.0.1:1"], "OpenSearch does not answer"),
    ],
)
def test_what_is_wrong_is_named(
    command: Callable[[list[str]], Result], data: Path, opensearch_url: str, wrong: list[str], said: str
) -> None:
    result = command(["--data", str(data), "--opensearch", opensearch_url, *wrong])
    assert result.exit_code != 0
    assert said in f"{result.output} {result.exception}"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], Result]:
    """Runs the command, with an embedder that needs no model."""
    monkeypatch.setattr("retrieval.embedding.build.build_embedder", lambda settings: HashEmbedder())
    monkeypatch.chdir(tmp_path)
    small = ["scale", "--distinct", "200", "--sizes", "1000", "--out", str(tmp_path / "out")]
    return lambda options: CliRunner().invoke(bench, [*small, *options])
