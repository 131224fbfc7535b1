"""What reviewers say of the answers that were drawn for them, week by week."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from eval.datasets import DatasetError
from eval.judging.agreement import alpha
from eval.judging.calibrating import kappa_of
from eval.judging.labels import Labels, lines, read_labels
from eval.judging.rubric import CRITERIA, SCALE
from eval.metrics import Estimate, bootstrap

CAUSES = ("retrieval", "evidence", "writing", "outdated")
_BOTH = 2


class _Line(BaseModel):
    """What a line says of its answer, beside the label."""

    model_config = ConfigDict(extra="ignore")

    item: str = Field(min_length=1)
    reviewer: str = Field(min_length=1)
    sample: str = Field(min_length=1)
    weight: float = Field(gt=0, allow_inf_nan=False)
    criterion: Literal["groundedness", "relevance", "coherence", "faithfulness"]
    cause: Annotated[
        Literal["retrieval", "evidence", "writing", "outdated"] | None, BeforeValidator(lambda said: said or None)
    ] = None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two reviewers of the same answers agree by one criterion.

    Attributes:
        answers: that two reviewers scored.
        unsure: scores that were "can't tell".
        kappa: Cohen's, quadratic weights; None below two answers.
        alpha: Krippendorff's, ordinal; None where all scores are the same.
    """

    criterion: str
    answers: int
    unsure: int
    same: float | None
    kappa: Estimate | None
    alpha: float | None


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean score by one criterion in one sample, each answer weighed by how many it stands for."""

    sample: str
    criterion: str
    answers: int
    mean: Estimate


@dataclass(frozen=True, slots=True)
class Mending:
    """Answers that one cause is named for.

    Attributes:
        share: of the week's answers, by weight.
        answers: item to what reviewers wrote.
    """

    sample: str
    cause: str
    share: Estimate
    answers: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """What the reviews come to."""

    answers: int
    reviewers: int
    agreement: Sequence[Agreement]
    means: Sequence[Mean]
    to_mend: Sequence[Mending]


def found_in(file: Path) -> Found:
    """Read the labels that ``footnote reviews results`` wrote, and add them up.

    Raises:
        DatasetError: the file can't be read or holds no label, or a line isn't one; names the line.
    """
    read = _read(file)
    of_item = {line.item: line for line in read}
    labels = {criterion: read_labels(file, criterion, SCALE, none=True) for criterion in _criteria(read)}
    samples = sorted({line.sample for line in read})
    means = [
        mean
        for sample in samples
        for criterion, said in labels.items()
        if (mean := _mean(sample, criterion, said, of_item)) is not None
    ]
    return Found(
        answers=len(of_item),
        reviewers=len({line.reviewer for line in read}),
        agreement=[_agreement(criterion, said) for criterion, said in labels.items()],
        means=means,
        to_mend=[one for sample in samples for cause in CAUSES if (one := _mending(sample, cause, read)) is not None],
    )


def _read(file: Path) -> list[_Line]:
    found = []
    for where, row in lines(file):
        try:
            found.append(_Line.model_validate(row))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise DatasetError(
                f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}. Use a file that "
                "`footnote reviews results --labels` wrote."
            ) from error
    if not found:
        raise DatasetError(f"{file} holds no reviews: every answer waits for a reviewer (`footnote reviews list`).")
    return found


def _criteria(read: Sequence[_Line]) -> list[str]:
    there = {line.criterion for line in read}
    return [criterion for criterion in CRITERIA if criterion in there]


def _agreement(criterion: str, labels: Labels) -> Agreement:
    both = [list(said.values()) for _, said in sorted(labels.by_item.items()) if len(said) == _BOTH]
    rows = np.array(both, dtype=float).reshape(-1, 2)
    together = alpha(both)
    return Agreement(
        criterion=criterion,
        answers=len(both),
        unsure=labels.unsure,
        same=float(np.mean(rows[:, 0] == rows[:, 1])) if both else None,
        kappa=bootstrap(kappa_of(SCALE, weighted=True), rows) if len(both) > 1 else None,
        alpha=None if math.isnan(together) else together,
    )


def _mean(sample: str, criterion: str, labels: Labels, of_item: Mapping[str, _Line]) -> Mean | None:
    rows = [
        (fmean(said.values()), of_item[item].weight)
        for (item, _), said in sorted(labels.by_item.items())
        if of_item[item].sample == sample
    ]
    if not rows:
        return None
    return Mean(sample, criterion, len(rows), bootstrap(_weighted, np.array(rows, dtype=float)))


def _mending(sample: str, cause: str, read: Sequence[_Line]) -> Mending | None:
    here = {line.item: line.weight for line in read if line.sample == sample}
    named = [line for line in read if line.sample == sample and line.cause == cause]
    if not named:
        return None
    answers: dict[str, list[str]] = {line.item: [] for line in named}
    for line in named:
        if line.comment and line.comment not in answers[line.item]:
            answers[line.item].append(line.comment)
    rows = np.array([(float(item in answers), weight) for item, weight in here.items()])
    return Mending(sample, cause, bootstrap(_weighted, rows), answers)


def _weighted(rows: NDArray[np.float64]) -> float:
    return float(np.average(rows[:, 0], weights=rows[:, 1]))
