"""A lane lets so many in, lets some wait for a while, and refuses the others."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack

import pytest

from core.errors import Overloaded
from core.lanes import MOST_WAITING, Lane, Lanes
from core.settings import ApiSettings, LlmSettings, Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def lane(places: int = 1, queue_s: float = 30, most_waiting: int | None = 2) -> Lane:
    return Lane("test", places, queue_s, most_waiting, "api.searches")


async def waiting(tasks: list[asyncio.Task[None]]) -> None:
    """Let the tasks run until they wait or have ended."""
    for _ in range(10 * len(tasks)):
        await asyncio.sleep(0)


async def hold(lane: Lane, order: list[int], number: int, *, begun: bool = False) -> None:
    async with lane.place(begun=begun):
        order.append(number)


async def test_work_runs_in_a_thread_and_what_it_raises_comes_through() -> None:
    assert await lane().run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await lane().run(lambda: 1 // 0)


async def test_those_that_wait_get_their_turn_in_order_and_those_too_many_are_refused() -> None:
    small, order = lane(), list[int]()
    async with small.place():
        tasks = [asyncio.create_task(hold(small, order, number)) for number in range(2)]
        await waiting(tasks)
        with pytest.raises(Overloaded, match=r"1 requests.*api\.searches") as refused:
            await hold(small, order, 9)
        assert refused.value.retryable
        assert order == []
    await asyncio.gather(*tasks)
    assert order == [0, 1]


async def test_nobody_waits_longer_than_the_deadline() -> None:
    hasty = lane(queue_s=0.01)
    async with hasty.place():
        with pytest.raises(Overloaded):
            await hasty.run(threading.get_ident)
    await hasty.run(threading.get_ident)  # who gave up has left no trace


async def test_work_that_was_begun_waits_whatever_the_queue_and_the_deadline() -> None:
    hasty, order = lane(queue_s=0.01, most_waiting=0), list[int]()
    async with hasty.place():
        begun = asyncio.create_task(hold(hasty, order, 1, begun=True))
        with pytest.raises(Overloaded):
            await hold(hasty, order, 9)
        await asyncio.sleep(0.05)
        assert not begun.done()
    await begun
    assert order == [1]


async def test_a_place_comes_back_however_the_work_ends() -> None:
    small = lane()
    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            async with small.place():
                raise ValueError("no")
    async with small.place():
        gone = asyncio.create_task(hold(small, [], 1))
        await waiting([gone])
        gone.cancel()
        await asyncio.wait([gone])
    await small.run(threading.get_ident)


async def test_a_full_lane_holds_up_no_other() -> None:
    lanes, release = Lanes.of(Settings(api=ApiSettings(searches=2, streams=2))), threading.Event()
    full = [lanes.searches, lanes.answers, lanes.files, lanes.images, lanes.admin]
    async with AsyncExitStack() as held:
        stuck = [asyncio.create_task(lane.run(release.wait)) for lane in full for _ in range(lane.places)]
        await waiting(stuck)
        held.callback(release.set)
        assert await lanes.keys.run(lambda: "checked") == "checked"
    await asyncio.gather(*stuck)


def test_answers_that_a_model_writes_are_many_for_they_are_mostly_waited_for() -> None:
    model = LlmSettings(provider="openai", model="m")
    assert Lanes.of(Settings()).answers.places == 16
    assert Lanes.of(Settings(llm=model)).answers.places == 64
    assert Lanes.of(Settings(llm=model, api=ApiSettings(streams=3))).answers.places == 3


async def test_key_checks_wait_in_any_number() -> None:
    lanes, release = Lanes.of(Settings()), threading.Event()
    checks = [asyncio.create_task(lanes.keys.run(release.wait)) for _ in range(3 * MOST_WAITING)]
    await waiting(checks)
    release.set()
    assert all(await asyncio.gather(*checks))
