"""An embedder that tests make of words, in milliseconds and without a model."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from core.chunk import Vector, Vectors
from tests.word_tokenizer import WordTokenizer

_WORDS = re.compile(r"\w+")


class WordEmbedder:
    """A :class:`retrieval.embedding.port.Embedder` of a text's words, hashed: texts that share words are near.

    Attributes:
        windows: how many it has embedded.
    """

    dimensions = 64
    tokenizer = WordTokenizer(_WORDS.pattern)

    def __init__(self, name: str = "words", *, window_tokens: int = 100) -> None:
        self.name = name
        self.window_tokens = window_tokens
        self.windows = 0

    def warm_up(self) -> None:
        pass

    def embed_query(self, query: str) -> Vector:
        vector = np.full(self.dimensions, 1e-3, np.float32)
        for word in _WORDS.findall(query.casefold()):
            vector[zlib.crc32(word[:4].encode()) % self.dimensions] += 1
        return vector / np.linalg.norm(vector)

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        self.windows += len(texts)
        return np.array([self.embed_query(text) for text in texts], np.float32).reshape(-1, self.dimensions)
