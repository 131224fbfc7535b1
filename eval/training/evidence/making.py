"""From data to a file of weights: train, calibrate on what wasn't trained with, make int8 of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from core.chunk import Vectors
from core.settings import EmbedderSettings, Settings
from eval.answers.evidence import auroc, fit_logistic
from eval.progress import Progress
from eval.training.evidence.answers import training_groups
from eval.training.evidence.fitting import Fitting, fit, predict
from eval.training.evidence.pairs import Pair
from eval.training.evidence.supports import training_pairs
from generation.evidence_model.network import FROZEN, EvidenceNetwork, pair_tokenizer
from generation.evidence_model.weights import FORMAT, SCALE, Task, weights_file
from generation.verification.evidence_support import log_odds
from generation.verification.overlap import OverlapSupport
from retrieval.embedding.build import build_embedder
from retrieval.embedding.model_files import PACKAGED, describe

_WHOLE = 2
"""Dimensions from which a tensor is kept in int8."""


def make(task: Task, data: Path, out: Path, how: Fitting, progress: Progress) -> dict[str, Any]:
    """Train a task's network and write it to ``out``; what is told of it for its card.

    Raises:
        DatasetError: data isn't there.
        ConfigurationError: the packaged embedder isn't installed.
    """
    base = describe(PACKAGED)
    if task == "answers":
        groups: Sequence[Sequence[Pair]] = training_groups(data / "evidence", how.seed)
    else:
        groups = [[pair] for pair in training_pairs(data, how.seed)]
    learning = [group for group in groups if not group[0].dev]
    dev = [pair for group in groups if group[0].dev for pair in group]
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = pair_tokenizer(base.folder, how.max_tokens)
    network = fit(learning, base.folder, tokenizer, how, kept=out / f"{task}.checkpoint", progress=progress)
    logits = predict(network, tokenizer, [(one.first, one.second) for one in dev], progress)
    labels = [one.label for one in dev]
    shift, slope = (float(one) for one in fit_logistic(np.asarray(logits)[:, None], labels))
    about: dict[str, Any] = {
        "format": FORMAT,
        "task": task,
        "base": base.name,
        "max_tokens": how.max_tokens,
        "slope": slope,
        "shift": shift,
        "trained": {**asdict(how), "pairs": sum(map(len, learning)), "torch": torch.__version__},
        "dev": {"pairs": len(dev), "auroc": auroc(logits, labels)},
    }
    if task == "supports":
        own = [slope * logit + shift for logit in logits]
        about["beside_words"], about["dev"]["auroc_beside_words"] = beside_words(dev, own)
    save_file(compressed(network), weights_file(out, task), {"evidence": json.dumps(about)})
    return about


def beside_words(dev: Sequence[Pair], own: Sequence[float]) -> tuple[list[float], float]:
    """How the model's log odds weigh beside those of shared words, and the AUROC of both together on these pairs.

    Of the pairs that people wrote: nearly all words of a changed sentence are its source's.
    """
    words = OverlapSupport(build_embedder(Settings(embedder=EmbedderSettings(threads=1))))
    rows = [
        (one, log_odds(words.probabilities(pair.first, [pair.second])[0]), pair.label)
        for pair, one in zip(dev, own, strict=True)
        if pair.source != "made"
    ]
    features, labels = np.asarray([row[:2] for row in rows]), [row[2] for row in rows]
    weights = fit_logistic(features, labels)
    return [float(one) for one in weights], auroc(list(features @ weights[1:]), labels)


def compressed(network: EvidenceNetwork) -> dict[str, Vectors]:
    """The network's tensors but the frozen ones: matrices as int8 with a scale a row, the rest as they are."""
    found: dict[str, Vectors] = {}
    for name, tensor in network.state_dict().items():
        if name in FROZEN or not tensor.is_floating_point():
            continue
        values = tensor.numpy().astype(np.float32)
        if values.ndim < _WHOLE:
            found[name] = values
            continue
        scale = np.maximum(np.abs(values).max(axis=1), 1e-12) / 127
        found[name] = np.round(values / scale[:, None]).astype(np.int8)
        found[name + SCALE] = scale.astype(np.float32)
    return found
