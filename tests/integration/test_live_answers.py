"""Streams that are taken up by another process, over a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from api.live.answers import LiveAnswers
from api.live.event_id import EventId
from api.live.port import Shared
from api.live.valkey import PREFIX, ValkeyMirror
from core.conversation_settings import ConversationSettings
from core.errors import InvalidHeader, NotFound
from core.lanes import Lane
from tests.integration.valkey import serving
from tests.unit.api.live.test_answers import ANSWER, OTHER, STOPPED, Writer, all_readable, none_readable, texts

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as (address, _):
        yield address


def process(stack: AsyncExitStack, url: str) -> LiveAnswers:
    """The part of one process of the service."""
    settings = ConversationSettings(grace_s=60, resume_s=60)
    made = LiveAnswers(settings, Lane("answers", 2, 1.0, None, "x"), ValkeyMirror(url, settings.resume_s))
    stack.push_async_callback(made.close)
    return made


async def test_another_process_goes_on_with_the_stream_and_calls_no_model(url: str) -> None:
    async with AsyncExitStack() as stack:
        here, there, writer = process(stack, url), process(stack, url), Writer()
        writer.say("one", "two\nlines", "three")
        stream = await here.begin(ANSWER, "user:ida", writer.write, writer.cut)
        first = await anext(stream)
        await stream.aclose()
        rest = await there.follow(EventId.read(first.id), "user:ida", all_readable)
        assert [(await anext(rest)).data, (await anext(rest)).data] == [b"two\nlines", b"three"]
        writer.say("end")
        assert await texts(rest) == ["end"]
        again = await there.follow(EventId(ANSWER), "user:ida", all_readable)
        assert await texts(again) == ["one", "two\nlines", "three", "end"]
        for event, owner, readable in (
            (EventId(ANSWER), "user:eve", all_readable),
            (EventId(OTHER), "user:ida", all_readable),
            (EventId(ANSWER, 1), "user:ida", none_readable),
        ):
            with pytest.raises(NotFound):
                await there.follow(event, owner, readable)
        with pytest.raises(InvalidHeader):
            await there.follow(EventId(ANSWER, 5), "user:ida", all_readable)
        await there.forget([ANSWER])
        with pytest.raises(NotFound):
            await there.follow(EventId(ANSWER), "user:ida", all_readable)


async def test_another_process_stops_it(url: str) -> None:
    async with AsyncExitStack() as stack:
        here, there, writer = process(stack, url), process(stack, url), Writer()
        writer.say("one")
        stream = await here.begin(OTHER, "user:ida", writer.write, writer.cut)
        await anext(stream)
        assert await there.stop(OTHER, "user:ida")
        await asyncio.wait_for(writer.cancelled.wait(), 20)
        assert await texts(stream) == [STOPPED.data.decode()]


async def test_what_is_kept_of_it_expires(url: str) -> None:
    mirror = ValkeyMirror(url, 60)
    await mirror.append("c" * 32, Shared("user:ida", frozenset({"d1"})), [STOPPED])
    await mirror.read("c" * 32, 0)
    await mirror.stop("c" * 32)
    keys = [key async for key in mirror._valkey.scan_iter(match=f"{PREFIX}*")]
    assert len(keys) >= 5
    for key in keys:
        assert 0 < await mirror._valkey.ttl(key) <= 60
    await mirror.close()


async def test_without_valkey_a_stream_goes_on_in_its_own_process() -> None:
    with serving() as (address, valkey):
        async with AsyncExitStack() as stack:
            here, there, writer = process(stack, address), process(stack, address), Writer()
            writer.say("one")
            stream = await here.begin(ANSWER, "user:ida", writer.write, writer.cut)
            first = await anext(stream)
            valkey.kill()
            valkey.wait(10)
            await stream.aclose()
            writer.say("two", "end")
            rest = await here.follow(EventId.read(first.id), "user:ida", all_readable)
            assert await texts(rest) == ["two", "end"]
            with pytest.raises(NotFound):
                await there.follow(EventId(ANSWER), "user:ida", all_readable)
