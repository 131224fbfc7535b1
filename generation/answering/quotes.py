"""Finds the words of a source that a model's claim rests on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.chunk import Chunk
from generation.events import Citation
from generation.text.sentences import Sentence, split_sentences
from generation.text.word_stems import terms

QUOTE_CHARS = 600
"""A longer sentence is cut."""
_LEAST_SHARED = 0.2
"""The share of a claim's words, rare ones weighing more, that a sentence must hold to be quoted for it."""
_HEADING_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Quote:
    """``text`` is the document's ``[start:end]``."""

    text: str
    start: int
    end: int


def best_quote(claim: str, chunk: Chunk) -> Quote | None:
    """The sentence of ``chunk`` that shares most with ``claim``; None when none shares enough to be its source.

    Shared words weigh by how few of the passage's sentences hold them; among equals the shorter sentence wins,
    because what it says besides is less.
    """
    found = _closest(claim, chunk)
    if found is None:
        return None
    at, shared = found
    return _quote(chunk, _read(chunk.text)[0][at]) if shared >= _LEAST_SHARED else None


def closest_sentence(text: str, chunk: Chunk) -> Quote:
    """The sentence of ``chunk`` that shares most with ``text``; its first sentence when none shares anything."""
    sentences, _, _ = _read(chunk.text)
    if not sentences:
        return Quote(chunk.text[:QUOTE_CHARS], chunk.start, chunk.start + len(chunk.text[:QUOTE_CHARS]))
    found = _closest(text, chunk)
    at = found[0] if found else next((i for i, sentence in enumerate(sentences) if not sentence.heading), 0)
    return _quote(chunk, sentences[at])


def _quote(chunk: Chunk, chosen: Sentence) -> Quote:
    text = chosen.text[:QUOTE_CHARS]
    return Quote(text, chunk.start + chosen.start, chunk.start + chosen.start + len(text))


def _closest(claim: str, chunk: Chunk) -> tuple[int, float] | None:
    """Which sentence shares most, and the share of the claim's words that it holds; None where none shares any."""
    sentences, held, weight = _read(chunk.text)
    wanted = terms(claim)
    best, best_score = 0, 0.0
    for position, (sentence, own) in enumerate(zip(sentences, held, strict=True)):
        shared = sum(weight[term] for term in own & wanted)
        score = shared / math.sqrt(1 + sum(weight[term] for term in own))
        if sentence.heading:
            score *= _HEADING_WEIGHT
        if score > best_score:
            best, best_score = position, score
    if best_score <= 0:
        return None
    unseen = math.log1p(len(sentences))
    total = sum(weight.get(term, unseen) for term in wanted)
    return best, sum(weight[term] for term in held[best] & wanted) / total


def cite(source: int, chunks: Sequence[Chunk], span: tuple[int, int], quote: Quote | None) -> Citation:
    """The citation of a quote from ``chunks[source]`` for this span of the answer; None: of the passage alone."""
    chunk = chunks[source]
    return Citation(
        number=source + 1,
        answer_start=span[0],
        answer_end=span[1],
        quote=quote.text if quote else None,
        quote_start=quote.start if quote else None,
        quote_end=quote.end if quote else None,
        document_id=chunk.document_id,
        ordinal=chunk.ordinal,
        page=chunk.page,
        heading_path=chunk.heading_path,
    )


@lru_cache(maxsize=64)
def _read(text: str) -> tuple[Sequence[Sentence], Sequence[frozenset[str]], Mapping[str, float]]:
    """A passage's sentences, the terms of each, and what each term weighs. An answer cites a passage many times."""
    sentences = split_sentences(text)
    held = [terms(sentence.text) for sentence in sentences]
    spread = Counter(term for one in held for term in one)
    return sentences, held, {term: math.log1p(len(sentences) / count) for term, count in spread.items()}
