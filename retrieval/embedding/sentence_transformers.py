"""Embedding with a sentence-transformers model. torch is loaded by the first embedding, not before."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from core.chunk import Vector, Vectors
from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.logs import get_logger
from core.settings import EmbedderSettings
from retrieval.embedding.batches import by_length
from retrieval.embedding.model_files import describe
from retrieval.embedding.port import Tokenizer
from retrieval.embedding.precision import (
    Dtype,
    autocast,
    cast_linear_weights,
    choose_batch_size,
    choose_device,
    choose_dtype,
    leave_cores_to_torch,
    use_threads,
)
from retrieval.embedding.text_cache import TextCache
from retrieval.embedding.token_table import input_embeddings
from retrieval.embedding.tokenizer import FileTokenizer
from retrieval.embedding.turns import Turns

log = get_logger(__name__)

_SENTENCE_CHARS = 600
"""Texts up to this length are remembered; an answer weighs none that is longer."""
_SENTENCES_BYTES = 32_000_000
_TOKENS_BYTES = 16_000_000


class SentenceTransformersEmbedder:
    """An :class:`retrieval.embedding.port.Embedder` on CPU or GPU. Safe to use from several threads.

    A lock is held for a batch at a time: a query waits for a batch of passages, not for all of them. Where passages
    take one thread, as in the service, as many batches run at once as there are cores, and a query has a turn of its
    own. A query is embedded in one thread: in several, each of a model's many short steps waits for a thread that may
    have lost its core to somebody else.

    Vectors of short texts are remembered: the sentences of the same passages are weighed for many questions.

    Raises:
        ConfigurationError: the model isn't there or isn't usable.
        ModelUnavailable: it must be downloaded first and can't be.
    """

    def __init__(self, settings: EmbedderSettings) -> None:
        self._settings = settings
        self._files = describe(settings.model)
        self._counter = FileTokenizer(self._files.folder / "tokenizer.json")
        self.name = self._files.name
        self.dimensions = self._files.dimensions
        self.tokenizer: Tokenizer = self._counter
        prompt = self._counter.count(self._files.document_prompt)
        self.window_tokens = self._files.max_tokens - self._counter.special_tokens - prompt
        if self.window_tokens < 1:
            raise ConfigurationError(f"{self.name} reads {self._files.max_tokens} tokens, all taken by its prompt.")
        self._lock = threading.Lock()
        self._model: Any = None
        self._turns: Turns[Any] | None = None
        self._sentences = TextCache(self._embed_all, _SENTENCES_BYTES)
        self._table: Vectors | None = None
        self._tokens = TextCache(self._counter.ids, _TOKENS_BYTES)
        self._device = "cpu"
        self._dtype: Dtype = "float32"

    def warm_up(self) -> None:
        """Load the model and run it once. Idempotent."""
        with self._lock:
            loaded = self._model is not None
        if not loaded:
            self.embed_query("warm up")

    def embed_query(self, query: str) -> Vector:
        """Embed one query with the model's query prompt; what is past the model's length is cut."""
        vector: Vector = self._run([query], query=True)[0]
        return vector

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Embed windows, longest first, returned in the order given.

        Raises:
            ValueError: a text is longer than a window: it would be cut without a word.
            ModelUnavailable: the model can't be loaded or run.
        """
        if texts and max(map(len, texts)) <= _SENTENCE_CHARS:
            sentences = np.stack(self._sentences(texts))
            if progress is not None:
                progress(len(texts))
            return sentences
        return self._embed(texts, progress)

    def _embed_all(self, texts: Sequence[str]) -> list[Vectors]:
        return [vector.copy() for vector in self._embed(texts, None)]  # not a view, which would keep all of them

    def _embed(self, texts: Sequence[str], progress: Callable[[int], None] | None) -> Vectors:
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        lengths = self._counter.counts(list(texts))
        if texts and max(lengths) > self.window_tokens:
            raise ValueError(f"a text of {max(lengths)} tokens doesn't fit in a window of {self.window_tokens}")
        if not texts:
            return vectors
        self.warm_up()  # the device, and with it the size of a batch, is known once the model is loaded
        size = choose_batch_size(self._settings.batch_size, self._device)
        for batch in by_length(lengths, window=self.window_tokens, batch_size=size):
            vectors[batch] = self._run([texts[position] for position in batch], query=False)
            if progress is not None:
                progress(len(batch))
        return vectors

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """The tokens of each whole text, in order, special ones left out. Doesn't load the model."""
        return self._tokens(texts)

    def token_embeddings(self, tokens: NDArray[np.int32]) -> Vectors:
        """The input embeddings of these tokens, shape (tokens, width); zeros for tokens added without one.

        Raises:
            ModelUnavailable: the model can't be loaded, or has no such embeddings.
        """
        if self._table is None:
            self.warm_up()
            self._table = input_embeddings(self._model, self.name)
        known = tokens < len(self._table)
        vectors: Vectors = np.where(known[:, None], self._table[np.where(known, tokens, 0)], np.float32(0))
        return vectors

    def _run(self, texts: list[str], *, query: bool) -> Vectors:
        try:
            with self._loaded().turn(reserved=query) as model:
                raw = self._encode(model, texts, query=query)
        except FootnoteError:
            raise
        except (OSError, ImportError, RuntimeError, ValueError, SafetensorError) as error:
            raise ModelUnavailable(
                f"The embedding model {self.name} can't be {'run' if self._model else 'loaded'} "
                f"({type(error).__name__}). Check its folder, {self._files.folder}, and the free memory."
            ) from error
        if raw.shape != (len(texts), self.dimensions):
            raise ConfigurationError(
                f"{self.name} gives vectors of {raw.shape[-1]} numbers, but its files say {self.dimensions}."
            )
        return _unit(raw)

    def _loaded(self) -> Turns[Any]:
        with self._lock:
            if self._turns is None:
                self._load()
                apart = self._device == "cpu" and self._settings.threads == 1
                self._turns = Turns.of(self._model, os.cpu_count() or 1) if apart else Turns([self._model])
            return self._turns

    def _encode(self, model: Any, texts: list[str], *, query: bool) -> Vectors:
        """Run one batch; one that doesn't fit in the GPU's memory is run in halves."""
        import torch  # noqa: PLC0415 - seconds and hundreds of megabytes

        use_threads(1 if query else self._settings.threads)
        encode = model.encode_query if query else model.encode_document
        prompt = self._files.query_prompt if query else self._files.document_prompt
        try:
            with autocast(self._dtype, self._device):
                vectors = encode(texts, prompt=prompt, batch_size=len(texts), show_progress_bar=False)
            return np.asarray(vectors, dtype=np.float32)
        except torch.OutOfMemoryError:
            if len(texts) == 1:
                raise
            torch.cuda.empty_cache()
        half = len(texts) // 2
        parts = (texts[:half], texts[half:])
        return np.vstack([self._encode(model, part, query=query) for part in parts])

    def _load(self) -> None:
        import torch  # noqa: PLC0415
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415
        from transformers.utils import logging as transformers_logging  # noqa: PLC0415

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
        self._device = choose_device(self._settings.device)
        self._dtype = choose_dtype(self._settings.dtype, self._device)
        model = SentenceTransformer(str(self._files.folder), device=self._device, local_files_only=True)
        model.max_seq_length = self._files.max_tokens
        if self._device != "cpu" and self._dtype != "float32":
            model = model.to(getattr(torch, self._dtype))
        elif self._dtype == "bfloat16":
            cast_linear_weights(model)
        if self._device == "cpu":
            leave_cores_to_torch()
        self._model = model.eval()
        log.info("embedder.loaded", model=self.name, device=self._device, dtype=self._dtype)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return scaled
