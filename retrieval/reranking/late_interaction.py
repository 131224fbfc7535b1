"""Reranking by late interaction over the embedder's token embeddings, without running the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.embedding.port import TokenEmbeddings

Floats = NDArray[np.float32]
Tokens = NDArray[np.int32]

_BLOCK_TOKENS = 24
"""Half a window: windows are of 48 tokens and overlap by half."""
_MOST_ASKED = 256
"""So many different tokens of a question count: a page pasted as a question shouldn't cost more than a question."""


class LateInteractionReranker:
    """A :class:`retrieval.reranking.port.Reranker`. Safe to use from several threads; milliseconds on a CPU.

    Every token of the question looks for the token most like it, by the cosine of their input embeddings, in each
    window of about two lines of a passage; the best window is the passage's score, from -1 to 1. So a passage scores
    that has what was asked, or words close to it, in one place. Tokens count by how few of the passages have them.

    The operator is MaxSim of Khattab and Zaharia: ColBERT, SIGIR 2020; there over vectors that a model made of whole
    passages, here over its input embeddings, which are there before any passage is read. docs/retrieval.md has what
    either is worth.
    """

    def __init__(self, embedder: TokenEmbeddings) -> None:
        self._embedder = embedder
        self.name = f"late-interaction-{embedder.name}"

    def warm_up(self) -> None:
        """Load the embedder, and with it its token embeddings. Idempotent."""
        self.score("warm up", ["a passage"])

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given, the higher the better.

        Raises:
            ModelUnavailable: the embedder can't be loaded.
        """
        if not passages:
            return []
        asked, *read = self._embedder.token_ids([query, *passages])
        tokens, counts = _counted(asked)
        lengths = np.array([len(ids) for ids in read])
        if not len(tokens) or not lengths.any():
            return [0.0] * len(passages)
        text = np.concatenate(read)
        seen, places = np.unique(text, return_inverse=True)
        weights = counts * _rarity(tokens, seen, places, lengths)
        likeness = self._unit(tokens) @ self._unit(seen).T
        return _best_windows(likeness[:, places], lengths, weights / weights.sum())

    def _unit(self, tokens: Tokens) -> Floats:
        vectors = self._embedder.token_embeddings(tokens)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Floats = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        return unit


def _counted(asked: Tokens) -> tuple[Tokens, Floats]:
    """The question's different tokens, and how often each is asked."""
    tokens, first, counts = np.unique(asked, return_index=True, return_counts=True)
    kept = np.argsort(first)[:_MOST_ASKED]
    return tokens[kept], counts[kept].astype(np.float32)


def _rarity(tokens: Tokens, seen: Tokens, places: NDArray[np.int64], lengths: NDArray[np.int64]) -> Floats:
    """BM25's idf of each token among the passages at hand: what all of them have can't tell them apart.

    Better, measured, than the idf over the collection: the legs have used that already.

    Args:
        seen: the passages' different tokens, sorted.
        places: where each token of the passages, one after another, is in ``seen``.
        lengths: tokens of each passage.
    """
    has = np.zeros((len(lengths), len(seen)), np.bool_)
    has[np.repeat(np.arange(len(lengths)), lengths), places] = True
    at = np.minimum(np.searchsorted(seen, tokens), len(seen) - 1)
    having = np.where(seen[at] == tokens, has.sum(axis=0)[at], 0)
    rarity: Floats = np.log1p((len(lengths) - having + 0.5) / (having + 0.5)).astype(np.float32)
    return rarity


def _best_windows(likeness: Floats, lengths: NDArray[np.int64], weights: Floats) -> list[float]:
    """The score of each passage's best window; 0 for a passage without tokens.

    Args:
        likeness: shape (tokens asked, tokens of all passages), passage after passage.
        lengths: tokens of each passage.
        weights: of the tokens asked, adding up to 1.
    """
    scores = np.zeros(len(lengths))
    filled = np.flatnonzero(lengths)
    ends = np.cumsum(lengths[filled])
    blocks = [np.arange(end - length, end, _BLOCK_TOKENS) for end, length in zip(ends, lengths[filled], strict=True)]
    best = np.maximum.reduceat(likeness, np.concatenate(blocks), axis=1)
    stops = np.cumsum([len(block) for block in blocks])
    for passage, block, stop in zip(filled, blocks, stops, strict=True):
        own = best[:, stop - len(block) : stop]
        windows = np.maximum(own[:, :-1], own[:, 1:]) if len(block) > 1 else own
        scores[passage] = (weights @ windows).max()
    found: list[float] = scores.tolist()
    return found
