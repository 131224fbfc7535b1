"""The evidence model: weights that are read, and weights that can't be used. They are the embedder's, untrained."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from core.errors import ConfigurationError
from core.verification_settings import EvidenceSettings
from eval.training.evidence.making import compressed
from generation.build import build_support
from generation.evidence_model.model import EvidenceModel, evidence_model
from generation.evidence_model.network import from_base
from generation.evidence_model.weights import FORMAT
from generation.verification.evidence_support import EvidenceSupport
from retrieval.embedding.model_files import PACKAGED, describe

ABOUT = {
    "format": FORMAT,
    "task": "supports",
    "base": describe(PACKAGED).name,
    "max_tokens": 64,
    "slope": 2,
    "shift": 1,
}
NAME = "supports.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    made = tmp_path_factory.mktemp("evidence")
    save_file(compressed(from_base(describe(PACKAGED).folder)), made / NAME, {"evidence": json.dumps(ABOUT)})
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> EvidenceModel:
    found = evidence_model(EvidenceSettings(model=str(folder)), "supports")
    assert found is not None
    return found


def _file(folder: Path, **changes: object) -> Path:
    save_file({"score.bias": np.zeros(1, np.float32)}, folder / NAME, {"evidence": json.dumps(ABOUT | changes)})
    return folder


def test_what_stands_beside_a_pair_does_not_change_it(model: EvidenceModel) -> None:
    pair = ("When is payroll run?", "Salaries are paid on the last working day.")
    alone = model.logits([pair])[0]
    among = model.logits([("Who?", "Nobody. " * 60), pair, ("What is it?", "It.")])[1]
    assert among == pytest.approx(alone, abs=0.05)  # int8 of what comes in is made of a batch together
    assert model.logits([("Who leads?", "The printer takes paper.")])[0] != pytest.approx(alone, abs=1e-4)


def test_a_probability_is_that_of_the_calibrated_logit(model: EvidenceModel) -> None:
    pair = ("a", "b")
    assert model.probabilities([pair])[0] == pytest.approx(1 / (1 + math.exp(-model.logits([pair])[0])))
    assert model.probabilities([]) == []


def test_a_text_longer_than_it_reads_is_cut(model: EvidenceModel) -> None:
    assert 0 < model.probabilities([("word " * 3000, "word " * 3000)])[0] < 1


def test_it_is_used_where_the_settings_name_it(folder: Path, embedder: object) -> None:
    support = build_support(EvidenceSettings(model=str(folder)), embedder)  # type: ignore[arg-type]
    assert isinstance(support, EvidenceSupport)
    support.warm_up()
    assert 0 < support.probabilities("The office opens at eight.", ["The office opens at eight every day."])[0] < 1
    assert evidence_model(EvidenceSettings(), "supports") is None


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"evidence\.model: .*supports\.safetensors is not there.*footnote train"
    ):
        EvidenceModel("supports", tmp_path)


def test_a_file_that_is_no_weights(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\x00" * 40)
    with pytest.raises(ConfigurationError, match=r"evidence\.model: .* is not usable: it can't be read"):
        EvidenceModel("supports", tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "something-else"}, "isn't of the format"),
        ({"task": "answers"}, "isn't of the format"),
        ({"base": "other-00000000"}, "was made from other-00000000"),
        ({"slope": None}, "what it says of itself"),
        ({"max_tokens": "many"}, "what it says of itself"),
        ({"beside_words": [1]}, "what it says of itself"),
    ],
)
def test_weights_of_another_kind(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        EvidenceModel("supports", _file(tmp_path, **changes))


def test_weights_that_lack_tensors(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"of another shape .*tensors are missing"):
        EvidenceModel("supports", _file(tmp_path)).warm_up()


def test_weights_of_another_shape(tmp_path: Path, folder: Path) -> None:
    tensors = load_file(folder / NAME)
    tensors["hidden.bias"] = np.zeros(7, np.float32)
    save_file(tensors, tmp_path / NAME, {"evidence": json.dumps(ABOUT)})
    with pytest.raises(ConfigurationError, match=r"of another shape .*hidden\.bias"):
        EvidenceModel("supports", tmp_path).warm_up()
