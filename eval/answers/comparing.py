"""Whether one configuration's answers are better than another's: paired tests of every metric, corrected by Holm."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.answers.plain import METRICS
from eval.answers.record import AnswersRun, ConfigRow
from eval.metrics import Estimate, mean_with_interval
from eval.retrieval.comparing import p_value

_ALPHA = 0.05
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A metric of two configurations over the questions that it applies to in both.

    Attributes:
        delta: mean difference, with its interval.
        better: which way is better; ``none``: the metric is told and not tested.
        p: of the paired randomisation test, two-sided; None: not tested.
        holm: the same, corrected for all metrics tested.
    """

    name: str
    n: int
    before: float
    after: float
    delta: Estimate
    better: str
    safety: bool
    p: float | None
    holm: float | None

    @property
    def gain(self) -> float:
        """The mean difference, above 0 where the candidate is better."""
        return -self.delta.value if self.better == "down" else self.delta.value


@dataclass(frozen=True, slots=True)
class Comparison:
    """A configuration held against another.

    Attributes:
        moves: by question, the mean gain over the tested metrics; questions that didn't move are left out.
    """

    baseline: str
    candidate: str
    tested: tuple[Tested, ...]
    moves: dict[str, float]


def compare(run: AnswersRun) -> list[Comparison]:
    """Every other configuration of a run against its baseline."""
    before = run.config(run.baseline)
    return [compare_configs(before, one) for one in run.configs if one.name != run.baseline]


def compare_configs(before: ConfigRow, after: ConfigRow, untested: Collection[str] = ()) -> Comparison:
    """Two configurations, over the questions that both have a row of; ``untested`` metrics are told alone."""
    both = [question for question in before.values if question in after.values]
    names = [name for name in before.metrics if name in after.metrics]
    pairs = {name: paired(before.values, after.values, both, name) for name in names}
    tested = [name for name in names if pairs[name][0] and _better(name) != "none" and name not in untested]
    tests, corrected = tests_of({name: pairs[name] for name in tested})
    found = tuple(_tested(name, *pairs[name], tests.get(name), corrected.get(name)) for name in names if pairs[name][0])
    return Comparison(before.name, after.name, found, _moves(before, after, both, list(tests)))


def tests_of(pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> tuple[dict[str, float], dict[str, float]]:
    """Of each metric's paired values the p, and the p corrected by Holm.

    A metric that moved on so few questions that no split of signs could be significant isn't counted among those that
    are corrected for, and has a corrected p of 1. That depends on the sizes of the differences alone, which chance
    doesn't change, so it costs no error (Tarone, A Modified Bonferroni Method for Discrete Data, Biometrics 1990).
    """
    tests = {name: p_value(before, after) for name, (before, after) in pairs.items()}
    counted = {name: tests[name] for name, both in pairs.items() if 2 ** (1 - moved(*both)) < _ALPHA}
    return tests, {**dict.fromkeys(tests, 1.0), **holm(counted)}


def moved(before: Sequence[float], after: Sequence[float]) -> int:
    """How many pairs differ."""
    return int(np.count_nonzero(np.abs(np.subtract(after, before)) > _ROUNDING))


def paired(
    before: Mapping[str, Mapping[str, float | None]],
    after: Mapping[str, Mapping[str, float | None]],
    questions: Sequence[str],
    name: str,
) -> tuple[list[float], list[float]]:
    """A metric's values of both sides, for the questions that it applies to in both."""
    one, two = [], []
    for question in questions:
        a, b = before[question].get(name), after[question].get(name)
        if a is not None and b is not None:
            one.append(a)
            two.append(b)
    return one, two


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Each p corrected so that all of them together err as rarely as one would (Holm, A Simple Sequentially Rejective
    Multiple Test Procedure, Scandinavian Journal of Statistics, 1979)."""
    found, largest = {}, 0.0
    for at, (name, p) in enumerate(sorted(p_values.items(), key=lambda one: one[1])):
        largest = max(largest, min(1.0, (len(p_values) - at) * p))
        found[name] = largest
    return found


def _better(name: str) -> str:
    """Judges' metrics, which aren't listed, are better when higher."""
    return METRICS[name].better if name in METRICS else "up"


def _tested(
    name: str, before: Sequence[float], after: Sequence[float], p: float | None, corrected: float | None
) -> Tested:
    return Tested(
        name=name,
        n=len(before),
        before=float(np.mean(before)),
        after=float(np.mean(after)),
        delta=mean_with_interval([b - a for a, b in zip(before, after, strict=True)]),
        better=_better(name),
        safety=name in METRICS and METRICS[name].safety,
        p=p,
        holm=corrected,
    )


def _moves(before: ConfigRow, after: ConfigRow, both: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    found = {}
    for question in both:
        gains = [
            (b - a) * (-1 if _better(name) == "down" else 1)
            for name in names
            if (a := before.values[question].get(name)) is not None
            and (b := after.values[question].get(name)) is not None
        ]
        if gains and abs(mean := float(np.mean(gains))) > _ROUNDING:
            found[question] = mean
    return found
