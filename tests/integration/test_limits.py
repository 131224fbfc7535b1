"""Limits that processes share, in a real Valkey."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from api.limits.limits import Limits
from api.limits.shared import PREFIX, SharedCounter
from api.limits.subjects import Subject
from core.errors import LimitReached
from core.limit_settings import Quota
from tests.integration.valkey import serving

pytestmark = pytest.mark.anyio
RATE, BURST, SECONDS = 150, 30, 3.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as (address, _):
        yield address


@pytest.fixture
async def counter(url: str) -> AsyncIterator[SharedCounter]:
    made = SharedCounter(url, 5)
    yield made
    await made.close()


def subject(name: str, **quota: int) -> Subject:
    return Subject("key", name, Quota(**quota))


_CLIENT = """
import asyncio, sys, redis
from api.limits.shared import SharedCounter
from api.limits.subjects import Subject
from core.limit_settings import Quota

url, rate, burst, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])

async def main():
    subject = Subject("key", "shared", Quota(requests_per_minute=60 * rate, burst=burst))
    counter = SharedCounter(url, 5)
    clock = redis.Redis.from_url(url)
    now = lambda: (lambda time: time[0] + time[1] / 1e6)(clock.time())
    sys.stdout.write("ready\\n"); sys.stdout.flush()
    begin = float(sys.stdin.readline())
    while now() < begin:
        pass
    passed = 0
    while now() < begin + seconds:
        passed += (await counter.request([subject]))[0].wait_s == 0
    print(passed)

asyncio.run(main())
"""


def test_four_processes_keep_to_one_rate_within_two_percent(url: str) -> None:
    command = [sys.executable, "-c", _CLIENT, url, str(RATE), str(BURST), str(SECONDS)]
    root = Path(__file__).parents[2]
    clients = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(4)
    ]
    try:
        for client in clients:
            assert client.stdout is not None
            assert client.stdout.readline() == "ready\n"
        with redis.Redis.from_url(url) as valkey:
            seconds, micros = valkey.time()  # type: ignore[misc]
        begin = f"{seconds + micros / 1e6 + 0.1}\n"
        for client in clients:
            assert client.stdin is not None
            client.stdin.write(begin)
            client.stdin.flush()
        passed = [int(client.communicate(timeout=60)[0]) for client in clients]
    finally:
        for client in clients:
            client.kill()
            client.wait(10)
    wanted = BURST + RATE * SECONDS
    assert abs(sum(passed) - wanted) <= 0.02 * wanted, passed


async def test_a_request_counts_for_all_or_for_none(counter: SharedCounter) -> None:
    wide, narrow = subject("wide", requests_per_minute=60, burst=10), subject("narrow", requests_per_minute=1, burst=1)
    first = await counter.request([wide, narrow])
    assert [(one.remaining, one.wait_s) for one in first] == [(9, 0), (0, 0)]
    for _ in range(3):
        refused = await counter.request([wide, narrow])
        assert refused[0].wait_s == 0
        assert 50 < refused[1].wait_s <= 60
    assert (await counter.request([wide]))[0].remaining == 8


async def test_streams_of_all_processes_are_counted_and_those_of_dead_ones_end(
    counter: SharedCounter, url: str
) -> None:
    ann = subject("ann", streams=2)
    other = SharedCounter(url, 5)
    try:
        assert [await one.enter([ann], lease) for one, lease in ((counter, "a"), (other, "b"))] == [None, None]
        refusal = await counter.enter([ann], "c")
        assert refusal is not None
        assert (refusal.subject, refusal.what) == (ann, "streams")
        with redis.Redis.from_url(url) as valkey:
            key = f"{PREFIX}streams:{ann.name}"
            assert 0 < valkey.pttl(key) <= 31_000
            valkey.zadd(key, {"a": 1}, xx=True)  # nobody has renewed it
            assert await other.enter([ann], "d") is None
            before = valkey.zscore(key, "d")
            await other.renew([("d", ann), ("gone", ann)])
            assert valkey.zscore(key, "d") > before  # type: ignore[operator]
            assert sorted(valkey.zrange(key, 0, -1)) == [b"b", b"d"]  # type: ignore[arg-type]
        await counter.leave([ann], "d")
        assert await counter.enter([ann], "e") is None
    finally:
        await other.close()


async def test_tokens_are_spent_together_and_are_of_a_day(counter: SharedCounter, url: str) -> None:
    ann = subject("spender", tokens_per_day=100)
    await counter.spend([ann], 60)
    assert await counter.enter([ann], "a") is None
    await counter.spend([ann], 60)
    refusal = await counter.enter([ann], "b")
    assert refusal is not None
    assert refusal.what == "tokens"
    assert 0 < refusal.wait_s <= 86_400
    with redis.Redis.from_url(url) as valkey:
        key = f"{PREFIX}tokens:{ann.name}"
        valkey.hincrby(key, "day", -1)
        assert await counter.enter([ann], "b") is None
        await counter.spend([ann], 1)
        assert valkey.hget(key, "tokens") == b"1"
        assert valkey.pttl(key) > 0


async def test_what_valkey_holds_names_nobody(url: str) -> None:
    with redis.Redis.from_url(url) as valkey:
        keys = list(valkey.scan_iter())
    assert keys
    assert all(key.startswith(PREFIX.encode()) for key in keys)


async def test_a_stopped_valkey_holds_nobody_up(tmp_path: Path) -> None:
    limits = Limits(SharedCounter(f"unix://{tmp_path}/none.sock", 0.2))
    ann = subject("ann", requests_per_minute=60, burst=1, streams=1)
    await limits.admit([ann])
    with pytest.raises(LimitReached):
        await limits.admit([ann])
    async with limits.stream([ann]):
        with pytest.raises(LimitReached):
            async with asyncio.timeout(5), limits.stream([ann]):
                pass
    await limits.close()
