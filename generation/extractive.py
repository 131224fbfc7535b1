"""Answers without a model: the sentences of the found passages that answer the question, word for word, or none.

How a sentence scores: cosine similarity of question and sentence (read under its heading), the share of the
question's words that sentence and heading hold, rare words weighing more, and how high its passage was ranked.
The weights and thresholds were set on a company handbook with questions that it answers and questions it doesn't.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.chunk import Chunk
from core.telemetry import stage
from generation.arrangement import Extract, arrange
from generation.candidates import Candidate, Wanted, find_candidates

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder

MAX_SENTENCES = 5
_COSINE, _LEXICAL, _RANK = 0.6, 0.3, 0.1
_INCOMPLETE, _QUESTION, _SHORT, _AMOUNT = 0.92, 0.5, 0.9, 1.12
_SHORT_WORDS = 5
_ASKS_AMOUNT = re.compile(
    r"\b(how (many|much|long|often|soon|far|old|late|early)|when|what (time|day|date|amount))\b", re.I
)
_NEAR_BEST = 0.82
"""A further sentence must score at least this share of the best one."""
_ALIKE = 0.88
"""Cosine similarity from which two sentences say the same."""
_SURE, _ENOUGH, _COVERED = 0.62, 0.40, 0.5


@dataclass(frozen=True, slots=True)
class Extraction:
    """The chosen sentences in reading order; empty where nothing answers, and then ``reason`` says why."""

    extracts: tuple[Extract, ...]
    reason: str = ""


def extract(question: str, chunks: Sequence[Chunk], embedder: Embedder) -> Extraction:
    """Choose up to five sentences of ``chunks``, best first, that answer the question.

    Raises:
        ModelUnavailable: the embedder can't be run.
    """
    with stage("generate.extract", chunks=len(chunks)):
        wanted = Wanted.of(question, chunks)
        if wanted.missing_names:
            return Extraction((), "The sources don't mention what the question is about.")
        candidates = find_candidates(wanted, chunks)
        if not candidates:
            return Extraction((), "The sources hold no sentence that could answer.")
        scored = _score(wanted, candidates, embedder)
        able = [one for one in scored if _answers(one, wanted)]
        if not able:
            return Extraction((), "No sentence in the sources is close enough to the question.")
        best = max(able, key=lambda one: one.score)
        return Extraction(tuple(arrange(_choose(able, best), chunks)))


@dataclass(frozen=True, slots=True)
class _Scored:
    candidate: Candidate
    cosine: float
    score: float
    alike: tuple[float, ...]
    """Cosine similarity to every candidate."""
    number: int


def _score(wanted: Wanted, candidates: Sequence[Candidate], embedder: Embedder) -> list[_Scored]:
    query = embedder.embed_query(wanted.question)
    vectors = embedder.embed_passages([_fit(one.in_context, embedder) for one in candidates])
    cosines = (vectors @ query).tolist()
    alike = (vectors @ vectors.T).tolist()
    amount = _ASKS_AMOUNT.search(wanted.question) is not None
    scored = []
    for number, (one, cosine) in enumerate(zip(candidates, cosines, strict=True)):
        score = _COSINE * cosine + _LEXICAL * one.lexical + _RANK / (1 + one.source)
        scored.append(_Scored(one, cosine, score * _shape(one, amount), tuple(alike[number]), number))
    return scored


def _shape(one: Candidate, amount: bool) -> float:
    """How much a sentence's form makes it less of an answer, or more: amounts and dates where they are asked for."""
    sentence = one.sentence
    if sentence.text.rstrip("*_\"'”)").endswith("?"):
        return _QUESTION
    factor = 1.0 if sentence.complete else _INCOMPLETE
    if amount and any(character.isdigit() for character in sentence.text):
        factor *= _AMOUNT
    return factor * (_SHORT if len(sentence.text.split()) < _SHORT_WORDS else 1.0)


def _fit(text: str, embedder: Embedder) -> str:
    """As much of the text as the embedder reads: enough to judge a sentence that is longer than its window."""
    if len(text) <= embedder.window_tokens:
        return text
    offsets = embedder.tokenizer.offsets(text)
    return text if len(offsets) <= embedder.window_tokens else text[: offsets[embedder.window_tokens - 1][1]]


def _answers(best: _Scored, wanted: Wanted) -> bool:
    if best.cosine >= _SURE:
        return True
    return best.cosine >= _ENOUGH and best.candidate.lexical >= _COVERED and wanted.found >= _COVERED


def _choose(scored: Sequence[_Scored], best: _Scored) -> list[Candidate]:
    chosen: list[_Scored] = []
    for one in sorted(scored, key=lambda one: -one.score):
        if len(chosen) == MAX_SENTENCES or one.score < _NEAR_BEST * best.score:
            break
        if all(one.alike[other.number] < _ALIKE for other in chosen):
            chosen.append(one)
    return [one.candidate for one in chosen]
