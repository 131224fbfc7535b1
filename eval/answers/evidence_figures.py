"""What the evidence model is worth on public test sets: ``footnote eval evidence``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eval.answers.evidence import auroc, wice_dev
from eval.metrics import Estimate, bootstrap, mean_with_interval
from eval.progress import Progress
from eval.training.evidence.answers import policyqa, selqa
from eval.training.evidence.pairs import Pair, said_of
from eval.training.evidence.supports import fm2, scifact

Scores = Callable[[Sequence[tuple[str, str]]], list[float]]
"""Probabilities of pairs."""
_BINS = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, of so many cases."""

    name: str
    cases: int
    value: Estimate


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs whose probability is between two tenths: how many, its mean, and the share that is so."""

    pairs: int
    told: float
    true: float


def answer_figures(data: Path, scores: Scores, most: int, progress: Progress) -> tuple[list[Figure], list[Bin]]:
    """MRR over the sentences of a text, on SelQA's and PolicyQA's test sets, and SelQA's reliability.

    Args:
        most: of each, so many questions, evenly spread.

    Raises:
        DatasetError: data isn't there.
    """
    found, told = [], []
    for name, groups in (
        ("SelQA test, MRR", selqa(data / "evidence" / "selqa" / "test.json")),
        ("PolicyQA test, MRR", policyqa(data / "evidence" / "policyqa" / "test.json")),
    ):
        asked = [group for group in groups if any(one.label for one in group)]
        asked = asked[:: max(1, -(-len(asked) // most))]
        pairs = [one for group in asked for one in group]
        scored = _scored(pairs, scores, name, progress)
        ranks, begin = [], 0
        for group in asked:
            ranks.append(reciprocal_rank(scored[begin : begin + len(group)], [one.label for one in group]))
            begin += len(group)
        found.append(Figure(name, len(ranks), mean_with_interval(ranks)))
        told.append(reliability(scored, [one.label for one in pairs]))
    return found, told[0]


def support_figures(data: Path, scores: Scores, progress: Progress) -> tuple[list[Figure], list[Bin]]:
    """Accuracy on FM2's test set at one half, AUROC on WiCE's development set and SciFact's validation set.

    WiCE: supported against partly and not; of a claim's chunks the one that supports it most.

    Raises:
        DatasetError: data isn't there.
    """
    claims = fm2(data / "evidence" / "fm2" / "test.jsonl")
    scored = _scored(claims, scores, "FM2", progress)
    right = [float((score >= 0.5) == one.label) for score, one in zip(scored, claims, strict=True)]  # noqa: PLR2004
    labels = [one.label for one in claims]
    found = [
        Figure("FM2 test, accuracy", len(claims), mean_with_interval(right)),
        Figure("FM2 test, AUROC", len(claims), area(scored, labels)),
    ]
    chunks = [
        Pair("wice", one.id, one.text, said_of(one.text, one.passage), one.supported)
        for one in wice_dev(data / "evidence")
    ]
    best: dict[str, float] = {}
    held: dict[str, bool] = {}
    for one, score in zip(chunks, _scored(chunks, scores, "WiCE", progress), strict=True):
        best[one.group] = max(best.get(one.group, 0.0), score)
        held[one.group] = held.get(one.group, False) or one.label
    found.append(Figure("WiCE dev, AUROC", len(best), area(list(best.values()), list(held.values()))))
    rest = scifact(data / "evidence" / "scifact" / "claims_validation.csv", data / "scifact")
    scored_rest = _scored(rest, scores, "SciFact", progress)
    found.append(Figure("SciFact validation, AUROC", len(rest), area(scored_rest, [one.label for one in rest])))
    return found, reliability(scored, labels)


def reciprocal_rank(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """1 over the place of the first that answers; of equal scores the one that doesn't comes first."""
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], labels[at]))
    return next((1 / place for place, at in enumerate(order, start=1) if labels[at]), 0.0)


def area(scores: Sequence[float], labels: Sequence[bool]) -> Estimate:
    """AUROC with its interval."""
    rows = np.column_stack([np.asarray(scores, dtype=float), np.asarray(labels, dtype=float)])

    def of(drawn: NDArray[np.float64]) -> float:
        both = 0 < drawn[:, 1].sum() < len(drawn)  # few cases may be drawn with one label only: that tells nothing
        return auroc(list(drawn[:, 0]), [bool(one) for one in drawn[:, 1]]) if both else 0.5

    return bootstrap(of, rows)


def reliability(scores: Sequence[float], labels: Sequence[bool]) -> list[Bin]:
    """How often pairs of about one probability are as they are told to be."""
    at = np.minimum((np.asarray(scores) * _BINS).astype(int), _BINS - 1)
    found = []
    for number in range(_BINS):
        mine = at == number
        if mine.any():
            told, true = float(np.asarray(scores)[mine].mean()), float(np.asarray(labels)[mine].mean())
            found.append(Bin(int(mine.sum()), told, true))
    return found


def _scored(pairs: Sequence[Pair], scores: Scores, what: str, progress: Progress) -> list[float]:
    found: list[float] = []
    for begin in range(0, len(pairs), 256):
        progress(what, begin, len(pairs))
        found += scores([(one.first, one.second) for one in pairs[begin : begin + 256]])
    progress(what, len(pairs), len(pairs))
    return found
