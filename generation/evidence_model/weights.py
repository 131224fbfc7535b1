"""The file of a task's weights: int8 with a scale a row where there are many, and what its scores mean.

It holds everything but the embeddings of words and places, which stay those of the packaged embedder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from core.chunk import Vectors
from core.errors import ConfigurationError

Task = Literal["answers", "supports"]
FORMAT = "footnote-evidence-1"
SCALE = ".scale"
"""Follows the name of a tensor of int8: the name of its rows' scales."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A file of weights whose head has been read.

    Attributes:
        base: the name of the embedder that it was made from.
        max_tokens: of both texts together, special tokens included.
        slope, shift: a logit is multiplied and shifted so, and then is that of a calibrated probability.
        beside_words: of a logistic regression: 1, these calibrated log odds, and those of shared words.
    """

    file: Path
    base: str
    max_tokens: int
    slope: float
    shift: float
    beside_words: tuple[float, float, float]

    @classmethod
    def of(cls, folder: Path, task: Task) -> WeightsFile:
        """Find a task's weights in a folder of the evidence model, and read what they are.

        Raises:
            ConfigurationError: they aren't there, or aren't weights of this task and version.
        """
        file = weights_file(folder, task)
        if not file.is_file():
            raise ConfigurationError(
                f"evidence.model: {file} is not there. Make it with `footnote train evidence --out FOLDER`, or leave "
                "evidence.model out."
            )
        about = _opened(file, lambda opened: json.loads((opened.metadata() or {}).get("evidence", "{}")))
        if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("task") != task:
            raise unusable(file, f"it isn't of the format {FORMAT} for {task}")
        try:
            numbers = int(about["max_tokens"]), float(about["slope"]), float(about["shift"])
            bias, own, shared = map(float, about.get("beside_words", (0, 1, 0)))
            return cls(file, str(about["base"]), *numbers, (bias, own, shared))
        except (KeyError, TypeError, ValueError) as error:
            raise unusable(file, f"what it says of itself lacks something: {error}") from error

    def tensors(self) -> dict[str, Vectors]:
        """The tensors by name, as fp32. Raises ConfigurationError: they can't be read."""
        stored = _opened(self.file, lambda opened: {name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118
        return {name: _plain(name, stored) for name in stored if not name.endswith(SCALE)}


def weights_file(folder: Path, task: Task) -> Path:
    """Where a task's weights are in a folder of the evidence model."""
    return folder / f"{task}.safetensors"


def unusable(file: Path, why: str) -> ConfigurationError:
    """The error of weights that can't be used, with what to do."""
    return ConfigurationError(
        f"evidence.model: {file} is not usable: {why}. Make it anew with `footnote train evidence`, or leave "
        "evidence.model out."
    )


def _opened(file: Path, read: Any) -> Any:
    try:
        with safe_open(str(file), framework="numpy") as opened:  # type: ignore[no-untyped-call, unused-ignore]
            return read(opened)
    except (SafetensorError, OSError, ValueError) as error:
        raise unusable(file, f"it can't be read ({error})") from error


def _plain(name: str, stored: Mapping[str, Vectors]) -> Vectors:
    tensor = np.asarray(stored[name], dtype=np.float32)
    scale = stored.get(name + SCALE)
    return tensor if scale is None else tensor * np.asarray(scale, dtype=np.float32)[:, None]
