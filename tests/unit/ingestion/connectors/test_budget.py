"""How often a source may be asked, in one process."""

from __future__ import annotations

import datetime
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.connectors.budget import LocalBudget, retry_after_s


class _Noon:
    NOON: ClassVar = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)

    def now(self) -> datetime.datetime:
        return self.NOON


@given(
    rate=st.floats(min_value=0.1, max_value=50),
    pauses=st.lists(st.floats(min_value=0, max_value=3), min_size=2, max_size=60),
)
def test_no_span_of_time_sees_more_than_the_rate_and_one_seconds_worth(rate: float, pauses: list[float]) -> None:
    now, sent = 0.0, []
    budget = LocalBudget(lambda: now)
    for pause in pauses:
        now += pause
        now += budget.take(rate, 1e9)
        sent.append(now)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= rate * (sent[last] - sent[first]) + max(1, rate) + 1e-6


def test_what_is_too_long_to_wait_for_is_not_taken() -> None:
    budget = LocalBudget(lambda: 0.0)
    assert budget.take(0.1, 5) == 0
    assert budget.take(0.1, 5) == 10
    assert budget.take(0.1, 5) == 10


def test_a_pause_holds_everybody_up_and_no_crowd_follows_it() -> None:
    now = 0.0
    budget = LocalBudget(lambda: now)
    budget.come_back_in(30)
    budget.come_back_in(5)  # a shorter one doesn't cut it short
    assert budget.take(None, 10) == pytest.approx(30)
    now = 31.0
    waits = [budget.take(4, 100) for _ in range(5)]
    assert waits == pytest.approx([0, 0, 0, 0, 0.25], abs=0.3)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2026 13:01:00 +0100", 60),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("999999999999", 86_400),
        ("Sun, 01 Mar 2099 11:00:00 GMT", 86_400),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_what_retry_after_means(said: str, seconds: float | None) -> None:
    assert retry_after_s(said, _Noon()) == seconds
