"""The evaluation's own index on a real OpenSearch node: beside the served one, built once, found again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.pipeline import PipelineConfig
from core.settings import IndexSettings, OpenSearchSettings, Settings
from eval.datasets import Collection, Document
from eval.retrieval import running
from eval.retrieval.pipelines import Entry
from eval.retrieval.running import Models, Plan, run_set
from retrieval.index.build import build_index

TEXTS = {"leave": "days of parental leave", "hotel": "hotel limit in norway", "badge": "report a lost badge"}


class LengthEmbedder:
    """Enough of an embedder for an index: a vector by a text's letters."""

    name, dimensions, window_tokens = "letters", 8, 100
    tokenizer: Any = SimpleNamespace(
        count=lambda text: len(text.split()),
        offsets=lambda text: [(0, len(text))],
    )

    def warm_up(self) -> None: ...

    def embed_query(self, query: str) -> np.ndarray:
        vector = np.ones(8, np.float32)
        for letter in query:
            vector[ord(letter) % 8] += 1
        return vector / np.float32(np.linalg.norm(vector))

    def embed_passages(self, texts: Sequence[str], progress: object = None) -> np.ndarray:
        return np.stack([self.embed_query(text) for text in texts])


def test_an_index_beside_the_served_one(opensearch_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "build_embedder", lambda settings: LengthEmbedder())
    index = IndexSettings(kind="opensearch", name="served", opensearch=OpenSearchSettings(url=opensearch_url))
    settings = Settings(data_dir=tmp_path, index=index)
    served = build_index(settings)
    served.ensure("another", 4)
    documents = tuple(Document(key, key.title(), text) for key, text in TEXTS.items())
    collection = Collection("tiny", documents, TEXTS, {key: {key: 1} for key in TEXTS})
    plan = Plan(
        settings=settings,
        entries=(Entry(PipelineConfig(name="hybrid")),),
        baseline="hybrid",
        cache=tmp_path / "cache",
        progress=lambda what, done, total: None,
    )
    first, again = (run_set(plan, collection, Models()).row for _ in range(2))
    assert first.pipelines[0].metrics["recall@10"].value == 1
    assert [row.indexes[0].reused for row in (first, again)] == [False, True]
    assert again.indexes[0].generation == first.indexes[0].generation
    assert again.indexes[0].generation.startswith("footnote-eval-")
    assert [generation.embedder for generation in served.generations()] == ["another"]
    assert served.counts().chunks == 0
    served.close()
