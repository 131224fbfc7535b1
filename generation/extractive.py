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
from core.errors import ModelUnavailable
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
_SURE, _ENOUGH, _COVERED, _COVERED_ALONE = 0.62, 0.40, 0.5, 0.7


@dataclass(frozen=True, slots=True)
class Extraction:
    """The chosen sentences in reading order; empty where nothing answers, and then ``reason`` says why."""

    extracts: tuple[Extract, ...]
    reason: str = ""
    degraded: str = ""
    """Why it had to do without the embedder, if it had."""


def extract(question: str, chunks: Sequence[Chunk], embedder: Embedder) -> Extraction:
    """Choose up to five sentences of ``chunks``, best first, that answer the question.

    With the embedder down, words alone decide, and more of the question's must be there.
    """
    with stage("generate.extract", chunks=len(chunks)):
        wanted = Wanted.of(question, chunks)
        if wanted.missing_names:
            return Extraction((), "The sources don't mention what the question is about.")
        candidates = find_candidates(wanted, chunks)
        try:
            cosines, alike = _similarities(question, candidates, embedder)
            degraded = ""
        except ModelUnavailable as error:
            cosines, alike = None, None
            degraded = f"embedder: {error.message}"
        scored = _score(wanted, candidates, cosines, alike)
        able = [one for one in scored if _answers(one, wanted)]
        if not able:
            return Extraction((), "No sentence in the sources is close enough to the question.", degraded)
        return Extraction(tuple(arrange(_choose(able), chunks)), "", degraded)


@dataclass(frozen=True, slots=True)
class _Scored:
    candidate: Candidate
    score: float
    cosine: float | None
    alike: Sequence[float] | None
    """Cosine similarity to every candidate."""
    number: int

    def says_the_same(self, other: _Scored) -> bool:
        if self.alike is None:
            return self.candidate.sentence.text == other.candidate.sentence.text
        return self.alike[other.number] >= _ALIKE


def _similarities(
    question: str, candidates: Sequence[Candidate], embedder: Embedder
) -> tuple[list[float], list[list[float]]]:
    """Cosine similarity of each candidate to the question, and to each other candidate."""
    if not candidates:
        return [], []
    query = embedder.embed_query(question)
    vectors = embedder.embed_passages([_fit(one.in_context, embedder) for one in candidates])
    return (vectors @ query).tolist(), (vectors @ vectors.T).tolist()


def _score(
    wanted: Wanted,
    candidates: Sequence[Candidate],
    cosines: Sequence[float] | None,
    alike: Sequence[Sequence[float]] | None,
) -> list[_Scored]:
    amount = _ASKS_AMOUNT.search(wanted.question) is not None
    scored = []
    for number, one in enumerate(candidates):
        cosine = cosines[number] if cosines is not None else None
        meaning = one.lexical if cosine is None else cosine
        score = _COSINE * meaning + _LEXICAL * one.lexical + _RANK / (1 + one.source)
        near = alike[number] if alike is not None else None
        scored.append(_Scored(one, score * _shape(one, amount), cosine, near, number))
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


def _answers(one: _Scored, wanted: Wanted) -> bool:
    """Whether a sentence is close enough to the question to be an answer to it."""
    lexical = one.candidate.lexical
    if one.cosine is None:
        return lexical >= _COVERED_ALONE
    if one.cosine >= _SURE:
        return True
    return one.cosine >= _ENOUGH and lexical >= _COVERED and wanted.found >= _COVERED


def _choose(able: Sequence[_Scored]) -> list[Candidate]:
    chosen: list[_Scored] = []
    ordered = sorted(able, key=lambda one: -one.score)
    for one in ordered:
        if len(chosen) == MAX_SENTENCES or one.score < _NEAR_BEST * ordered[0].score:
            break
        if not any(one.says_the_same(other) for other in chosen):
            chosen.append(one)
    return [one.candidate for one in chosen]
