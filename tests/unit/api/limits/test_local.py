"""Counting in one process."""

from __future__ import annotations

import pytest

from api.limits.local import MOST_SUBJECTS, LocalCounter
from api.limits.port import LEASE_S
from api.limits.subjects import Subject
from core.limit_settings import Quota

pytestmark = pytest.mark.anyio
DAY = 86_400.0


class Time:
    """A clock that is put where a test wants it."""

    def __init__(self) -> None:
        self.now = 1000 * DAY

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def counter(time: Time) -> LocalCounter:
    return LocalCounter(time)


def subject(id: str = "a", **quota: int) -> Subject:
    return Subject("key", id, Quota(**quota))


async def test_a_burst_then_an_even_pace(counter: LocalCounter, time: Time) -> None:
    ann = subject(requests_per_minute=60, burst=5)
    waits = [(await counter.request([ann]))[0] for _ in range(6)]
    assert [one.remaining for one in waits] == [4, 3, 2, 1, 0, 0]
    assert [one.wait_s for one in waits] == pytest.approx([0, 0, 0, 0, 0, 1])
    passed = 0
    for _ in range(600):  # a minute, ten tries a second
        time.now += 0.1
        passed += (await counter.request([ann]))[0].wait_s == 0
    assert 59 <= passed <= 60


async def test_a_request_that_one_may_not_make_is_counted_to_nobody(counter: LocalCounter) -> None:
    wide, narrow = subject("wide", requests_per_minute=60, burst=10), subject("narrow", requests_per_minute=6, burst=1)
    await counter.request([wide, narrow])
    for _ in range(5):
        refused = await counter.request([wide, narrow])
        assert refused[1].wait_s == pytest.approx(10)
    assert (await counter.request([wide]))[0].remaining == 8


async def test_streams_end_by_leaving_or_when_they_are_not_renewed(counter: LocalCounter, time: Time) -> None:
    ann = subject(streams=2)
    assert [await counter.enter([ann], lease) for lease in "ab"] == [None, None]
    refusal = await counter.enter([ann], "c")
    assert refusal is not None
    assert (refusal.subject, refusal.what) == (ann, "streams")
    await counter.leave([ann], "a")
    assert await counter.enter([ann], "c") is None
    time.now += LEASE_S / 2
    await counter.renew([("c", ann)])
    time.now += LEASE_S / 2
    assert [await counter.enter([ann], lease) is None for lease in "de"] == [True, False]


async def test_tokens_are_of_a_day(counter: LocalCounter, time: Time) -> None:
    ann = subject(tokens_per_day=100)
    await counter.spend([ann], 99)
    assert await counter.enter([ann], "a") is None
    await counter.spend([ann], 5)
    time.now += DAY - 60
    refusal = await counter.enter([ann], "b")
    assert refusal is not None
    assert (refusal.what, refusal.wait_s) == ("tokens", pytest.approx(60))
    time.now += 60
    assert await counter.enter([ann], "b") is None


async def test_many_strangers_fill_no_memory(counter: LocalCounter) -> None:
    for number in range(MOST_SUBJECTS + 10):
        await counter.spend([subject(str(number))], 1)
    assert len(counter._counts) == MOST_SUBJECTS
