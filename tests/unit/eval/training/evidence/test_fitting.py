"""Training the evidence model: on few pairs, with the packaged embedder's real weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.numpy import save_file

from eval.progress import unseen
from eval.training.evidence import fitting
from eval.training.evidence.fitting import Fitting, fit, predict
from eval.training.evidence.making import compressed
from eval.training.evidence.pairs import Pair
from generation.evidence_model.network import pair_tokenizer, restored
from generation.evidence_model.weights import WeightsFile
from retrieval.embedding.model_files import PACKAGED, describe

BASE = describe(PACKAGED).folder
HOW = Fitting(batch=4, epochs=1, max_tokens=24)
GROUPS = [
    [
        Pair(
            "t",
            f"g{number}",
            f"What is the price of {thing}?",
            f"The price of {thing} is {number} dollars.",
            label=True,
        ),
        Pair("t", f"g{number}", f"What is the price of {thing}?", "Nobody was there.", label=False),
    ]
    for number, thing in enumerate(("tea", "bread", "ink", "glass"))
]


def test_it_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_KEEP_EVERY", 1)
    tokenizer = pair_tokenizer(BASE, HOW.max_tokens)
    whole = fit(GROUPS, BASE, tokenizer, HOW, kept=tmp_path / "whole", progress=unseen)

    def stop(what: str, done: int, total: int) -> None:
        assert total == 2
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(GROUPS, BASE, tokenizer, HOW, kept=tmp_path / "half", progress=stop)
    told: list[int] = []
    rest = fit(GROUPS, BASE, tokenizer, HOW, kept=tmp_path / "half", progress=lambda what, done, of: told.append(done))
    assert told[0] == 1
    for name, tensor in whole.state_dict().items():
        assert torch.allclose(tensor, rest.state_dict()[name], atol=1e-5), name


def test_what_is_stored_says_what_was_trained(tmp_path: Path) -> None:
    tokenizer = pair_tokenizer(BASE, HOW.max_tokens)
    network = fit(GROUPS, BASE, tokenizer, HOW, kept=tmp_path / "kept", progress=unseen)
    pairs = [(one.first, one.second) for group in GROUPS for one in group]
    before = predict(network, tokenizer, pairs, unseen)
    save_file(compressed(network), tmp_path / "answers.safetensors")
    tensors = WeightsFile(tmp_path / "answers.safetensors", "", 24, 1, 0, (0, 1, 0)).tensors()
    after = predict(restored(BASE, tensors), tokenizer, pairs, unseen)
    assert after == pytest.approx(before, abs=0.05)
    assert (tmp_path / "answers.safetensors").stat().st_size < 12e6
