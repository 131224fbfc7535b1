"""As many chunks as are asked for, of real text, with vectors that stand to each other as real ones do.

Embedding a million passages takes days on a CPU. So ``distinct`` windows of real text are embedded, and the chunks
beyond them are drawn between neighbours, as SMOTE does (Chawla et al., 2002, section 4.2): a vector is a weighted mean
of a real one and of some of its nearest real neighbours, with a little noise, on the sphere. Weights and noise are such
that nearest neighbours are as near, and the local dimension as high, as among as many real vectors:
:func:`structure` measures both. A chunk's text is its own window, and further windows of its document or of those
neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.chunk import Chunk, EmbeddedChunk, Vectors
from core.metadata import Metadata

BLOCK = 1_000
"""Chunks are made so many at a time: each block from a generator of its own, so that a run can go on anywhere."""
NEIGHBOURS = 10
MIXED = 3
"""Neighbours that a drawn vector is mixed of, beside its own."""
OWN_LEAST = 0.2
"""What a vector keeps of its own at least, of a weight of 1."""
NOISE = 0.6
"""Length of the noise, of a vector of length 1."""
WINDOWS = 4
"""Windows of text to a chunk."""
DEPARTMENTS = 10
GROUPS = 20
PUBLIC_SHARE = 0.7
_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Block:
    """Chunks in a row.

    Attributes:
        first: number of the first.
        vectors: shape (n, dimensions).
        sources: numbers of the windows that each one's text is made of, shape (n, WINDOWS).
        public: whether everybody may read it; else one group.
    """

    first: int
    vectors: Vectors
    sources: NDArray[np.int64]
    public: NDArray[np.bool_]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Of the chunks."""
        return np.arange(self.first, self.first + len(self.vectors))


@dataclass(frozen=True)
class Corpus:
    """Any number of chunks, each always the same.

    Attributes:
        texts: windows of real text, neighbours in a document side by side.
        vectors: theirs, shape (texts, dimensions).
    """

    texts: Sequence[str]
    vectors: Vectors
    seed: int = 7

    @cached_property
    def neighbours(self) -> NDArray[np.int64]:
        """Of each window its nearest others, shape (texts, NEIGHBOURS)."""
        count = min(NEIGHBOURS, len(self.texts) - 1)
        found = [nearest(self.vectors[rows], self.vectors, count + 1)[1] for rows in _rows(len(self.texts))]
        return np.concatenate(found)[:, 1:]

    def block(self, first: int, last: int) -> Block:
        """The chunks from ``first``, a multiple of :data:`BLOCK`, up to ``last``, without it."""
        assert first % BLOCK == 0
        assert last - first <= BLOCK
        rng = np.random.default_rng([self.seed, first // BLOCK])
        distinct, numbers = len(self.texts), np.arange(first, first + BLOCK)
        own = np.where(numbers < distinct, numbers, rng.integers(0, distinct, BLOCK))
        others = np.take_along_axis(
            self.neighbours[own], rng.integers(0, self.neighbours.shape[1], (BLOCK, MIXED)), axis=1
        )
        drawn = mixed(self.vectors, own, others, rng)
        vectors = np.where((numbers < distinct)[:, None], self.vectors[own], drawn)
        following = np.minimum(own[:, None] + np.arange(1, WINDOWS), distinct - 1)
        borrowed = rng.random((BLOCK, WINDOWS - 1)) < (numbers >= distinct)[:, None] * 0.5
        sources = np.column_stack([own, np.where(borrowed, others[:, : WINDOWS - 1], following)])
        public = rng.random(BLOCK) < PUBLIC_SHARE
        kept = slice(0, last - first)
        return Block(first, vectors[kept].astype(np.float32), sources[kept], public[kept])

    def blocks(self, size: int, first: int = 0) -> Iterator[Block]:
        """All chunks up to ``size``, from the block that begins at ``first``."""
        for start in range(first, size, BLOCK):
            yield self.block(start, min(start + BLOCK, size))

    def chunks(self, block: Block) -> list[EmbeddedChunk]:
        """A block as it goes into an index."""
        parts = zip(block.numbers.tolist(), block.vectors, block.sources.tolist(), block.public.tolist(), strict=True)
        return [self._chunk(*part) for part in parts]

    def _chunk(self, number: int, vector: Vectors, sources: Sequence[int], public: bool) -> EmbeddedChunk:
        text = " ".join(self.texts[source] for source in sources)
        chunk = Chunk(
            id=f"{number:08d}",
            document_id=f"d{number // 10:07d}",
            source_id="scale",
            uri=f"scale:{number // 10}",
            ordinal=number % 10,
            text=text,
            start=0,
            end=len(text),
            tokens=len(text) // 4,
            acl=("public",) if public else (f"group:g{number % GROUPS}",),
            metadata=Metadata(title=f"Document {number // 10}", department=department(number)),
        )
        return EmbeddedChunk(chunk, vector[None, :])


def department(number: int) -> str:
    """The department of a chunk's document: a tenth of them each."""
    return f"department-{number // 10 % DEPARTMENTS}"


def mixed(vectors: Vectors, own: NDArray[np.int64], others: NDArray[np.int64], rng: np.random.Generator) -> Vectors:
    """New vectors between ``vectors[own]`` and ``vectors[others]``; unit length, shape (own, dimensions)."""
    weights = rng.dirichlet(np.ones(MIXED + 1), len(own)) * (1 - OWN_LEAST)
    weights[:, 0] += OWN_LEAST
    parts = np.concatenate([vectors[own][:, None, :], vectors[others]], axis=1)
    means = np.einsum("nw,nwd->nd", weights, parts)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    noise = rng.standard_normal(means.shape)
    noisy = means + noise * (NOISE / np.sqrt(means.shape[1]))
    made: Vectors = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)
    return made


def nearest(queries: Vectors, vectors: Vectors, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Similarities and rows of the ``count`` most similar vectors to each query, best first."""
    similarity = queries @ vectors.T
    rows = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    found = np.take_along_axis(similarity, rows, axis=1)
    order = np.argsort(-found, axis=1)
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(rows, order, axis=1)


@dataclass(frozen=True, slots=True)
class Structure:
    """How vectors stand to each other.

    Attributes:
        first, tenth: median similarity of a vector to its nearest and tenth nearest other.
        dimension: median of the local intrinsic dimension, by the 20 nearest.
    """

    first: float
    tenth: float
    dimension: float


def structure(vectors: Vectors, sample: int = 500, seed: int = 7) -> Structure:
    """Measure a sample of the vectors against all of them.

    The dimension is the maximum likelihood estimate of Levina and Bickel, 2004, equation 8, with 20 neighbours, from
    Euclidean distances.
    """
    rows = np.random.default_rng(seed).choice(len(vectors), min(sample, len(vectors)), replace=False)
    similarity = nearest(vectors[rows], vectors, 21)[0][:, 1:]
    distances = np.sqrt(np.maximum(2 - 2 * similarity, 1e-9))
    estimates = 1 / np.mean(np.log(distances[:, -1:] / distances[:, :-1]), axis=1)
    medians = np.median(similarity, axis=0)
    return Structure(round(float(medians[0]), 3), round(float(medians[9]), 3), round(float(np.median(estimates)), 1))


def _rows(count: int) -> Iterator[slice]:
    for first in range(0, count, _AT_ONCE):
        yield slice(first, first + _AT_ONCE)
