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
from eval.answers.evidence import auroc, fit_logistic
from eval.progress import Progress
from eval.training.evidence.answers import training_groups
from eval.training.evidence.fitting import Fitting, fit, predict
from eval.training.evidence.pairs import Pair
from eval.training.evidence.supports import training_pairs
from generation.evidence_model.network import FROZEN, EvidenceNetwork, pair_tokenizer
from generation.evidence_model.weights import FORMAT, SCALE, Task, weights_file
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
    about = {
        "format": FORMAT,
        "task": task,
        "base": base.name,
        "max_tokens": how.max_tokens,
        "slope": slope,
        "shift": shift,
        "trained": {**asdict(how), "pairs": sum(map(len, learning)), "torch": torch.__version__},
        "dev": {"pairs": len(dev), "auroc": auroc(logits, labels)},
    }
    save_file(compressed(network), weights_file(out, task), {"evidence": json.dumps(about)})
    return about


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
