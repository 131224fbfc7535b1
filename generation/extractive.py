"""Answers without a model: the sentences of the found passages that answer the question, word for word, or none.

How sentences are scored stands in :mod:`generation.scoring`. The weights and thresholds were set on one half of
``eval/questions/sourcegraph.jsonl``; docs/answers.md has what they are worth on the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.chunk import Chunk
from core.errors import ModelUnavailable
from core.telemetry import stage
from generation.arrangement import Extract, arrange
from generation.asking import Asking
from generation.candidates import Candidate, Wanted, find_candidates
from generation.scoring import Scored, score_all, score_by_words

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder

MAX_SENTENCES = 4
_MAX_NARROW = 2
_NEAR_BEST, _NEAR_BEST_NARROW = 0.86, 0.9
"""A further sentence must score at least this share of the best one."""
_ANSWERS = 0.55
"""The score from which a sentence answers: set between the questions that have an answer and those that have none."""
_COVERED_ALONE = 0.7
_SECTION_HEADING = 0.6
"""Cosine similarity from which a heading asks the question, and what stands under it belongs together."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """The chosen sentences in reading order; empty where nothing answers, and then ``reason`` says why."""

    extracts: tuple[Extract, ...]
    reason: str = ""
    degraded: str = ""
    """Why it had to do without the embedder, if it had."""


def extract(question: str, chunks: Sequence[Chunk], embedder: Embedder) -> Extraction:
    """Choose a few sentences of ``chunks`` that answer the question, the best one's passage first.

    With the embedder down, words alone decide, and more of the question's must be there.
    """
    with stage("generate.extract", chunks=len(chunks)):
        wanted = Wanted.of(question, chunks)
        if wanted.missing_names:
            return Extraction((), "The sources don't mention what the question is about.")
        candidates = find_candidates(wanted, chunks)
        degraded = ""
        try:
            scored = score_all(question, candidates, embedder)
        except ModelUnavailable as error:
            scored = score_by_words(question, candidates)
            degraded = f"embedder: {error.message}"
        able = [one for one in scored if _answers(one)]
        if not able:
            return Extraction((), "No sentence in the sources is close enough to the question.", degraded)
        asking = Asking.of(question)
        chosen = _choose(able, narrow=asking.narrow)
        section = able[0] if able[0].heading_cosine >= _SECTION_HEADING and not asking.one_fact else None
        return Extraction(tuple(arrange(chosen, chunks, section=section.candidate if section else None)), "", degraded)


def _answers(one: Scored) -> bool:
    """Whether a sentence is close enough to the question to be an answer to it."""
    if one.cosine is None:
        return one.candidate.lexical >= _COVERED_ALONE
    return one.score >= _ANSWERS


def _choose(able: Sequence[Scored], *, narrow: bool) -> list[Candidate]:
    chosen: list[Scored] = []
    most, near = (_MAX_NARROW, _NEAR_BEST_NARROW) if narrow else (MAX_SENTENCES, _NEAR_BEST)
    for one in able:
        if len(chosen) == most or one.score < near * able[0].score:
            break
        if not any(one.says_the_same(other) for other in chosen):
            chosen.append(one)
    return [one.candidate for one in chosen]
