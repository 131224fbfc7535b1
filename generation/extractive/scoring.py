"""How well each candidate sentence answers the question.

A sentence's score adds cosine similarity of question and sentence (read under its heading), cosine similarity of
question and heading, fading with the distance from it (a section whose heading is the question answers it), the share
of the question's words that sentence, heading and neighbours hold, rare words weighing more, and how high its passage
was ranked; times factors for its form (see :mod:`generation.extractive.question_kinds`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.chunk import Vectors
from generation.extractive.calibration import scale_of
from generation.extractive.candidates import Candidate
from generation.extractive.question_kinds import Asking
from retrieval.embedding.windows import readable

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder

_COSINE, _HEADING, _LEXICAL, _RANK = 0.5, 0.22, 0.3, 0.08
_INCOMPLETE, _QUESTION, _SHORT = 0.95, 0.5, 0.93
_SHORT_WORDS = 4
_ASKED, _ASKED_ALIKE, _RIGHT_BELOW = 1.12, 0.65, 2
_FADE = 4.0
"""How many sentences below its heading half of the heading's weight is gone."""
_ALIKE = 0.88
"""Cosine similarity from which two sentences say the same."""
_MAX_CHARS = 480
"""What is embedded of a sentence and its heading: enough to judge it, and long ones cost most."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate and its score.

    Attributes:
        score: for the order; only comparable within one question.
        cosine: to the question, on the packaged embedder's scale; None where the embedder is down, and then words
            decide.
        heading_cosine: of its heading to the question, 0 where there is none.
        vector: of the sentence under its heading.
        alike: the cosine from which two such vectors say the same.
    """

    candidate: Candidate
    score: float
    cosine: float | None = None
    heading_cosine: float = 0.0
    vector: Vectors | None = None
    alike: float = _ALIKE

    def says_the_same(self, other: Scored) -> bool:
        """Whether one of them is enough."""
        if self.candidate.sentence.text == other.candidate.sentence.text:
            return True
        if not (self.candidate.sentence.complete and other.candidate.sentence.complete):
            return False  # rows of a table are alike in all but what matters
        return self.vector is not None and other.vector is not None and float(self.vector @ other.vector) >= self.alike


def score_all(question: str, candidates: Sequence[Candidate], embedder: Embedder) -> list[Scored]:
    """Score with the embedder, best first. Raises ModelUnavailable: score by words then."""
    if not candidates:
        return []
    asking = Asking.of(question)
    headings = list(dict.fromkeys(one.heading for one in candidates if one.heading))
    query = embedder.embed_query(question)
    texts = [_fit(text, embedder) for text in (*(one.in_context for one in candidates), *headings)]
    scale = scale_of(embedder)
    vectors = embedder.embed_passages(texts)
    cosines = [scale.usual(cosine) for cosine in (vectors @ query).tolist()]
    above = dict(zip(headings, cosines[len(candidates) :], strict=True))
    scored = []
    for number, one in enumerate(candidates):
        under = above.get(one.heading, 0.0)
        score = _COSINE * cosines[number] + _HEADING * under * _FADE / (_FADE + one.depth - 1)
        score = (score + _LEXICAL * one.lexical + _RANK / (1 + one.source)) * _form(one, asking)
        if one.heading.endswith(("?", "？")) and under >= _ASKED_ALIKE and one.depth <= _RIGHT_BELOW:
            score *= _ASKED  # a list of questions and answers has this one
        vector = np.asarray(vectors[number])
        scored.append(Scored(one, score, cosines[number], under, vector, scale.own(_ALIKE)))
    return _best_first(scored)


def score_by_words(question: str, candidates: Sequence[Candidate]) -> list[Scored]:
    """Score without an embedder, best first."""
    asking = Asking.of(question)
    return _best_first(
        [Scored(one, (one.lexical + _RANK / (1 + one.source)) * _form(one, asking)) for one in candidates]
    )


def _best_first(scored: list[Scored]) -> list[Scored]:
    return sorted(scored, key=lambda one: (-one.score, one.candidate.source, one.candidate.number))


def _form(one: Candidate, asking: Asking) -> float:
    """How much a sentence's form makes it less of an answer, or more."""
    sentence = one.sentence
    if sentence.text.rstrip("*_\"'”)").endswith("?"):
        return _QUESTION
    factor = asking.fit(sentence.text) * (1.0 if sentence.complete else _INCOMPLETE)
    return factor * (_SHORT if len(sentence.text.split()) < _SHORT_WORDS else 1.0)


def _fit(text: str, embedder: Embedder) -> str:
    """As much of the text as is judged, which the embedder can read."""
    return readable(text[:_MAX_CHARS], embedder)
