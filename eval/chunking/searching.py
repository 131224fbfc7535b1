"""The product's own search over passages: its embedded index, its retriever, an embedder that remembers."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from core.chunk import Chunk, Vector, Vectors
from core.principal import ANONYMOUS
from core.settings import Settings
from retrieval.embedding.port import Embedder, Tokenizer
from retrieval.embedding.windows import embed_chunks
from retrieval.hit import SearchHit
from retrieval.index.lance.index import LanceIndex
from retrieval.retriever import Retriever

PIPELINES = ("lexical", "vector", "convex+neighbours")
"""Each leg alone, and what the service does unless it is told otherwise."""
_LIMIT = 20
"""Hits of a search: many more than the context has room for."""
_AT_A_TIME = 512

Searching = Callable[[str, str], Sequence[SearchHit]]
"""Takes a question and the name of a pipeline; gives the best hits."""


class CachedEmbedder:
    """An embedder that keeps vectors in a file: most windows of two strategies' passages differ, but runs repeat."""

    def __init__(self, embedder: Embedder, file: Path) -> None:
        self._embedder = embedder
        self.name = embedder.name
        self.dimensions = embedder.dimensions
        self.window_tokens = embedder.window_tokens
        self.tokenizer: Tokenizer = embedder.tokenizer
        self._rows = sqlite3.connect(file)
        self._rows.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB)")

    def warm_up(self) -> None:
        """See the port."""
        self._embedder.warm_up()

    def embed_query(self, query: str) -> Vector:
        """See the port."""
        key = self._key("query", query)
        if (found := self._get(key)) is None:
            found = self._embedder.embed_query(query).astype(np.float32).tobytes()
            self._keep([(key, found)])
        return np.frombuffer(found, np.float32)

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """See the port."""
        keys = [self._key("", text) for text in texts]
        new = sorted({text: key for text, key in zip(texts, keys, strict=True) if self._get(key) is None}.items())
        for start in range(0, len(new), _AT_A_TIME):
            some = new[start : start + _AT_A_TIME]
            vectors = self._embedder.embed_passages([text for text, _ in some], progress)
            self._keep(
                [(key, vector.astype(np.float32).tobytes()) for (_, key), vector in zip(some, vectors, strict=True)]
            )
        stored = [self._get(key) for key in keys]
        found = b"".join(vector for vector in stored if vector is not None)
        return np.frombuffer(found, np.float32).reshape(len(texts), self.dimensions)

    def _key(self, kind: str, text: str) -> bytes:
        return hashlib.sha256(f"{self.name}{kind}\0{text}".encode("utf-8", "surrogatepass")).digest()

    def _keep(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        with self._rows:
            self._rows.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

    def _get(self, key: bytes) -> bytes | None:
        row = self._rows.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])


@contextmanager
def searching(chunks: Sequence[Chunk], embedder: Embedder) -> Iterator[Searching]:
    """The service's search over these chunks, in an index of their own."""
    with TemporaryDirectory(prefix="footnote-chunking-") as folder:
        index = LanceIndex(Path(folder) / "index")
        index.ensure(embedder.name, embedder.dimensions)
        index.upsert(embed_chunks(embedder, chunks))
        index.refresh()
        retriever = Retriever(index, embedder, None, Settings())
        try:
            yield lambda question, name: retriever.search(question, ANONYMOUS, limit=_LIMIT, pipeline=name).hits
        finally:
            retriever.close()
