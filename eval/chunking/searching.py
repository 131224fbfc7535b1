"""Search over passages in memory: BM25, the embedder's cosine, and both."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from math import log
from pathlib import Path

import numpy as np
import Stemmer
from numpy.typing import NDArray

from core.chunk import Chunk, Vector, Vectors
from retrieval.embedding.port import Embedder, Tokenizer
from retrieval.embedding.windows import embed_chunks
from retrieval.fusion import Scored, convex_fusion

_K1, _B = 1.2, 0.75
_WORD = re.compile(r"\w+")
_DEPTH = 100
_AT_A_TIME = 512


class CachedEmbedder:
    """An embedder that keeps its passages' vectors in a file: most windows of two strategies' passages differ, but
    runs repeat."""

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
        return self._embedder.embed_query(query)

    def embed_passages(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """See the port."""
        keys = [hashlib.sha256(f"{self.name}\0{text}".encode()).digest() for text in texts]
        new = sorted({text: key for text, key in zip(texts, keys, strict=True) if self._get(key) is None}.items())
        for start in range(0, len(new), _AT_A_TIME):
            some = new[start : start + _AT_A_TIME]
            vectors = self._embedder.embed_passages([text for text, _ in some], progress)
            rows = [(key, vector.astype(np.float32).tobytes()) for (_, key), vector in zip(some, vectors, strict=True)]
            with self._rows:
                self._rows.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        stored = [self._get(key) for key in keys]
        found = b"".join(vector for vector in stored if vector is not None)
        return np.frombuffer(found, np.float32).reshape(len(texts), self.dimensions)

    def _get(self, key: bytes) -> bytes | None:
        row = self._rows.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])


class Bm25:
    """Okapi BM25 with Lucene's idf, over stemmed words.

    Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._stem = Stemmer.Stemmer("english").stemWords
        counts = [Counter(self._words(text)) for text in texts]
        lengths: NDArray[np.float64] = np.array([count.total() for count in counts], dtype=float)
        self._norms = _K1 * (1 - _B + _B * lengths / max(lengths.mean(), 1.0))
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, count in enumerate(counts):
            for word, times in count.items():
                self._postings[word].append((number, times))

    def scores(self, query: str) -> NDArray[np.float64]:
        """One of each text; 0 where no word is shared."""
        scores: NDArray[np.float64] = np.zeros(len(self._norms))
        for word in self._words(query):
            postings = self._postings.get(word, [])
            idf = log(1 + (len(self._norms) - len(postings) + 0.5) / (len(postings) + 0.5))
            for number, times in postings:
                scores[number] += idf * times / (times + self._norms[number])
        return scores

    def _words(self, text: str) -> list[str]:
        return list(self._stem(_WORD.findall(text.casefold())))


class Search:
    """Ranks chunks by BM25, and where there is an embedder, by their best window's cosine, and by both."""

    def __init__(self, chunks: Sequence[Chunk], embedder: Embedder | None) -> None:
        self._bm25 = Bm25([chunk.search_text for chunk in chunks])
        self._names = {f"{number:06d}": number for number in range(len(chunks))}
        self._embedder = embedder
        self.windows = 0
        if embedder is not None:
            embedded = embed_chunks(embedder, chunks)
            self._vectors = np.concatenate([one.windows for one in embedded])
            self._starts = np.cumsum([0, *(len(one.windows) for one in embedded)])[:-1]
            self.windows = len(self._vectors)

    def rankings(self, query: str) -> dict[str, list[int]]:
        """Numbers of chunks, best first, by way of searching."""
        lexical = self._bm25.scores(query)
        found = {"BM25": _best(lexical)}
        if self._embedder is not None:
            cosines = np.maximum.reduceat(self._vectors @ self._embedder.embed_query(query), self._starts)
            found["vectors"] = _best(cosines)
            legs = {
                "lexical": self._leg(lexical, found["BM25"], 0.0),
                "vector": self._leg(cosines, found["vectors"], -1.0),
            }
            found["both"] = [self._names[one.id] for one in convex_fusion(legs, normalisation="z-score")]
        return found

    @staticmethod
    def _leg(scores: NDArray[np.float64], best: Sequence[int], floor: float) -> Scored:
        return Scored({f"{number:06d}": float(scores[number]) for number in best}, floor=floor)


def _best(scores: NDArray[np.float64]) -> list[int]:
    order = np.argsort(-scores, kind="stable")[:_DEPTH]
    return [int(number) for number in order]
