"""A question that was made and not yet checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from eval.answers.questions import EvalQuestion


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with the passages that it was made from.

    Attributes:
        claim: of one without an answer: what an answer would have to say, which nothing may support.
    """

    asked: EvalQuestion
    passages: tuple[str, ...]
    claim: str = ""


def question_id(kind: str, question: str) -> str:
    """The same question has the same id in every set."""
    return hashlib.sha256(f"{kind}\0{question}".encode()).hexdigest()[:12]
