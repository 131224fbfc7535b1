"""Holds a judge's scores against people's labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.judging_settings import JudgingSettings
from eval.datasets import DatasetError
from eval.judging.agreement import alpha, confusion, kappa
from eval.judging.calibration import Calibration, Drift, LengthBias, Pair, PositionBias, Scale
from eval.judging.inference import prediction_powered_mean
from eval.judging.judge import Identity
from eval.judging.labels import Labels
from eval.judging.records import PairRow, Row, ScoreRow
from eval.metrics import Estimate, bootstrap, mean_with_interval, wilson

_RESAMPLES = 2000
_THIRDS = ("short", "middle", "long")


@dataclass(frozen=True, slots=True)
class Held:
    """The judgments of one judge by one criterion beside people's labels."""

    judge: Identity
    criterion: str
    pairs: Sequence[Pair]
    unlabelled: Sequence[int]
    failed: int
    compared: Sequence[PairRow]

    @classmethod
    def of(cls, rows: Sequence[Row], name: str, criterion: str, labels: Labels, scale: Scale) -> Self:
        """Bring both together.

        Raises:
            DatasetError: no such judge, several models or prompts of its name, no answer that both have, or a score
                outside the scale.
        """
        mine = [row for row in rows if isinstance(row, ScoreRow) and row.judge.name == name]
        identities = {row.judge for row in mine}
        if len(identities) != 1:
            known = ", ".join(sorted({row.judge.name for row in rows if isinstance(row, ScoreRow)})) or "none"
            what = f"several judges called {name!r}" if identities else f"no scores of a judge called {name!r}"
            raise DatasetError(
                f"The judgments hold {what}; there are: {known}. Name one of them, in a file of its own."
            )
        agreed, pairs, rest = labels.agreed, list[Pair](), list[int]()
        for row in mine:
            score = row.scores.get(criterion)
            if score is None:
                continue
            if not scale[0] <= score <= scale[1]:
                raise DatasetError(f"The judge scored {row.item!r} {score}, which is outside the scale {scale}.")
            human = agreed.get((row.item, row.configuration), agreed.get((row.item, "")))
            if human is None:
                rest.append(score)
            else:
                pairs.append(
                    Pair(item=row.item, configuration=row.configuration, human=human, judge=score, length=row.length)
                )
        if len(pairs) < 2:  # noqa: PLR2004
            raise DatasetError(
                f"Only {len(pairs)} answers have both a label and a score of {name!r} by {criterion}: label more of "
                "the answers that were judged, under the same items and configurations."
            )
        compared = [row for row in rows if isinstance(row, PairRow) and row.judge.name == name]
        return cls(next(iter(identities)), criterion, pairs, rest, sum(r.failure is not None for r in mine), compared)


def calibrate(
    held: Held, labels: Labels, scale: Scale, settings: JudgingSettings, previous: Calibration | None = None
) -> Calibration:
    """Hold a judge against people.

    Args:
        previous: its last calibration.

    Raises:
        DatasetError: that one is of another judge, criterion or scale.
    """
    human, judge = ([getattr(pair, who) for pair in held.pairs] for who in ("human", "judge"))
    table = confusion(human, judge, scale)
    rows = np.array([human, judge], dtype=float).T
    power = prediction_powered_mean(human, judge, held.unlabelled) if len(held.unlabelled) > 1 else None
    between = [list(found.values()) for found in labels.by_item.values()]
    people = alpha(between)
    return Calibration(
        judge=held.judge,
        criterion=held.criterion,
        scale=scale,
        created=datetime.now(UTC),
        labels=len(held.pairs),
        unsure=labels.unsure,
        failed=held.failed,
        kappa=bootstrap(kappa_of(scale, weighted=False), rows),
        weighted_kappa=bootstrap(kappa_of(scale, weighted=True), rows),
        linear_kappa=_known(kappa(table, "linear")),
        alpha=_known(alpha([_raters(pair, labels) for pair in held.pairs])),
        alpha_people=None if math.isnan(people) else people,
        agreement=float(np.mean(rows[:, 0] == rows[:, 1])),
        confusion=table.astype(int).tolist(),
        offset=mean_with_interval([pair.judge - pair.human for pair in held.pairs]),
        length_bias=_length_bias(held.pairs),
        position_bias=_position_bias(held.compared),
        mean_people=mean_with_interval(human),
        mean=power.estimate if power else None,
        power=power.power if power else None,
        unlabelled=len(held.unlabelled),
        drift=_drift(held, scale, previous) if previous else None,
        floor=settings.floor,
        least_labels=settings.least_labels,
        pairs=list(held.pairs),
    )


