"""Reranking with a sentence-transformers CrossEncoder. torch is loaded by the first use, not before."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from core.errors import ConfigurationError, ModelUnavailable
from core.logs import get_logger
from core.settings import RerankerSettings

log = get_logger(__name__)


class CrossEncoderReranker:
    """A :class:`retrieval.reranking.port.Reranker`. Safe to use from several threads: one runs at a time.

    Scores are the model's own (for most models a logit or a probability): they order passages of one query and
    mean nothing across queries.

    Raises:
        ConfigurationError: no model is named, or its folder isn't there.
    """

    def __init__(self, settings: RerankerSettings, *, device: str = "auto") -> None:
        if settings.model is None:
            raise ConfigurationError("reranker.model is not set.")
        path = Path(settings.model).expanduser()
        if not path.is_dir() and (path.is_absolute() or settings.model.startswith((".", "~"))):
            raise ConfigurationError(f"reranker.model names the folder {settings.model!r}, which is not there.")
        self._path = str(path) if path.is_dir() else settings.model
        self.name = path.resolve().name if path.is_dir() else settings.model
        self._batch_size = settings.batch_size
        self._device = device
        self._lock = threading.Lock()
        self._model: Any = None

    def warm_up(self) -> None:
        """Load the model and run it once. Idempotent."""
        with self._lock:
            loaded = self._model is not None
        if not loaded:
            self.score("warm up", ["a passage"])

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given, the higher the better; what is past the model's length is cut.

        Raises:
            ModelUnavailable: the model can't be loaded or run.
        """
        if not passages:
            return []
        with self._lock:
            try:
                model = self._load() if self._model is None else self._model
                pairs = [(query, passage) for passage in passages]
                raw = model.predict(pairs, batch_size=self._batch_size, show_progress_bar=False)
            except (OSError, ImportError, RuntimeError, ValueError, SafetensorError) as error:
                raise ModelUnavailable(
                    f"The reranker {self.name} can't be {'run' if self._model else 'loaded'} "
                    f"({type(error).__name__}). Set reranker.model to a folder that holds it, or unset it."
                ) from error
        if raw.ndim != 1:
            raise ConfigurationError(f"{self.name} gives {raw.shape[1]} labels a pair: a reranker gives one score.")
        return [float(score) for score in raw]

    def _load(self) -> Any:
        from sentence_transformers import CrossEncoder  # noqa: PLC0415 - seconds and hundreds of megabytes
        from transformers.utils import logging as transformers_logging  # noqa: PLC0415

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
        device = None if self._device == "auto" else self._device
        self._model = CrossEncoder(self._path, device=device)
        log.info("reranker.loaded", model=self.name, device=str(self._model.device))
        return self._model
