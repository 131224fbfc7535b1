"""A judge beside people, as it is kept: how far they agree, where it leans, and whether a gate may use it."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from core.errors import ConfigurationError
from core.judging_settings import JudgingSettings
from eval.judging.judge import Identity
from eval.metrics import Estimate
from eval.records import Part, Record

Scale = tuple[int, int]


class Pair(Part):
    """A label of people and a score of the judge for one answer."""

    item: str
    configuration: str
    human: int
    judge: int
    length: int


class LengthBias(Part):
    """Whether the judge favours long answers.

    Attributes:
        correlation: Spearman's, of the judge's score less people's label with the answer's length; above 0: it
            does.
        by_third: the mean difference among short, middle and long answers.
    """

    correlation: Estimate
    by_third: dict[str, Estimate]


class PositionBias(Part):
    """Which of two answers is preferred where it stands first; without bias half.

    Attributes:
        first: the share of preferences for the answer that stood first, of those that weren't ties.
        consistent: the share of pairs with the same outcome in both orders.
    """

    preferences: int
    first: Estimate
    pairs: int
    consistent: Estimate


class Drift(Part):
    """What changed since the last calibration of this judge; an interval without 0 says that something did.

    Attributes:
        since: when that was.
        kappa: of the weighted kappas; below 0: it agrees less.
        offset: of the mean differences between judge and people.
    """

    since: datetime
    kappa: Estimate
    offset: Estimate

    @property
    def worse(self) -> bool:
        """It agrees less with people than it did, surely."""
        return self.kappa.high < 0


class Calibration(Record):
    """One judge by one criterion, held against people's labels.

    Attributes:
        confusion: rows are people's labels, columns the judge's scores, from the least value on.
        alpha: Krippendorff's, ordinal, of the judge as one more rater; ``alpha_people``: of people alone, where two
            labelled the same answers: no judge can be asked for more.
        offset: the judge's mean score less people's mean label.
        mean: people's mean over all answers, prediction-powered; ``mean_people`` from the labels alone.
        power: how much the judge's scores count in ``mean``.
        unlabelled: how many answers only the judge scored.
        accepted: whether a gate may use it, by the floor of the settings at the time.
    """

    judge: Identity
    criterion: str
    scale: Scale
    created: datetime
    labels: int
    unsure: int
    failed: int
    kappa: Estimate
    weighted_kappa: Estimate
    linear_kappa: float
    alpha: float
    alpha_people: float | None
    agreement: float
    confusion: list[list[int]]
    offset: Estimate
    length_bias: LengthBias
    position_bias: PositionBias | None
    mean_people: Estimate
    mean: Estimate | None
    power: float | None
    unlabelled: int
    drift: Drift | None
    floor: float
    least_labels: int
    pairs: list[Pair]

    @property
    def accepted(self) -> bool:
        """Whether a gate may use this judge."""
        return self.labels >= self.least_labels and self.weighted_kappa.value >= self.floor

    @property
    def refusal(self) -> str:
        """Why a gate may not; empty where it may."""
        if self.labels < self.least_labels:
            return f"people labelled {self.labels} of its answers, and it takes {self.least_labels}"
        if self.weighted_kappa.value < self.floor:
            return f"its weighted kappa with people is {self.weighted_kappa.value:.3f}, and the floor is {self.floor:g}"
        return ""


def keep(calibration: Calibration, folder: Path) -> Path:
    """Put it with the earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w.-]+", "-", f"{calibration.judge.name}.{calibration.criterion}")
    file = folder / f"{name}.{calibration.created:%Y%m%dT%H%M%S%f}Z.json"
    calibration.save(file)
    return file


def last(folder: Path, judge: Identity | str, criterion: str, scale: Scale | None = None) -> Calibration | None:
    """The last one of this very judge, or the one that is written so, by this criterion; None if there is none.

    Raises:
        DatasetError: a file of the folder is no calibration.
    """
    found = (Calibration.load(file, "move it away, and calibrate again") for file in sorted(folder.glob("*.json")))
    wanted = str(judge), criterion
    same = [one for one in found if (str(one.judge), one.criterion) == wanted and scale in (None, one.scale)]
    return max(same, key=lambda one: one.created, default=None)


def require(folder: Path, judge: Identity | str, criterion: str, settings: JudgingSettings) -> Calibration:
    """The calibration by which a gate may use this judge, by the floor of today's settings.

    Raises:
        ConfigurationError: it was never calibrated, or people and it agree too little.
    """
    found = last(folder, judge, criterion)
    name = str(judge).partition(" (")[0]
    way = f"footnote eval calibrate --judgments FILE --labels FILE --judge '{name}' --criterion {criterion}"
    if found is None:
        raise ConfigurationError(
            f"The judge {judge} was never calibrated by {criterion}; a calibration of another model, prompt or seed "
            f"says nothing of it. A gate can't use it: leave it out (--without), or: {way}"
        )
    held = found.model_copy(update={"floor": settings.floor, "least_labels": settings.least_labels})
    if held.refusal:
        raise ConfigurationError(
            f"A gate can't use the judge {judge} by {criterion}: {held.refusal} (judging.floor, judging.least_labels). "
            f"Leave it out (--without), use another one, or have people label more: {way}"
        )
    return held
