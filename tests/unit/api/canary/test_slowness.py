"""False alarms and power of the test of slow answers, which may be looked at after every answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from api.canary.evidence import ALPHA
from api.canary.slowness import SHARE, is_slow, log_slowness


def test_a_day_expects_at_most_one_while_few_answers_are_slow() -> None:
    """Exactly, by summing over all outcomes of two days, with the day that hasn't begun yet at its weight."""
    of = (40, 25)
    for chance in np.linspace(0, SHARE, 11):
        expected = sum(
            float(binom.pmf(one, of[0], chance) * binom.pmf(two, of[1], chance))
            * math.exp(log_slowness([(one, of[0]), (two, of[1])]))
            for one in range(of[0] + 1)
            for two in range(of[1] + 1)
        )
        assert expected <= 1


def test_eight_weeks_of_looks_raise_few_false_alarms() -> None:
    rng, alarms = np.random.default_rng(5), 0
    for _ in range(300):
        slow = rng.binomial(200, SHARE, 56)
        alarms += any(is_slow([(int(one), 200) for one in slow[:day]]) for day in range(1, 57))
    print(f"{alarms} false alarms in 300 canaries of eight weeks")
    assert alarms / 300 <= ALPHA


@pytest.mark.parametrize("quick_days", [0, 30])
def test_five_slow_ones_of_a_hundred_are_found_within_days_however_long_it_was_quick(quick_days: int) -> None:
    rng, days = np.random.default_rng(6), list[int]()
    for _ in range(60):
        counts = [(int(one), 200) for one in rng.binomial(200, 0.002, quick_days)]
        for day in range(1, 15):
            counts.append((int(rng.binomial(200, 0.05)), 200))
            if is_slow(counts):
                days.append(day)
                break
    print(f"{len(days)} of 60 found, half of them by day {int(np.median(days))}")
    assert len(days) == 60
    assert np.median(days) <= 2


def test_without_answers_nothing_is_shown() -> None:
    assert log_slowness([]) == 0
    assert not is_slow([(0, 0)] * 5)
