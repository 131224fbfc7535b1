"""Several embedders as one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from core.chunk import Chunk
from core.errors import ConfigurationError
from core.settings import EmbedderSettings, Settings
from retrieval.embedding.build import build_embedder, build_embedders, lasting_name
from retrieval.embedding.model_files import describe
from retrieval.embedding.port import Embedder, TokenEmbeddings
from retrieval.embedding.side_by_side import Part, SideBySideEmbedder, parts_of
from retrieval.embedding.windows import cut_windows, readable
from tests.word_tokenizer import WordTokenizer


class Letters:
    """Embeds a text by how often it has each of these letters."""

    def __init__(self, letters: str, window_tokens: int = 8, pattern: str = r"\S+") -> None:
        self.name = letters
        self.dimensions = len(letters)
        self.window_tokens = window_tokens
        self.tokenizer = WordTokenizer(pattern)
        self.warm = 0

    def warm_up(self) -> None:
        self.warm += 1

    def embed_query(self, query: str):
        return self.embed_passages([query])[0]

    def embed_passages(self, texts, progress=None):
        for _ in texts if progress else ():
            progress(1)
        counts = np.array([[text.count(letter) + 1 for letter in self.name] for text in texts], np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    def token_ids(self, texts):
        return [np.array([len(self.name)], np.int32) for _ in texts]

    def token_embeddings(self, tokens):
        return np.full((len(tokens), 2), len(self.name), np.float32)


def test_a_cosine_is_the_weighted_mean_of_the_models_cosines() -> None:
    one, other = Letters("abc"), Letters("xyzvw")
    both = SideBySideEmbedder([(1, one), (2, other)])
    assert isinstance(both, Embedder)
    assert isinstance(both, TokenEmbeddings)
    question, passages = "a xx z", ["ab xyz", "ccc w", ""]
    together = both.embed_passages(passages)
    assert together.shape == (3, both.dimensions) == (3, 8)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(1)
    alone = [model.embed_passages(passages) @ model.embed_query(question) for model in (one, other)]
    assert together @ both.embed_query(question) == pytest.approx((alone[0] + 2 * alone[1]) / 3)
    assert both.name == "abc+2*xyzvw"


def test_progress_is_told_once_a_text() -> None:
    told: list[int] = []
    both = SideBySideEmbedder([(1, Letters("ab")), (1, Letters("cd")), (1, Letters("ef"))])
    both.embed_passages(["one", "two", "three", "four"], told.append)
    assert sum(told) == 4


def test_windows_fit_the_strictest_model() -> None:
    wide, narrow = Letters("ab", window_tokens=20), Letters("cd", window_tokens=9, pattern=r"\S{1,2}")
    both = SideBySideEmbedder([(1, wide), (1, narrow)])
    text = " ".join(f"word{number}" for number in range(60))
    chunk = Chunk(id="c", document_id="d", source_id="s", uri="", ordinal=0, text=text, start=0, end=len(text))
    windows = cut_windows(chunk, both)
    for model in (wide, narrow):
        assert max(model.tokenizer.count(window) for window in windows) <= model.window_tokens
    assert set(re.findall(r"\S+", " ".join(windows))) == set(text.split())


def test_a_word_that_is_one_token_here_and_hundreds_there_is_cut() -> None:
    words, letters = Letters("ab", window_tokens=30), Letters("cd", window_tokens=40, pattern=r"\S")
    both = SideBySideEmbedder([(1, words), (1, letters)])
    text = "x" * 500
    chunk = Chunk(id="c", document_id="d", source_id="s", uri="", ordinal=0, text=text, start=0, end=len(text))
    windows = cut_windows(chunk, both)
    assert max(map(len, windows)) <= 40
    assert sum(map(len, windows)) >= 500
    assert len(readable(text, both)) <= 40


def test_a_folder_of_that_very_name_is_one_model(tmp_path: Path) -> None:
    folder = tmp_path / "2*a + b"
    folder.mkdir()
    assert parts_of(str(folder)) == [Part(str(folder))]


def test_all_models_are_warmed_up_and_the_first_shows_its_tokens() -> None:
    one, other = Letters("abc"), Letters("de")
    both = SideBySideEmbedder([(1, one), (1, other)])
    both.warm_up()
    assert (one.warm, other.warm) == (1, 1)
    assert both.token_ids(["x"])[0].tolist() == [3]
    assert both.token_embeddings(np.array([1], np.int32)).tolist() == [[3, 3]]


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("packaged", [Part("packaged")]),
        ("packaged + 2*/models/bge small", [Part("packaged"), Part("/models/bge small", 2)]),
        ("0.5*a/b + org/c+d", [Part("a/b", 0.5), Part("org/c+d")]),
    ],
)
def test_models_are_read_with_their_weights(model: str, parts: list[Part]) -> None:
    assert parts_of(model) == parts
    assert " + ".join(map(str, parts)) == model


@pytest.mark.parametrize("model", ["packaged + ", "two*packaged", "0*packaged", "inf*packaged", "2* + packaged"])
def test_what_cannot_be_read_says_how_it_is_written(model: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape("packaged + 2*/models/other")):
        parts_of(model)


def test_the_settings_name_two_models() -> None:
    folder = str(describe("packaged").folder)
    settings = Settings(embedder=EmbedderSettings(model=f"packaged + 2*{folder}", batch_size=4))
    both = build_embedder(settings)
    assert both.dimensions == 768
    alone = build_embedder(Settings()).embed_query("parental leave")
    halves = both.embed_query("parental leave").reshape(2, 384)
    assert halves[0] @ alone == pytest.approx(np.sqrt(1 / 3), abs=1e-3)
    assert halves[1] @ alone == pytest.approx(np.sqrt(2 / 3), abs=1e-3)
    with pytest.raises(ConfigurationError, match="names several models"):
        describe(settings.embedder.model)


def test_folders_of_a_generation_are_kept_by_their_absolute_paths(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "bge").mkdir()
    monkeypatch.chdir(tmp_path)
    assert lasting_name("packaged + 2*bge") == f"packaged + 2*{tmp_path}/bge"
    assert lasting_name("packaged") == "packaged"


def test_a_generation_of_two_models_is_loaded_by_their_names() -> None:
    settings = Settings()
    embedders = build_embedders(settings, build_embedder(settings))
    folder = describe("packaged").folder
    both = embedders.by_model(f"packaged + 3*{folder}")
    assert both.name.startswith("all-MiniLM-L6-v2-")
    assert "+3*model-" in both.name
