"""Limits while Valkey doesn't answer, and what they cost a flood."""

from __future__ import annotations

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from api.limits.fields import fields_of
from api.limits.limits import Limits, RequestsRefused
from api.limits.local import LocalCounter
from api.limits.port import NotCounted, Standing
from api.limits.shared import SharedCounter
from api.limits.subjects import Subject
from core.errors import LimitReached
from core.limit_settings import Quota

pytestmark = pytest.mark.anyio
ANN = Subject("principal", "ann", Quota(requests_per_minute=60, burst=2, streams=1, tokens_per_day=10))


class FlakyCounter(LocalCounter):
    """Stands for Valkey: it can be down, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.asked = 0

    async def request(self, subjects: Any) -> list[Standing]:
        self.asked += 1
        if self.down:
            raise NotCounted("ConnectionError")
        return await super().request(subjects)


def limits_over(counter: FlakyCounter, now: list[float]) -> Limits:
    return Limits(cast(SharedCounter, counter), monotonic=lambda: now[0])


async def test_without_valkey_they_are_held_per_process_and_the_log_says_so() -> None:
    counter, now = FlakyCounter(), [0.0]
    limits = limits_over(counter, now)
    counter.down = True
    with capture_logs() as logs:
        await limits.admit([ANN])
        await limits.admit([ANN])
        with pytest.raises(RequestsRefused):
            await limits.admit([ANN])
        assert counter.asked == 1  # for a second it isn't asked again
        now[0], counter.down = 3.0, False
        await limits.admit([ANN])
    assert [entry["event"] for entry in logs] == ["limits.held_per_process", "limits.shared_again"]


async def test_a_flood_that_is_refused_asks_nobody() -> None:
    counter, now = FlakyCounter(), [0.0]
    limits = limits_over(counter, now)
    for _ in range(2):
        await limits.admit([ANN])
    for _ in range(50):
        with pytest.raises(RequestsRefused) as refused:
            await limits.admit([ANN])
    assert counter.asked == 3
    assert 0 < refused.value.retry_after_s <= 1
    assert "60 requests a minute (limits.principal)" in refused.value.message


async def test_a_stream_is_left_on_every_path() -> None:
    limits = Limits(None)
    for error in (None, ValueError(), None):
        try:
            async with limits.stream([ANN]):
                with pytest.raises(LimitReached, match="1 answers under way"):
                    async with limits.stream([ANN]):
                        pass
                await limits.renew()
                if error:
                    raise error
        except ValueError:
            pass
        await limits.close()


async def test_spent_tokens_end_answers_for_today() -> None:
    limits = Limits(None)
    limits.spend([ANN], 10)
    await limits.close()
    with pytest.raises(LimitReached, match="spent 10 tokens") as refused:
        async with limits.stream([ANN]):
            pass
    assert 0 < refused.value.retry_after_s <= 86_400


async def test_whom_nothing_limits_costs_nothing() -> None:
    counter = FlakyCounter()
    limits = limits_over(counter, [0.0])
    free = Subject("key", "free", Quota())
    assert await limits.admit([free]) == []
    async with limits.stream([free]):
        limits.spend([free], 1000)
    assert counter.asked == 0


def test_fields_are_the_drafts() -> None:
    told = dict(fields_of([Standing(ANN, 1, 0, 0.4), Standing(ANN, 0, 2.5, 3.2)]))
    assert told[b"ratelimit-policy"] == b'"principal";q=60;w=60, "principal";q=60;w=60'
    assert told[b"ratelimit"] == b'"principal";r=1;t=1, "principal";r=0;t=4'
    assert fields_of([]) == []
