"""Filtered recall: what counts as found, which filters are asked, and the text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rich.progress import Progress

from eval.bench.search.filtered import KINDS, SHARES, best_window, fill, recall, run, trials
from eval.bench.search.filtered_text import cached_vectors, questions_of, texts_of
from eval.datasets import DatasetError
from retrieval.index.lance.index import LanceIndex


def test_recall_is_of_what_passes_and_ties_are_no_loss() -> None:
    similarity = np.array([0.9] * 9 + [0.5, 0.5, 0.4])
    passing = np.arange(12)
    assert recall(list(range(10)), similarity, passing) == 1
    assert recall([*range(9), 10], similarity, passing) == 1
    assert recall([*range(9), 11], similarity, passing) == 0.9
    assert recall([0, 1], similarity, np.array([1, 2])) == 0.5


def test_the_filters_pass_their_share_and_lie_where_they_should() -> None:
    rng = np.random.default_rng(1)
    similarity = rng.standard_normal((40, 5000)).astype(np.float32)
    asked = trials(similarity, 8, 1)
    assert {(t.share, t.kind) for t in asked} == {(share, kind) for share in SHARES for kind in KINDS}
    for trial in asked:
        assert len(set(trial.passing.tolist())) == max(10, round(trial.share * 5000))
        if trial.kind == "random":
            continue
        near = similarity[trial.questions][:, trial.passing].mean()
        assert (near > 0) == (trial.kind == "correlated")


def test_an_exact_index_has_recall_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((400, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    windows, queries = vectors.reshape(200, 2, 16), vectors[:20]
    similarity = best_window(queries, windows)
    assert similarity[3, 1] == pytest.approx(1)
    asked = trials(similarity, 4, 3)
    index = LanceIndex(tmp_path / "index")
    index.ensure("model", 16)
    fill(index, windows, [f"text {n}" for n in range(400)], asked)
    cells = run(index, queries, similarity, asked, 10)
    assert [(cell.share, cell.kind) for cell in cells] == [(share, kind) for share in SHARES for kind in KINDS]
    assert {cell.recall for cell in cells} == {1.0}


class _Embedder:
    name, calls = "fake", 0

    def embed_passages(self, texts: list[str]) -> np.ndarray:
        self.calls += 1
        return np.full((len(texts), 2), len(texts), np.float32)


def test_text_is_cut_to_different_windows_and_embedded_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    sentences = [f"This is the sentence number {n} of a text that is long enough." for n in range(5)]
    (tmp_path / "a" / "corpus.jsonl").write_text(json.dumps({"_id": "1", "text": " ".join(sentences)}) + "\n")
    (tmp_path / "a" / "queries.jsonl").write_text(json.dumps({"_id": "1", "text": "why?"}) + "\n")
    texts = texts_of(tmp_path, 9, lambda text: True)
    assert texts[0] == " ".join(sentences[:2])
    assert len(set(texts)) == 9
    assert questions_of(tmp_path) == ["why?"]
    with pytest.raises(DatasetError, match="--vectors"):
        texts_of(tmp_path, 100, lambda text: True)
    assert set(texts_of(tmp_path, 7, lambda text: text != texts[0])) <= set(texts[1:])
    embedder = _Embedder()
    for _ in range(2):
        with Progress(disable=True) as progress:
            assert cached_vectors(embedder, texts, tmp_path / "cache", progress).shape == (9, 2)  # type: ignore[arg-type]
    assert embedder.calls == 1
