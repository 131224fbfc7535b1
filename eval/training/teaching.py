"""The score that a reranker learns to give: what is known to work, as one number a candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.settings import RerankerSettings, Settings
from eval.training.groups import Group, z_scores
from eval.training.recipe import Teacher
from eval.training.token_vectors import TokenVectors
from retrieval.embedding.model_files import describe
from retrieval.reranking.cross_encoder import CrossEncoderReranker

MAX_SIM = "max-sim"

Progress = Callable[[str, int, int], None]


class Scores(Protocol):
    """What a teacher needs of a reranker."""

    def score(self, query: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, the higher the better. Raises ModelUnavailable."""
        ...


def build_scorers(teacher: Teacher, settings: Settings) -> dict[str, Scores]:
    """The scorers that count, by their model's name; each is loaded by its first use.

    Raises:
        ConfigurationError: a model isn't there.
    """
    return {scorer.model: _scorer(scorer.model, settings) for scorer in teacher.scorers if scorer.weight}


def _scorer(model: str, settings: Settings) -> Scores:
    if model == MAX_SIM:
        return TokenVectors(describe(settings.embedder.model), device=settings.embedder.device)
    return CrossEncoderReranker(RerankerSettings(model=model), device=settings.embedder.device)


def teach(groups: Sequence[Group], scorers: Mapping[str, Scores], progress: Progress, what: str) -> list[Group]:
    """Put every scorer's scores beside the candidates.

    Raises:
        ModelUnavailable: a scorer can't be run.
    """
    taught = []
    for number, group in enumerate(groups, start=1):
        scores = {name: tuple(scorer.score(group.question, group.passages)) for name, scorer in scorers.items()}
        taught.append(replace(group, taught=scores))
        progress(what, number, len(groups))
    return taught


def teacher_scores(group: Group, teacher: Teacher) -> NDArray[np.float64]:
    """One score a candidate: the weighted sum of z-scores, and ``relevant`` for those that are. Shape (candidates,)."""
    total: NDArray[np.float64] = teacher.fused * z_scores(group.first)
    for scorer in teacher.scorers:
        if scorer.weight:
            total = total + scorer.weight * z_scores(group.taught[scorer.model])
    total[group.positives] += teacher.relevant
    return total


def labels(group: Group, teacher: Teacher) -> list[float]:
    """What the student's scores should differ by, one a candidate."""
    return [float(score) / teacher.temperature for score in teacher_scores(group, teacher)]
