"""Embedding on a server: whole batches, further tries, and a look at every vector that comes back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np

from core.chunk import Vector, Vectors
from core.errors import ConfigurationError, ModelUnavailable, UnreadableDocument
from core.model_settings import RemoteEmbedderSettings
from core.telemetry import MODEL_TOKENS
from retrieval.embedding.port import Tokenizer
from retrieval.embedding.rough_tokenizer import RoughTokenizer
from retrieval.embedding.text_cache import TextCache
from retrieval.embedding.tokenizer import FileTokenizer
from retrieval.embedding.windows import readable
from retrieval.remote.answers import Refused
from retrieval.remote.http import Attempts

_PASSAGES_BYTES, _QUERIES_BYTES = 64_000_000, 8_000_000
_HARMLESS = "The office opens at eight."
"""What every model takes: if it is refused as well, no text is to blame."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A response: a row of numbers for each text, as the server sent them, and the tokens that it counted."""

    rows: Sequence[object]
    tokens: int


class EmbeddingService(Protocol):
    """One request to a server that embeds.

    Attributes:
        where: names the model in messages.
        most_texts: texts that one request can hold.
    """

    where: str
    most_texts: int

    def embed(self, texts: Sequence[str], timeout_s: float, *, query: bool) -> Embedded:
        """Raises ModelUnavailable, with its kinds ``Transient`` and ``Refused`` told apart."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class RemoteEmbedder:
    """An :class:`retrieval.embedding.port.Embedder` on a server. Safe to use from several threads.

    Vectors are remembered by their texts: what was paid for isn't paid for again soon.

    Args:
        name: the model's, without the length of its vectors, which is put behind it.

    Raises:
        ConfigurationError: no length is set, the tokenizer can't be read, or the prompt fills the window.
    """

    def __init__(
        self, name: str, settings: RemoteEmbedderSettings, service: EmbeddingService, attempts: Attempts | None = None
    ) -> None:
        if settings.dimensions is None:
            raise ConfigurationError(
                f"embedder.remote.dimensions must say how long the vectors of {name} are: 3072 for "
                "text-embedding-3-large, 1024 for amazon.titan-embed-text-v2:0."
            )
        self.dimensions = settings.dimensions
        self.name = f"{name}@{settings.dimensions}{_prompts_digest(settings)}"
        self._counter = FileTokenizer(settings.tokenizer) if settings.tokenizer else RoughTokenizer()
        self.tokenizer: Tokenizer = self._counter
        prompt = self._counter.count(settings.passage_prompt)
        self.window_tokens = settings.window_tokens - self._counter.special_tokens - prompt
        if self.window_tokens < 1:
            raise ConfigurationError("embedder.remote.passage_prompt fills embedder.remote.window_tokens.")
        self._settings = settings
        self._service = service
        self._attempts = attempts or Attempts(settings.attempts)
        self._passages = TextCache(self._request_passages, _PASSAGES_BYTES)
        self._queries = TextCache(self._request_queries, _QUERIES_BYTES)

    def warm_up(self) -> None:
        """Ask the server once, so that a wrong setting is known before the first question. Idempotent."""
        self.embed_query("warm up")

    def close(self) -> None:
        """Let go of connections."""
        self._service.close()

    def embed_query(self, query: str) -> Vector:
        """Embed one query with the query prompt; what is past the model's length is cut.

        Raises:
            ModelUnavailable: no vector in ``embedder.remote.query_timeout_s``.
        """
        (vector,) = self._queries([readable(query, self)])
        return vector

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Embed windows, longest first, returned in the order given.

        Raises:
            ValueError: a text is longer than a window.
            UnreadableDocument: the server takes other texts, and refuses one of these.
            ModelUnavailable: the server doesn't answer, refuses us, or sends vectors that can't be of this model.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        places: dict[str, list[int]] = {}
        for at, text in enumerate(texts):
            places.setdefault(text, []).append(at)
        once = list(places)
        lengths = self._counter.counts(once)
        if texts and max(lengths) > self.window_tokens:
            raise ValueError(f"a text of {max(lengths)} tokens doesn't fit in a window of {self.window_tokens}")
        batches = list(self._batches(lengths))
        with ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="embed") as threads:
            made = threads.map(lambda batch: self._split([once[at] for at in batch]), batches)
            try:
                for batch, rows in zip(batches, made, strict=True):
                    for at, row in zip(batch, rows, strict=True):
                        vectors[places[once[at]]] = row
                    if progress is not None:
                        progress(sum(len(places[once[at]]) for at in batch))
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return vectors

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Positions, longest texts first, within the limits of one request."""
        most = min(self._settings.batch_texts, self._service.most_texts)
        batch: list[int] = []
        tokens = 0
        for at in sorted(range(len(lengths)), key=lambda at: (-lengths[at], at)):
            if batch and (len(batch) == most or tokens + lengths[at] > self._settings.batch_tokens):
                yield batch
                batch, tokens = [], 0
            batch.append(at)
            tokens += lengths[at]
        if batch:
            yield batch

    def _split(self, texts: list[str]) -> list[Vector]:
        """Vectors of the texts; a batch that is refused goes again in halves, down to the text that is to blame."""
        try:
            return self._passages(texts)
        except Refused as error:
            if len(texts) == 1:
                raise self._blamed(texts[0], error) from error
        half = len(texts) // 2
        return [*self._split(texts[:half]), *self._split(texts[half:])]

    def _blamed(self, text: str, error: Refused) -> UnreadableDocument | ModelUnavailable:
        try:
            self._passages([_HARMLESS])
        except Refused:
            return ModelUnavailable(
                f"{self._service.where} takes no text at all (HTTP {error.refused_with}): check embedder.model, and "
                "embedder.remote.shorten where the model can't shorten its vectors."
            )
        return UnreadableDocument(
            f"{self._service.where} refuses a text of {len(text)} characters, {self._counter.count(text)} tokens by "
            f"embedder.remote.tokenizer's count (HTTP {error.refused_with}). If it is too long for the model, lower "
            "embedder.remote.window_tokens or name the model's own tokenizer."
        )

    def _request_passages(self, texts: list[str]) -> list[Vector]:
        prompted = [self._settings.passage_prompt + text for text in texts]

        def request() -> Embedded:
            return self._service.embed(prompted, self._settings.timeout_s, query=False)

        return self._checked(self._attempts.run(request, math.inf, part="embedder"), len(texts))

    def _request_queries(self, texts: list[str]) -> list[Vector]:
        prompted = [self._settings.query_prompt + text for text in texts]
        due = self._attempts.monotonic() + self._settings.query_timeout_s

        def request() -> Embedded:
            return self._service.embed(prompted, max(0.01, due - self._attempts.monotonic()), query=True)

        return self._checked(self._attempts.run(request, due, part="embedder"), len(texts))

    def _checked(self, made: Embedded, count: int) -> list[Vector]:
        """Unit vectors, each with memory of its own."""
        where = self._service.where
        if len(made.rows) != count:
            raise ModelUnavailable(f"{where} sends {len(made.rows)} vectors for {count} texts.")
        MODEL_TOKENS.labels("embedder", "input").inc(made.tokens)
        return [self._unit(row, where) for row in made.rows]

    def _unit(self, row: object, where: str) -> Vector:
        try:
            vector = np.asarray(row)
        except ValueError:  # rows within the row, of several lengths
            vector = np.asarray(None)
        if vector.ndim != 1 or vector.dtype.kind not in "fi":
            raise ModelUnavailable(f"{where} sends something else than numbers for a vector.")
        if len(vector) != self.dimensions:
            raise ModelUnavailable(
                f"{where} sends vectors of {len(vector)} numbers, and embedder.remote.dimensions is {self.dimensions}. "
                "Set it to what the model has, or embedder.remote.shorten if the model can shorten its vectors."
            )
        numbers = vector.astype(np.float64)
        length = float(np.linalg.norm(numbers))
        if not math.isfinite(length) or length == 0:
            raise ModelUnavailable(f"{where} sends a vector of no direction: zeros, or what isn't a number.")
        unit: Vector = (numbers / length).astype(np.float32)
        return unit


def _prompts_digest(settings: RemoteEmbedderSettings) -> str:
    """Other prompts make other vectors."""
    prompts = (settings.query_prompt, settings.passage_prompt)
    return f"-{blake2b(repr(prompts).encode(), digest_size=4).hexdigest()}" if any(prompts) else ""
