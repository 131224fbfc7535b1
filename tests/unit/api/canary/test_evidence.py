"""False alarms and power of the test that is looked at every day."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from api.canary.evidence import ALPHA, evidence_of, log_evidence

DAYS = 56


def simulated(rng: np.random.Generator, rates: tuple[Any, Any], share: Any, per_day: int, runs: int) -> Any:
    """The evidence of whole canaries: (runs, days)."""
    of_b = rng.binomial(per_day, np.broadcast_to(share, (runs, DAYS)))
    of_a = per_day - of_b
    failed_a = rng.binomial(of_a, np.broadcast_to(rates[0], (runs, DAYS)))
    failed_b = rng.binomial(of_b, np.broadcast_to(rates[1], (runs, DAYS)))
    worse, better = log_evidence(np.stack([failed_a, of_a, failed_b, of_b], axis=-1))
    return np.logaddexp(worse, better) - np.log(2)


GROWING = np.repeat([0.05, 0.25, 0.5], [14, 14, 28])
SWINGING = 0.1 + 0.08 * np.sin(np.arange(DAYS))


@pytest.mark.parametrize(
    ("rate", "share", "per_day"),
    [(0.02, 0.25, 400), (0.1, 0.05, 400), (0.5, 0.25, 40), (SWINGING, GROWING, 200)],
    ids=["rare", "small share", "few", "the rate changes by the day and the share grows"],
)
def test_daily_looks_over_eight_weeks_raise_few_false_alarms(rate: Any, share: Any, per_day: int) -> None:
    both = simulated(np.random.default_rng(11), (rate, rate), share, per_day, 1000)
    alarms = int((both >= -math.log(ALPHA)).any(axis=-1).sum())
    print(f"{alarms} false alarms in 1,000 canaries")
    assert alarms / 1000 <= ALPHA


def test_a_candidate_that_fails_half_as_often_again_is_found() -> None:
    both = simulated(np.random.default_rng(12), (0.1, 0.15), 0.25, 400, 500)
    reached = both >= -math.log(ALPHA)
    found = reached.any(axis=-1)
    print(f"{found.mean():.1%} found, half of them by day {int(np.median(reached.argmax(axis=-1))) + 1}")
    assert found.mean() >= 0.9


def test_a_block_expects_at_most_one_at_any_common_rate() -> None:
    """Exactly, by summing over all outcomes of a small block."""
    of_a, of_b = 5, 3
    failed_a, failed_b = (grid.ravel() for grid in np.meshgrid(np.arange(of_a + 1), np.arange(of_b + 1)))
    one_day = np.stack([failed_a, np.full_like(failed_a, of_a), failed_b, np.full_like(failed_b, of_b)], axis=-1)
    for side in log_evidence(one_day[:, None, :]):
        for rate in np.linspace(0, 1, 41):
            chance = binom.pmf(failed_a, of_a, rate) * binom.pmf(failed_b, of_b, rate)
            assert (chance * np.exp(side[:, 0])).sum() <= 1 + 1e-12


def test_verdicts_have_a_side_and_last() -> None:
    worse, better, none = [(10, 300, 30, 100)] * 5, [(90, 300, 5, 100)] * 5, [(30, 300, 10, 100)] * 5
    assert evidence_of(worse).verdict == "worse"
    assert evidence_of(better).verdict == "better"
    assert evidence_of(none).verdict == "open"
    later = evidence_of([*worse, *[(30, 300, 10, 100)] * 30])
    assert later.verdict == "worse"
    assert later.p_value <= evidence_of(worse).p_value
    assert later.e_value < evidence_of(worse).e_value


def test_without_both_arms_there_is_no_evidence() -> None:
    for days in ([], [(0, 0, 0, 0)], [(5, 50, 0, 0)] * 3, [(0, 0, 50, 50)] * 3):
        found = evidence_of(days)
        assert found.verdict == "open"
        assert found.e_value == pytest.approx(1)
        assert found.p_value == pytest.approx(1)


def test_overwhelming_evidence_stays_a_number() -> None:
    found = evidence_of([(0, 10**6, 10**6, 10**6)])
    assert found.verdict == "worse"
    assert math.isfinite(found.e_value)
    assert found.p_value < 1e-100
