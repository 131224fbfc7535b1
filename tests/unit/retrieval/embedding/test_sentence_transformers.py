"""The packaged model, for real: quick enough to be a unit test's own."""

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigurationError, ModelUnavailable
from core.settings import EmbedderSettings, Settings
from retrieval.embedding.build import build_embedder
from retrieval.embedding.model_files import describe, locate
from retrieval.embedding.port import Embedder
from retrieval.embedding.precision import choose_dtype
from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder
from retrieval.embedding.tokenizer import FileTokenizer

STRANGE = [
    "",
    "plain words",
    "naïve café ﬁ",
    "漢字 and 🙂🙂",
    "[SEP] in text",
    "x" * 300,
    "a\x00b\u200bc\n\n\td",
    "ÅÄÖ e\u0301",
]


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformersEmbedder:
    return SentenceTransformersEmbedder(EmbedderSettings(batch_size=4))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "copied"
    shutil.copytree(locate("packaged")[0], folder)
    return folder


def test_it_describes_itself_without_loading_torch() -> None:
    code = (
        "import sys; from core.settings import Settings; from retrieval.embedding.build import build_embedder;"
        "e = build_embedder(Settings()); print(e.name, e.dimensions, e.window_tokens, e.tokenizer.count('two words'));"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    name, dimensions, window, tokens = done.stdout.split()
    assert name.startswith("all-MiniLM-L6-v2-")
    assert (dimensions, window, tokens) == ("384", "254", "2")


def test_vectors_are_unit_in_order_and_the_same_in_any_batch(embedder: SentenceTransformersEmbedder) -> None:
    texts = [" ".join(["leave policy"] * n) for n in (1, 100, 3, 60, 2, 0)]
    told: list[int] = []
    together = embedder.embed_passages(texts, told.append)
    assert together.dtype == np.float32
    assert together.shape == (6, 384)
    assert sum(told) == 6
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.vstack([embedder.embed_passages([text]) for text in texts])
    assert (together * alone).sum(axis=1).min() > 0.999
    assert embedder.embed_passages([]).shape == (0, 384)


def test_it_tells_meaning_apart(embedder: SentenceTransformersEmbedder) -> None:
    query = embedder.embed_query("How many vacation days do I get?")
    near, far = embedder.embed_passages(["Employees have 25 days of annual leave.", "The server room is on floor two."])
    assert query @ near > query @ far + 0.2


def test_bf16_is_close_to_fp32(embedder: SentenceTransformersEmbedder) -> None:
    exact = SentenceTransformersEmbedder(EmbedderSettings(dtype="float32"))
    half = SentenceTransformersEmbedder(EmbedderSettings(dtype="bfloat16"))
    texts = ["Employees have 25 days of annual leave.", "short"]
    assert (exact.embed_passages(texts) * half.embed_passages(texts)).sum(axis=1).min() > 0.999


def test_too_long_a_passage_is_refused_and_too_long_a_query_is_cut(embedder: SentenceTransformersEmbedder) -> None:
    with pytest.raises(ValueError, match="doesn't fit"):
        embedder.embed_passages(["word " * 255])
    assert embedder.embed_passages(["word " * 254]).shape == (1, 384)
    assert embedder.embed_query("word " * 5000).shape == (384,)


def test_it_counts_as_the_model_does(embedder: SentenceTransformersEmbedder) -> None:
    embedder.warm_up()
    theirs = embedder._model.tokenizer
    for text in STRANGE:
        expected = theirs(text, add_special_tokens=False)["input_ids"]
        assert embedder.tokenizer.count(text) == len(expected), text
        assert len(embedder.tokenizer.offsets(text)) == len(expected)
    assert FileTokenizer(locate("packaged")[0] / "tokenizer.json").counts(STRANGE) == [
        embedder.tokenizer.count(text) for text in STRANGE
    ]


def test_offsets_are_in_order_and_apart(embedder: SentenceTransformersEmbedder) -> None:
    for text in STRANGE:
        offsets = embedder.tokenizer.offsets(text)
        flat = [place for span in offsets for place in span]
        assert flat == sorted(flat)
        assert not flat or flat[-1] <= len(text)


def test_threads_share_it(embedder: SentenceTransformersEmbedder) -> None:
    texts = [f"sentence number {i} " * (i + 1) for i in range(12)]
    expected = embedder.embed_passages(texts)
    results: dict[int, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: embedder.embed_passages([texts[i]])[0]}))
        for i in range(len(texts))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all((results[i] @ expected[i]) > 0.999 for i in range(len(texts)))


def test_prompts_come_from_the_models_config(copied: Path, embedder: SentenceTransformersEmbedder) -> None:
    prompts = {"prompts": {"query": "search for: ", "document": "passage: "}, "default_prompt_name": None}
    (copied / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    prompted = build_embedder(Settings(embedder=EmbedderSettings(model=str(copied))))
    assert isinstance(prompted, Embedder)
    assert prompted.name.startswith("copied-")
    assert prompted.name.rpartition("-")[2] != embedder.name.rpartition("-")[2], "prompts shape the vectors"
    assert prompted.window_tokens == 254 - prompted.tokenizer.count("passage: ")
    assert prompted.embed_query("leave") @ embedder.embed_query("search for: leave") > 0.999
    assert prompted.embed_passages(["leave"])[0] @ embedder.embed_passages(["passage: leave"])[0] > 0.999


def test_other_weights_have_another_name(copied: Path) -> None:
    same = describe(str(copied)).name
    with (copied / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"\x7f")
    assert describe(str(copied)).name != same


@pytest.mark.parametrize(
    ("missing", "says"),
    [("modules.json", "modules.json"), ("tokenizer.json", "tokenizer.json"), ("model.safetensors", "no weights")],
)
def test_an_incomplete_folder_is_named(copied: Path, missing: str, says: str) -> None:
    (copied / missing).unlink()
    with pytest.raises(ConfigurationError, match=says):
        SentenceTransformersEmbedder(EmbedderSettings(model=str(copied)))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not there"):
        SentenceTransformersEmbedder(EmbedderSettings(model=str(tmp_path / "nowhere")))


def test_damaged_weights_are_a_model_that_is_unavailable(copied: Path) -> None:
    (copied / "model.safetensors").write_bytes(b"not weights")
    broken = SentenceTransformersEmbedder(EmbedderSettings(model=str(copied)))
    with pytest.raises((ModelUnavailable,), match="can't be loaded"):
        broken.embed_query("leave")


def test_precision_follows_the_hardware() -> None:
    assert choose_dtype("auto", "cuda") == "float16"
    assert choose_dtype("auto", "mps") == "float32"
    assert choose_dtype("auto", "cpu") in ("bfloat16", "float32")
    assert choose_dtype("float32", "cuda") == "float32"
    with pytest.raises(ConfigurationError, match="needs a GPU"):
        choose_dtype("float16", "cpu")