def _raters(pair: Pair, labels: Labels) -> list[int]:
    people = labels.by_item.get((pair.item, pair.configuration)) or labels.by_item[(pair.item, "")]
    return [*people.values(), pair.judge]


def _known(value: float) -> float:
    """Where agreement beyond chance can't be told, there is none."""
    return 0.0 if math.isnan(value) else value


def kappa_of(scale: Scale, *, weighted: bool) -> Callable[[NDArray[np.float64]], float]:
    """Cohen's kappa of rows of two ratings; 0 where chance can't be told from agreement."""

    def statistic(rows: NDArray[np.float64]) -> float:
        return _known(kappa(confusion(rows[:, 0], rows[:, 1], scale), "quadratic" if weighted else "none"))

    return statistic


def _length_bias(pairs: Sequence[Pair]) -> LengthBias:
    ordered = sorted(pairs, key=lambda pair: pair.length)
    rows = np.array([[pair.judge - pair.human, pair.length] for pair in ordered], dtype=float)
    thirds = [part for part in np.array_split(rows[:, 0], 3) if len(part)]
    return LengthBias(
        correlation=bootstrap(_spearman, rows),
        by_third={name: mean_with_interval(part.tolist()) for name, part in zip(_THIRDS, thirds, strict=False)},
    )


def _spearman(rows: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata  # noqa: PLC0415 - of the extra

    one, other = rankdata(rows[:, 0]), rankdata(rows[:, 1])
    if not (one.std() and other.std()):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _position_bias(compared: Sequence[PairRow]) -> PositionBias | None:
    whole = [row for row in compared if row.winner is not None]
    firsts = [said == order[0] for row in whole for order, said in row.orders.items() if said in ("a", "b")]
    if not firsts:
        return None
    same = sum(len(set(row.orders.values())) == 1 for row in whole)
    return PositionBias(
        preferences=len(firsts),
        first=_share(sum(firsts), len(firsts)),
        pairs=len(whole),
        consistent=_share(same, len(whole)),
    )


def _share(hits: int, of: int) -> Estimate:
    return Estimate(hits / of, *wilson(hits, of))


def _drift(held: Held, scale: Scale, previous: Calibration) -> Drift:
    if (previous.judge, previous.criterion, previous.scale) != (held.judge, held.criterion, scale):
        raise DatasetError(
            f"The calibration to compare with is of another judge: {previous.judge}, {previous.criterion}, scale "
            f"{previous.scale}. This is {held.judge}, {held.criterion}, scale {scale}. Leave --against out, and the "
            "last one of this judge is taken."
        )
    now, before = (
        np.array([[pair.human, pair.judge] for pair in pairs], dtype=float) for pairs in (held.pairs, previous.pairs)
    )
    of = kappa_of(scale, weighted=True)
    return Drift(
        since=previous.created,
        kappa=_difference(of, now, before),
        offset=_difference(lambda rows: float((rows[:, 1] - rows[:, 0]).mean()), now, before),
    )


def _difference(
    of: Callable[[NDArray[np.float64]], float], now: NDArray[np.float64], before: NDArray[np.float64]
) -> Estimate:
    """Of two independent samples, with a percentile bootstrap interval."""
    generator = np.random.default_rng(0)

    def drawn(rows: NDArray[np.float64]) -> float:
        return of(rows[generator.integers(0, len(rows), len(rows))])

    low, high = np.percentile([drawn(now) - drawn(before) for _ in range(_RESAMPLES)], [2.5, 97.5])
    return Estimate(of(now) - of(before), float(low), float(high))
