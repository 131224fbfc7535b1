"""Several embedders as one: what one of them misses, another may see."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.chunk import Vector, Vectors
from core.errors import ConfigurationError
from retrieval.embedding.port import Embedder, TokenEmbeddings, Tokenizer

BETWEEN = " + "
_TIMES = "*"
_LONGEST_SPAN = 16
"""Characters of a token, above which it is no place for another model's window to end: one model's unknown word of a
thousand letters is another one's five hundred tokens."""


class PartEmbedder(Embedder, TokenEmbeddings, Protocol):
    """An embedder that is made of tokens."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the models that a value of ``embedder.model`` names, and how much its cosines count."""

    model: str
    weight: float = 1.0

    def __str__(self) -> str:
        return self.model if self.weight == 1 else f"{self.weight:g}{_TIMES}{self.model}"


def model_folder(model: str) -> Path | None:
    """The absolute path of the folder that a model's name is the path of; None where it is no folder's."""
    try:
        folder = Path(model).expanduser()
        return folder.resolve() if folder.is_dir() else None
    except (OSError, RuntimeError):  # too long for a path, closed to us, or in a home that nobody has
        return None


def parts_of(model: str) -> list[Part]:
    """The models in a value of ``embedder.model``: ``packaged + 2*/models/bge-small`` names two.

    A folder of that very name is one model.

    Raises:
        ConfigurationError: a part is empty, or its weight isn't a positive number.
    """
    if model_folder(model) is not None:
        return [Part(model)]
    return [_part(text.strip(), model) for text in model.split(BETWEEN)]


def _part(text: str, model: str) -> Part:
    number, times, name = text.partition(_TIMES)
    if not times:
        number, name = "1", text
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not name.strip() or not (0 < weight < math.inf):
        raise ConfigurationError(
            f"embedder.model {model!r} can't be read at {text!r}: several models are written as "
            "'packaged + 2*/models/other', each with the weight of its cosines where that isn't 1."
        )
    return Part(name.strip(), weight)


class SideBySideEmbedder:
    """An :class:`retrieval.embedding.port.Embedder` of several. Safe to use from several threads.

    Their vectors stand one behind the other, each times the root of its weight, so that the cosine of two is the
    weighted mean of the models' own cosines. An index keeps and compares them like any other vectors. Windows fit all
    models; texts are counted in tokens of the first, whose input embeddings are also those of late interaction.

    Args:
        parts: embedders with their weights.
    """

    def __init__(self, parts: Sequence[tuple[float, PartEmbedder]]) -> None:
        total = sum(weight for weight, _ in parts)
        self._parts = [(math.sqrt(weight / total), embedder) for weight, embedder in parts]
        self._first = parts[0][1]
        self.name = "+".join(str(Part(embedder.name, weight)) for weight, embedder in parts)
        self.dimensions = sum(embedder.dimensions for _, embedder in parts)
        self.window_tokens = self._first.window_tokens
        self.tokenizer: Tokenizer = _StrictestTokenizer([embedder for _, embedder in parts])

    def warm_up(self) -> None:
        """Load all models and run them once. Idempotent."""
        for _, embedder in self._parts:
            embedder.warm_up()

    def embed_query(self, query: str) -> Vector:
        """Embed one query with each model, with its own query prompt."""
        return np.concatenate(
            [factor * embedder.embed_query(query) for factor, embedder in self._parts], dtype=np.float32
        )

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Embed windows with each model in turn.

        Raises:
            ValueError: a text is longer than a window of one of them.
            ModelUnavailable: a model can't be loaded or run.
        """
        told = _Shares(len(self._parts), progress)
        vectors = [factor * embedder.embed_passages(texts, told) for factor, embedder in self._parts]
        return np.concatenate(vectors, axis=1, dtype=np.float32)

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """The first model's tokens of each text."""
        return self._first.token_ids(texts)

    def token_embeddings(self, tokens: NDArray[np.int32]) -> Vectors:
        """The first model's input embeddings of these tokens."""
        return self._first.token_embeddings(tokens)


class _StrictestTokenizer:
    """Counts in tokens of the first embedder, and as many more as another one's shorter window makes of a text."""

    def __init__(self, embedders: Sequence[Embedder]) -> None:
        self._first, *others = embedders
        self._others = [(self._first.window_tokens / other.window_tokens, other.tokenizer) for other in others]

    def count(self, text: str) -> int:
        """The largest share of a model's window that the text fills, in tokens of the first model."""
        others = (math.ceil(scale * tokenizer.count(text)) for scale, tokenizer in self._others)
        return max(self._first.tokenizer.count(text), *others)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Character span of each of the first model's tokens, long ones in pieces."""
        spans = self._first.tokenizer.offsets(text)
        return [
            (at, min(at + _LONGEST_SPAN, stop))
            for begin, stop in spans
            for at in range(begin, max(stop, begin + 1), _LONGEST_SPAN)
        ]


class _Shares:
    """Progress over several passes of the same texts, told as one."""

    def __init__(self, passes: int, progress: Callable[[int], None] | None) -> None:
        self._passes = passes
        self._progress = progress
        self._done = 0

    def __call__(self, more: int) -> None:
        before, self._done = self._done // self._passes, self._done + more
        if self._progress is not None and self._done // self._passes > before:
            self._progress(self._done // self._passes - before)
