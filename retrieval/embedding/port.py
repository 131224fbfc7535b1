"""The port of embedding models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.chunk import Vector, Vectors


@runtime_checkable
class Tokenizer(Protocol):
    """Counts text the way a model reads it, without loading the model."""

    def count(self, text: str) -> int:
        """Number of tokens, special ones left out."""
        ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Character span of each token, in order, special ones left out; spans may touch but don't overlap."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """Embeds queries and passages into unit vectors. Methods raise :class:`core.errors.ModelUnavailable`.

    Attributes:
        name: identifies the vectors: two embedders of one name give comparable vectors.
        dimensions: length of a vector.
        window_tokens: how many tokens of a passage the model reads at once, special tokens and prompt left out.
        tokenizer: how it counts.
    """

    name: str
    dimensions: int
    window_tokens: int
    tokenizer: Tokenizer

    def warm_up(self) -> None:
        """Load the model and run it once, so that the first question doesn't wait for it. Idempotent."""
        ...

    def embed_query(self, query: str) -> Vector:
        """Embed one query with the model's query prompt; longer than the model reads, it is cut (and only here)."""
        ...

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Embed windows, in batches sorted by length, returned in the order given; each must fit in a window.

        ``progress`` is told how many more are done.
        """
        ...


@runtime_checkable
class TokenEmbeddings(Protocol):
    """What embedders show beside their vectors where they are made of tokens: the embeddings that go into the model.

    Attributes:
        name: as :attr:`Embedder.name`.
    """

    name: str

    def token_ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """The tokens of each whole text, in order, special ones left out. Doesn't load the model."""
        ...

    def token_embeddings(self, tokens: NDArray[np.int32]) -> Vectors:
        """The input embeddings of these tokens, shape (tokens, width), of any length; zeros where there is none.

        Raises:
            ModelUnavailable: the model can't be loaded, or has no such embeddings.
        """
        ...
