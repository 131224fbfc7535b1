"""Whether a candidate's answers may replace a baseline's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from eval.answers.comparing import Comparison, Tested, compare_configs
from eval.answers.plain import ABSTAINED_RIGHTLY, FAILED, METRICS, TOTAL, UNSUPPORTED
from eval.answers.record import AnswersRun, ConfigRow
from eval.datasets import DatasetError

FLOORS: Mapping[str, float] = {UNSUPPORTED: 0.1, FAILED: 0.02, ABSTAINED_RIGHTLY: 0.5}
"""The worst that a candidate's safety metrics may be, whatever it gains elsewhere."""
RAGAS = "ragas"
"""Whose metrics nobody holds beside people's labels: they are told, and decide nothing."""


def judge_of(metric: str) -> str:
    """The name of the judge whose metric it is, ``NAME: CRITERION``."""
    return metric.rpartition(": ")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersRule:
    """What lets a candidate pass: worse in no metric, better in one, every safety metric within its floor.

    Attributes:
        alpha: a difference with a corrected p below it counts.
        allow_equal: pass without being better in anything: for a change that isn't meant to alter answers.
        latency_ratio: the candidate's median time over the baseline's, at most; None: not looked at.
        max_drop: a mean loss in any tested metric that fails even where it isn't significant; None: not looked at.
        floors: by metric, the worst value; the greatest where less is better.
        without: names of judges whose metrics are told, and not tested.
    """

    alpha: float = 0.05
    allow_equal: bool = False
    latency_ratio: float | None = 1.25
    max_drop: float | None = None
    floors: Mapping[str, float] = field(default_factory=lambda: dict(FLOORS))
    without: Collection[str] = ()

    def leaves_out(self, metric: str) -> bool:
        """Whether a metric is told alone, because of who gave it."""
        return metric not in METRICS and judge_of(metric) in (*self.without, RAGAS)


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that the gate looks at, and what is wrong with it; no faults: it passes."""

    name: str
    says: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswersDecision:
    """What the gate says."""

    comparison: Comparison
    checks: tuple[Checked, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the candidate doesn't pass."""
        return tuple(fault for check in self.checks for fault in check.faults)

    @property
    def passes(self) -> bool:
        """Whether the candidate may replace the baseline."""
        return not self.faults


def decide_answers(
    baseline: AnswersRun,
    candidate: AnswersRun,
    rule: AnswersRule,
    *,
    baseline_config: str | None = None,
    candidate_config: str | None = None,
) -> AnswersDecision:
    """Hold a candidate's answers against a baseline's, over one set of questions.

    Raises:
        DatasetError: the runs are of different questions, aren't whole, lack the configuration, or were measured
            differently.
    """
    if baseline.fingerprint != candidate.fingerprint:
        raise DatasetError(
            f"The baseline asked other questions ({baseline.set}) than the candidate ({candidate.set}): measure the "
            "baseline again on the candidate's."
        )
    for which, run in (("baseline", baseline), ("candidate", candidate)):
        if run.partial:
            raise DatasetError(f"The {which}'s run isn't whole: {run.partial} Finish it, then compare.")
    if baseline.support != candidate.support:
        raise DatasetError(
            f"The baseline's citations were checked by {baseline.support or 'another release'}, the candidate's by "
            f"{candidate.support or 'another release'}: run `footnote eval answers` again in both folders, with one "
            "evidence.model. No question is asked again for it."
        )
    before, after = baseline.config(baseline_config), candidate.config(candidate_config)
    return decide_configs(before, after, rule)


def decide_configs(before: ConfigRow, after: ConfigRow, rule: AnswersRule) -> AnswersDecision:
    """The same of two configurations' figures."""
    comparison = compare_configs(before, after, [name for name in after.metrics if rule.leaves_out(name)])
    tested = [_metric(one, rule) for one in comparison.tested if one.holm is not None]
    floors = [_floor(name, limit, after) for name, limit in rule.floors.items() if name in after.metrics]
    checks = [*tested, *floors]
    if rule.latency_ratio is not None:
        checks.append(_latency(before, after, rule.latency_ratio))
    better = [one for one in comparison.tested if _is_better(one, rule)]
    if not rule.allow_equal and not better and not any(check.faults for check in checks):
        fault = (
            f"No metric is better (Holm's p < {rule.alpha:g}). For a change that isn't meant to change answers, use "
            "--allow-equal."
        )
        checks.append(Checked("better", "better in one metric", (fault,)))
    return AnswersDecision(comparison, tuple(checks))


def _is_better(one: Tested, rule: AnswersRule) -> bool:
    return one.holm is not None and one.holm < rule.alpha and one.gain > 0


def _metric(one: Tested, rule: AnswersRule) -> Checked:
    assert one.holm is not None  # only tested ones come here
    says = (
        f"{one.name} {one.before:.3f} -> {one.after:.3f}, {one.delta.signed()}, p = {one.p:.4f}, "
        f"Holm's {one.holm:.4f}, {one.n} questions"
    )
    if one.gain < 0 and one.holm < rule.alpha:
        return Checked(one.name, says, (f"{one.name} is worse by {-one.gain:.3f} (Holm's p = {one.holm:.4f}).",))
    if rule.max_drop is not None and one.gain < -rule.max_drop:
        fault = f"{one.name} is worse by {-one.gain:.3f}, more than {rule.max_drop:g} (Holm's p = {one.holm:.4f})."
        return Checked(one.name, says, (fault,))
    return Checked(one.name, says)


def _floor(name: str, limit: float, after: ConfigRow) -> Checked:
    value, least = after.metrics[name].value, METRICS[name].better != "down" if name in METRICS else True
    says = f"{name} {value:.3f}, at {'least' if least else 'most'} {limit:g}"
    broken = value < limit if least else value > limit
    fault = (
        f"{name} is {value:.3f}; {limit:g} is the floor, and no gain elsewhere makes up for it (--floor {name}=...)."
    )
    return Checked(f"floor of {name}", says, (fault,) if broken else ())


def _latency(before: ConfigRow, after: ConfigRow, limit: float) -> Checked:
    old, new = before.percentiles[TOTAL][0], after.percentiles[TOTAL][0]
    ratio = new / old if old > 0 else 1.0
    says = f"median time {old:.0f} -> {new:.0f} ms, x{ratio:.2f}"
    fault = (
        f"the median answer takes {new:.0f} ms, {ratio:.2f} times the baseline's {old:.0f} ms; {limit:g} is the limit."
    )
    return Checked("latency", says, (fault,) if ratio > limit else ())


def read_floors(given: Sequence[str]) -> dict[str, float]:
    """The usual floors with those of the command line, ``NAME=VALUE``, over them; ``NAME=none`` takes one away.

    Raises:
        DatasetError: what is given is no floor.
    """
    floors = dict(FLOORS)
    for one in given:
        name, _, value = one.partition("=")
        try:
            if value == "none":
                floors.pop(name, None)
            else:
                floors[name] = float(value)
        except ValueError as error:
            raise DatasetError(f"--floor {one!r}: it takes NAME=VALUE, as {UNSUPPORTED}=0.1, or NAME=none.") from error
    return floors
