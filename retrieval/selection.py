"""Choosing the passages that an answer is written from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.chunk import Chunk
from retrieval.hit import SearchHit

_COVERED = 0.5
"""A passage that shares more than this part of the shorter one with a chosen neighbour says nothing new. Neighbours
overlap by a tenth by design and stay."""
_SHINGLE_WORDS = 5
_NEAR_DUPLICATE = 0.8
"""Share of common five-word shingles (of the smaller set) above which two texts are one text in two places."""


def asked_for(max_chunks: int) -> int:
    """How many hits to search for, to choose so many: some are dropped as duplicates of others."""
    return min(200, 2 * max_chunks)


def select_context(hits: Sequence[SearchHit], *, max_chunks: int, max_tokens: int) -> list[SearchHit]:
    """The best hits that add something and fit, in their order: at most ``max_chunks``, ``max_tokens`` together.

    A hit is passed over if most of it is in a better one (the same span of the document, or a near copy in another
    document), or if it alone would go over the budget: a shorter one further down may still fit.
    """
    chosen: list[SearchHit] = []
    shingles: list[frozenset[str]] = []
    tokens = 0
    for hit in hits:
        if len(chosen) == max_chunks:
            break
        own = _shingles(hit.chunk.text)
        fits = tokens + _length(hit.chunk) <= max_tokens
        new = not any(_overlaps(hit.chunk, other.chunk) for other in chosen)
        if fits and new and not any(_alike(own, other) for other in shingles):
            chosen.append(hit)
            shingles.append(own)
            tokens += _length(hit.chunk)
    return chosen


def _length(chunk: Chunk) -> int:
    """Its tokens; a chunk that wasn't counted is taken at four characters a token."""
    return chunk.tokens or max(1, len(chunk.text) // 4)


def _overlaps(one: Chunk, other: Chunk) -> bool:
    if one.id == other.id:
        return True
    if one.document_id != other.document_id:
        return False
    shared = min(one.end, other.end) - max(one.start, other.start)
    shorter = min(one.end - one.start, other.end - other.start)
    return shared > 0 and shared > _COVERED * shorter


def _shingles(text: str) -> frozenset[str]:
    words = re.findall(r"\w+", text.casefold())
    last = max(1, len(words) - _SHINGLE_WORDS + 1)
    return frozenset(" ".join(words[at : at + _SHINGLE_WORDS]) for at in range(last))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= _NEAR_DUPLICATE * min(len(one), len(other))
