"""Cosines of other embedders, on the scale that the numbers of an answer were set with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from core.errors import ModelUnavailable
from core.settings import EmbedderSettings
from generation.extractive import calibration
from generation.extractive.calibration import Scale, scale_of
from generation.extractive.extractor import extract
from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder
from tests.unit.generation.conftest import ChunkMaker, WordEmbedder

FLOOR = 0.6


class Crowded:
    """The packaged embedder as many others are: texts that have nothing in common are at .6."""

    name = "crowded"

    def __init__(self, packaged: SentenceTransformersEmbedder) -> None:
        self._packaged = packaged
        self.dimensions = packaged.dimensions + 1
        self.window_tokens, self.tokenizer = packaged.window_tokens, packaged.tokenizer

    def warm_up(self) -> None:
        self._packaged.warm_up()

    def embed_query(self, query: str) -> np.ndarray:
        return self._lifted(self._packaged.embed_query(query)[None])[0]

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        return self._lifted(self._packaged.embed_passages(texts, progress))

    @staticmethod
    def _lifted(vectors: np.ndarray) -> np.ndarray:
        ones = np.ones((len(vectors), 1), np.float32)
        return np.hstack([vectors * np.sqrt(1 - FLOOR), ones * np.sqrt(FLOOR)]).astype(np.float32)


class Deaf(WordEmbedder):
    """Finds every text like every other."""

    name = "deaf"

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        return np.stack([self.embed_query("the same")] * len(texts))


@pytest.fixture(scope="module")
def packaged() -> SentenceTransformersEmbedder:
    return SentenceTransformersEmbedder(EmbedderSettings(dtype="float32", threads=1))


def test_the_packaged_embedder_is_the_measure(packaged: SentenceTransformersEmbedder) -> None:
    assert scale_of(packaged) == Scale()
    measured = calibration._measured(packaged)
    assert measured.factor == pytest.approx(1, abs=0.01)
    assert measured.shift == pytest.approx(0, abs=0.01)


def test_a_crowded_embedder_means_the_same(packaged: SentenceTransformersEmbedder) -> None:
    crowded = scale_of(Crowded(packaged))
    for cosine in (0.0, 0.2, 0.5, 0.8):
        assert crowded.usual(FLOOR + (1 - FLOOR) * cosine) == pytest.approx(cosine, abs=0.02)


@pytest.mark.parametrize(
    ("question", "answered"),
    [("When does the canteen open?", True), ("Who pays for parking at the airport?", False)],
)
def test_it_answers_and_abstains_as_the_packaged_one_does(
    question: str, answered: bool, packaged: SentenceTransformersEmbedder, make_chunk: ChunkMaker
) -> None:
    """Uncalibrated, every sentence is near every question, and nothing is ever abstained from."""
    passage = make_chunk("The canteen opens at noon on every working day. Lunch in the canteen costs six euros.")
    for embedder in (packaged, Crowded(packaged)):
        assert bool(extract(question, [passage], embedder).extracts) == answered


def test_where_an_embedder_cannot_judge_words_do_and_that_is_said(make_chunk: ChunkMaker) -> None:
    extraction = extract("When does the canteen open?", [make_chunk("The canteen opens at noon.")], Deaf())
    assert "deaf doesn't tell answers from other sentences" in extraction.degraded
    with pytest.raises(ModelUnavailable):
        scale_of(Deaf())


def test_back_and_forth() -> None:
    scale = Scale(2.0, -0.9)
    assert scale.usual(scale.own(0.5)) == pytest.approx(0.5)
    assert Scale(0.5, 0.0).own(0.88) < 1
