"""Claims beside evidence, as FM2 and WiCE have them: to fit the support model to, and to report what it is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.datasets import read_rows

_STEPS, _RIDGE = 30, 1e-3


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with a passage, and whether the passage supports all of it; ``id`` is one for all passages of a claim."""

    id: str
    text: str
    passage: str
    supported: bool


def training_claims(folder: Path) -> list[Claim]:
    """FM2's training part and WiCE's training tokens: of the latter the claim, and the claim without what isn't
    supported. Beside its own evidence each supported claim of FM2 is put beside that of the claim before it.

    Raises:
        DatasetError: a file isn't there.
    """
    return [*_fm2(folder / "fm2" / "train.jsonl"), *_tokens(folder / "wice" / "unsupported_tokens_train.jsonl")]


def wice_dev(folder: Path) -> list[Claim]:
    """WiCE's development set, one for each chunk of evidence; reports are made of it, and nothing is tuned on it."""
    rows = [row for _, row in read_rows(folder / "wice" / "dev.jsonl")]
    return [
        Claim(row["meta"]["id"], row["claim"], "\n".join(row["evidence"]), row["label"] == "supported") for row in rows
    ]


def _fm2(file: Path) -> Iterator[Claim]:
    before = ""
    for _, row in read_rows(file):
        gold = "\n".join(one["text"] for one in row["gold_evidence"])
        supported = row["label"] == "SUPPORTS"
        yield Claim(row["id"], row["text"], gold, supported)
        if supported and before:
            yield Claim(row["id"], row["text"], before, supported=False)
        before = gold


def _tokens(file: Path) -> Iterator[Claim]:
    for _, row in read_rows(file):
        evidence = "\n".join(row["evidence"])
        kept = [t for t, gone in zip(row["claim_tokens"], row["non_supported_spans"], strict=True) if not gone]
        yield Claim(row["meta"]["id"], row["claim"], evidence, supported=not any(row["non_supported_spans"]))
        if kept:
            yield Claim(row["meta"]["id"], " ".join(kept), evidence, supported=True)


def fit_logistic(features: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Bias and weights of a logistic regression with a slight ridge, by Newton's method."""
    rows = np.asarray(features, dtype=float)
    design, wanted = np.column_stack([np.ones(len(rows)), rows]), np.asarray(labels, dtype=float)
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        found = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (wanted - found) - _RIDGE * weights
        curve = (design * (found * (1 - found))[:, None]).T @ design + _RIDGE * np.eye(len(weights))
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """The probability that a supported claim scores higher than one that isn't, ties counting half."""
    given, wanted = np.asarray(scores, dtype=float), np.asarray(labels, dtype=bool)
    above = given[wanted][:, None] - given[~wanted][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())
