"""The evidence model of a task, run on the CPU. torch is loaded by the first use, not before."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, ModelUnavailable
from core.verification_settings import EvidenceSettings
from generation.evidence_model.weights import Task, WeightsFile, unusable
from retrieval.embedding.model_files import PACKAGED, describe

_BATCH = 16


def evidence_model(settings: EvidenceSettings, task: Task) -> EvidenceModel | None:
    """The model of a task that the settings name; None where they name none. Loads nothing yet.

    Raises:
        ConfigurationError: its weights aren't there or aren't usable.
    """
    if settings.model is None:
        return None
    return EvidenceModel(task, Path(settings.model).expanduser(), threads=settings.threads)


class EvidenceModel:
    """Tells how likely a sentence answers a question, or a passage supports a statement. Safe to use from threads.

    Args:
        folder: with the task's file of weights.
        threads: of the CPU; 0: all.

    Raises:
        ConfigurationError: the weights aren't there, aren't usable, or were made from another embedder.
    """

    def __init__(self, task: Task, folder: Path, *, threads: int = 1) -> None:
        self._weights = WeightsFile.of(folder, task)
        self._base = describe(PACKAGED)
        self._threads = threads
        self._lock = threading.Lock()
        self._network: Any = None
        self._tokenizer: Any = None
        if self._weights.base != self._base.name:
            raise unusable(
                self._weights.file, f"it was made from {self._weights.base}, and {self._base.name} is installed"
            )

    @property
    def beside_words(self) -> tuple[float, float, float]:
        """How its log odds weigh beside those of shared words: see :class:`WeightsFile`."""
        return self._weights.beside_words

    def warm_up(self) -> None:
        """Load the network. Idempotent.

        Raises:
            ConfigurationError: the weights don't fit the network.
            ModelUnavailable: it can't be loaded.
        """
        with self._lock:
            if self._network is None:
                self._load()

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """For each pair of question and sentence, or statement and passage, from 0 to 1. Blocks.

        What is longer than it reads is cut, the longer text of a pair first.

        Raises:
            ConfigurationError, ModelUnavailable: as :meth:`warm_up`.
        """
        return [1 / (1 + math.exp(-logit)) for logit in self.logits(pairs)]

    def logits(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The same before the last step: calibrated log odds."""
        if not pairs:
            return []
        self.warm_up()
        import torch  # noqa: PLC0415 - seconds and hundreds of megabytes

        from generation.evidence_model.network import batches  # noqa: PLC0415
        from retrieval.embedding.precision import use_threads  # noqa: PLC0415

        use_threads(self._threads)
        found = [0.0] * len(pairs)
        with torch.inference_mode():
            for places, tensors in batches(self._tokenizer, pairs, _BATCH):
                try:
                    read = self._network(*tensors).tolist()
                except RuntimeError as error:
                    raise ModelUnavailable(
                        f"The evidence model can't be run ({type(error).__name__}). Check the free memory."
                    ) from error
                for place, logit in zip(places, read, strict=True):
                    found[place] = self._weights.slope * logit + self._weights.shift
        return found

    def _load(self) -> None:
        from generation.evidence_model.network import pair_tokenizer, restored  # noqa: PLC0415 - torch
        from retrieval.embedding.precision import quantised  # noqa: PLC0415

        self._tokenizer = pair_tokenizer(self._base.folder, self._weights.max_tokens)
        try:
            network = restored(self._base.folder, self._weights.tensors())
        except RuntimeError as error:
            why = " ".join(str(error).split())
            raise unusable(self._weights.file, f"its weights are of another shape than the network ({why})") from error
        except (OSError, ImportError, MemoryError) as error:
            raise ModelUnavailable(f"The evidence model can't be loaded ({type(error).__name__}).") from error
        try:
            self._network = quantised(network, "cpu")
        except ConfigurationError:  # a torch that has left this out: half as fast
            self._network = network
