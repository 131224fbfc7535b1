"""The plain encoder gives the vectors of sentence-transformers, and leaves to it what isn't plain."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.settings import EmbedderSettings
from retrieval.embedding.bert import BertEncoder
from retrieval.embedding.bert_files import plain_bert
from retrieval.embedding.model_files import describe, locate
from retrieval.embedding.sentence_transformers import SentenceTransformersEmbedder

TEXTS = [
    "",
    "leave",
    "Employees have 25 days of annual leave, and carry 5 of them over.",
    "naïve café ﬁ 漢字 and 🙂🙂",
    "[SEP] and [MASK] in text",
    "x" * 300,
    "  a\x00b\u200bc\n\n\td  ",
    " ".join(["Each parent gets 16 weeks of leave."] * 30),
]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The packaged model; its weights are a link."""
    folder, _ = locate("packaged")
    weights = folder / "model.safetensors"
    shutil.copytree(folder, tmp_path / "model", ignore=shutil.ignore_patterns(weights.name))
    (tmp_path / "model" / weights.name).symlink_to(weights)
    return tmp_path / "model"


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def pool_first(folder: Path) -> None:
    change(folder / "1_Pooling" / "config.json", pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)


def cut(folder: Path) -> None:
    change(folder / "config_sentence_transformers.json", truncate_dim=256)


def leave_as_long_as_they_are(folder: Path) -> None:
    file = folder / "modules.json"
    file.write_text(json.dumps(json.loads(file.read_text())[:2]))


@pytest.mark.parametrize("changed", [None, pool_first, cut, leave_as_long_as_they_are])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_vectors_are_those_of_sentence_transformers(
    copied: Path, changed: Callable[[Path], None] | None, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if changed is not None:
        changed(copied)
    settings = EmbedderSettings(model=str(copied), dtype=dtype)
    plain, theirs = SentenceTransformersEmbedder(settings), SentenceTransformersEmbedder(settings)
    monkeypatch.setattr(theirs, "_plain", lambda: None)
    texts = [text for text in TEXTS if plain.tokenizer.count(text) <= plain.window_tokens]
    ours = plain.embed_passages(texts)
    assert np.abs(ours - theirs.embed_passages(texts)).max() < 1e-6
    for query in ("leave", "word " * 5000):  # the second is cut
        assert np.abs(plain.embed_query(query) - theirs.embed_query(query)).max() < 1e-6
    some = np.array([0, 101, 2000], np.int32)
    assert (plain.token_embeddings(some) == theirs.token_embeddings(some)).all()
    assert (type(plain._model), type(theirs._model).__name__) == (BertEncoder, "SentenceTransformer")


def test_embedding_does_not_import_sentence_transformers() -> None:
    """What it is for: the import takes longer than everything else at the start of a worker."""
    code = (
        "import sys; from core.settings import Settings; from retrieval.embedding.build import build_embedder;"
        "build_embedder(Settings()).warm_up();"
        "sys.exit('sentence_transformers' in sys.modules or 'transformers' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=300, check=True)


def test_weights_that_are_not_of_the_configuration_are_refused(copied: Path) -> None:
    change(copied / "config.json", num_hidden_layers=7)
    files = plain_bert(copied, 384)
    assert files is not None
    with pytest.raises(RuntimeError, match=r"layers\.6"):
        BertEncoder(files, 256)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("config.json", {"model_type": "mpnet"}),
        ("config.json", {"hidden_act": "gelu_new"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"is_decoder": True}),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}),
        ("1_Pooling/config.json", {"include_prompt": False}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("sentence_bert_config.json", {"model_args": {"dtype": "float16"}}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("tokenizer.json", {"normalizer": None}),
    ],
)
def test_what_is_not_plain_is_left_to_sentence_transformers(copied: Path, file: str, values: dict[str, Any]) -> None:
    assert plain_bert(copied, 384) is not None
    change(copied / file, **values)
    assert plain_bert(copied, 384) is None


def test_other_parts_are_left_to_sentence_transformers(copied: Path) -> None:
    file = copied / "modules.json"
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    file.write_text(json.dumps([*json.loads(file.read_text()), dense]))
    assert plain_bert(copied, 384) is None


def test_a_measure_that_only_transformers_knows_is_left_to_it(copied: Path) -> None:
    file = copied / "config.json"
    values = json.loads(file.read_text())
    del values["layer_norm_eps"]
    file.write_text(json.dumps(values))
    assert plain_bert(copied, 384) is None


@pytest.mark.parametrize("name", ["embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight"])
def test_weights_of_another_kind_are_left_to_sentence_transformers(copied: Path, name: str) -> None:
    """An older name, and half precision."""
    head = json.dumps(
        {name: {"dtype": "F16" if name.endswith("weight") else "F32", "shape": [], "data_offsets": [0, 0]}}
    )
    file = copied / "model.safetensors"
    file.unlink()
    file.write_bytes(len(head).to_bytes(8, "little") + head.encode())
    assert plain_bert(copied, 384) is None


def test_damaged_or_missing_weights_are_not_plain(copied: Path) -> None:
    file = copied / "model.safetensors"
    file.unlink()
    assert plain_bert(copied, 384) is None
    for damaged in (b"not weights", (5).to_bytes(8, "little") + b"{...}"):
        file.write_bytes(damaged)
        assert plain_bert(copied, 384) is None


def test_the_packaged_model_is_plain() -> None:
    folder, _ = locate("packaged")
    files = plain_bert(folder, describe("packaged").dimensions)
    assert files is not None
    assert (files.layers, files.heads, files.width, files.pooling, files.normalise) == (6, 12, 384, "mean", True)
