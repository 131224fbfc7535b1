"""Reranking with a sentence-transformers CrossEncoder. torch is loaded by the first use, not before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.logs import get_logger
from core.settings import RerankerSettings
from retrieval.embedding.batches import by_length
from retrieval.embedding.precision import Dtype, autocast, choose_device, choose_dtype, quantised, use_threads

log = get_logger(__name__)

_CHARACTERS_A_TOKEN = 4
"""Enough to sort by: counting tokens means to tokenise everything twice."""


class CrossEncoderReranker:
    """A :class:`retrieval.reranking.port.Reranker`. Safe to use from several threads: one runs at a time.

    Scores are the model's logits, whatever it makes of them by itself: a sigmoid would push the best ones together
    near 1, where a mix with other scores can't tell them apart. They order passages of one query and mean nothing
    across queries.

    Args:
        device: ``auto``, or as torch names it.
        monotonic: seconds.

    Raises:
        ConfigurationError: no model is named, or its folder isn't there.
    """

    def __init__(
        self, settings: RerankerSettings, *, device: str = "auto", monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if settings.model is None:
            raise ConfigurationError("reranker.model is not set.")
        path = Path(settings.model).expanduser()
        if not path.is_dir() and (path.is_absolute() or settings.model.startswith((".", "~"))):
            raise ConfigurationError(f"reranker.model names the folder {settings.model!r}, which is not there.")
        self._path = str(path) if path.is_dir() else settings.model
        self.name = path.resolve().name if path.is_dir() else settings.model
        self._settings = settings
        self._wanted_device = device
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._model: Any = None
        self._device = "cpu"
        self._dtype: Dtype = "float32"

    def warm_up(self) -> None:
        """Load the model and run it once. Idempotent."""
        if self._model is None:
            self.score("warm up", ["a passage"])

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given, the higher the better; what is past the model's length is cut.

        Raises:
            ModelUnavailable: the model can't be loaded or run, or wasn't done in ``reranker.deadline_ms``. Loading it
                doesn't count. A batch that has begun is run to its end.
        """
        if not passages:
            return []
        if self._model is None:
            with self._lock, self._failures():
                self._model = self._model or self._load()
        due = self._monotonic() + self._settings.deadline_ms / 1000
        if not self._lock.acquire(timeout=self._settings.deadline_ms / 1000):
            raise self._too_late(0, len(passages))
        try:
            with self._failures():
                return self._score(query, passages, due)
        finally:
            self._lock.release()

    def _score(self, query: str, passages: Sequence[str], due: float) -> list[float]:
        window = int(self._model.max_seq_length or 512)
        lengths = [min(window, (len(query) + len(passage)) // _CHARACTERS_A_TOKEN) for passage in passages]
        scores = [0.0] * len(passages)
        done = 0
        for batch in by_length(lengths, window=window, batch_size=self._settings.batch_size):
            if self._monotonic() > due:
                raise self._too_late(done, len(passages))
            for place, score in zip(batch, self._run([(query, passages[at]) for at in batch]), strict=True):
                scores[place] = score
            done += len(batch)
        return scores

    def _run(self, pairs: list[tuple[str, str]]) -> list[float]:
        import torch  # noqa: PLC0415 - seconds and hundreds of megabytes

        use_threads(0)
        with autocast(self._dtype, self._device):
            raw = self._model.predict(
                pairs, batch_size=len(pairs), activation_fn=torch.nn.Identity(), show_progress_bar=False
            )
        if raw.ndim != 1:
            raise ConfigurationError(f"{self.name} gives {raw.shape[1]} labels a pair: a reranker gives one score.")
        scores: list[float] = raw.tolist()
        return scores

    def _load(self) -> Any:
        from sentence_transformers import CrossEncoder  # noqa: PLC0415 - seconds and hundreds of megabytes
        from transformers.utils import logging as transformers_logging  # noqa: PLC0415

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
        self._device = choose_device(self._wanted_device)
        wanted = self._settings.dtype
        self._dtype = "float32" if wanted == "int8" else choose_dtype(wanted, self._device, "reranker.dtype")
        model: Any = CrossEncoder(self._path, device=self._device)
        if wanted == "int8":
            model = quantised(model, self._device)
        elif self._device != "cpu" and self._dtype != "float32":
            import torch  # noqa: PLC0415

            model = model.to(getattr(torch, self._dtype))
        log.info("reranker.loaded", model=self.name, device=self._device, dtype=wanted)
        return model.eval()

    def _too_late(self, done: int, of: int) -> ModelUnavailable:
        return ModelUnavailable(
            f"The reranker {self.name} had read {done} of {of} passages after {self._settings.deadline_ms} ms. "
            "Raise reranker.deadline_ms, lower reranker.depth, or use a smaller model."
        )

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except FootnoteError:
            raise
        except (OSError, ImportError, RuntimeError, ValueError, SafetensorError) as error:
            raise ModelUnavailable(
                f"The reranker {self.name} can't be {'run' if self._model else 'loaded'} "
                f"({type(error).__name__}). Set reranker.model to a folder that holds it, or unset it."
            ) from error
