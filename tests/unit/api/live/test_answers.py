"""Answers that outlive the streams that read them, in one process and between two."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest

from api.live.answers import LiveAnswers
from api.live.event_id import EventId
from api.live.port import TERMINAL, Shared, Wanted
from api.sse import ServerEvent
from core.conversation_settings import ConversationSettings
from core.errors import InvalidHeader, ModelUnavailable, NotFound
from core.lanes import Lane

pytestmark = pytest.mark.anyio

ANSWER, OTHER = "a" * 32, "b" * 32
STOPPED = ServerEvent("done", b'{"finish_reason": "stopped"}')


class SharedMemory:
    """What a mirror does, between two objects of this process."""

    def __init__(self) -> None:
        self.events: dict[str, list[ServerEvent]] = {}
        self.known: dict[str, Shared] = {}
        self.alive: set[str] = set()
        self.reading: set[str] = set()
        self.stopping: set[str] = set()

    async def append(self, answer_id: str, shared: Shared, events: Sequence[ServerEvent]) -> None:
        self.known[answer_id] = shared
        self.events.setdefault(answer_id, []).extend(events)
        self.alive.add(answer_id)

    async def shared(self, answer_id: str) -> Shared | None:
        return self.known.get(answer_id)

    async def read(self, answer_id: str, after: int) -> tuple[list[ServerEvent], bool]:
        self.reading.add(answer_id)
        return self.events.get(answer_id, [])[after:], answer_id in self.alive

    async def stop(self, answer_id: str) -> None:
        self.stopping.add(answer_id)

    async def at_work(self, answer_ids: Collection[str]) -> Mapping[str, Wanted]:
        return {one: Wanted(one in self.reading, one in self.stopping) for one in answer_ids}

    async def forget(self, answer_ids: Collection[str]) -> None:
        for one in answer_ids:
            self.known.pop(one, None)

    async def close(self) -> None:
        pass


class Writer:
    """Writes what it is told to, when it is told to."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[ServerEvent | Exception] = asyncio.Queue()
        self.cancelled = asyncio.Event()

    def say(self, *texts: str) -> None:
        for text in texts:
            self.queue.put_nowait(ServerEvent("done" if text == "end" else "token", text.encode()))

    async def write(self, publish: Any) -> None:
        try:
            while True:
                event = await self.queue.get()
                if isinstance(event, Exception):
                    raise event
                publish(event, ["d1"])
                if event.name == "done":
                    return
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def cut(self) -> ServerEvent:
        return STOPPED


def live(mirror: SharedMemory | None = None, **settings: Any) -> LiveAnswers:
    return LiveAnswers(ConversationSettings(**settings), Lane("answers", 2, 1.0, None, "x"), mirror)


async def all_readable(documents: Collection[str]) -> bool:
    assert set(documents) <= {"d1"}
    return True


async def none_readable(_: Collection[str]) -> bool:
    return False


async def texts(stream: Any) -> list[str]:
    async with asyncio.timeout(10):
        return [event.data.decode() async for event in stream]


async def begun(answers: LiveAnswers, *said: str) -> tuple[Writer, Any]:
    writer = Writer()
    writer.say(*said)
    stream = await answers.begin(ANSWER, "user:ida", writer.write, writer.cut)
    return writer, stream


async def test_a_stream_that_broke_goes_on_where_it_was() -> None:
    answers = live()
    writer, stream = await begun(answers, "one", "two")
    first = await anext(stream)
    assert (first.id, first.data) == (f"{ANSWER}.1", b"one")
    await stream.aclose()
    writer.say("three", "end")
    rest = await answers.follow(EventId.read(first.id), "user:ida", all_readable)
    assert await texts(rest) == ["two", "three", "end"]
    again = await answers.follow(EventId(ANSWER), "user:ida", all_readable)
    assert await texts(again) == ["one", "two", "three", "end"]
    await answers.close()


async def test_two_readers_read_side_by_side() -> None:
    answers = live()
    writer, stream = await begun(answers, "one")
    other = await answers.follow(EventId(ANSWER), "user:ida", all_readable)
    reading = asyncio.gather(texts(stream), texts(other))
    writer.say("two", "end")
    assert await reading == [["one", "two", "end"]] * 2
    await answers.close()


async def test_nobody_else_takes_it_up() -> None:
    answers = live()
    _, stream = await begun(answers, "one", "end")
    assert await texts(stream) == ["one", "end"]
    for event, owner, readable in (
        (EventId(ANSWER), "user:eve", all_readable),
        (EventId(OTHER), "user:ida", all_readable),
        (EventId(ANSWER, 1), "user:ida", none_readable),
    ):
        with pytest.raises(NotFound):
            await answers.follow(event, owner, readable)
    with pytest.raises(InvalidHeader, match="doesn't have"):
        await answers.follow(EventId(ANSWER, 3), "user:ida", all_readable)
    with pytest.raises(NotFound):
        await answers.stop(ANSWER, "user:eve")
    await answers.close()


@pytest.mark.parametrize("header", ["", "1", "x.1", f"{ANSWER}", f"{ANSWER}.-1", f"{ANSWER}.99999999", f"{ANSWER}.١"])
def test_what_is_no_event_id(header: str) -> None:
    with pytest.raises(InvalidHeader):
        EventId.read(header)


async def test_what_fails_before_the_first_event_has_no_stream() -> None:
    answers, writer = live(SharedMemory()), Writer()
    writer.queue.put_nowait(ModelUnavailable("It is away."))
    with pytest.raises(ModelUnavailable):
        await answers.begin(ANSWER, "user:ida", writer.write, writer.cut)
    with pytest.raises(NotFound):
        await answers.stop(ANSWER, "user:ida")
    await answers.close()


async def test_what_fails_later_is_the_last_event() -> None:
    answers = live()
    writer, stream = await begun(answers, "one")
    writer.queue.put_nowait(ModelUnavailable("It is away."))
    async with asyncio.timeout(10):
        events = [event async for event in stream]
    assert [event.name for event in events] == ["token", "error"]
    await answers.close()


async def test_stopping_ends_the_work_at_once_and_the_stream_with_a_word() -> None:
    answers = live()
    writer, stream = await begun(answers, "one")
    assert await answers.stop(ANSWER, "user:ida")
    assert writer.cancelled.is_set() or await asyncio.wait_for(writer.cancelled.wait(), 10)
    assert (await texts(stream))[-1] == STOPPED.data.decode()
    assert not await answers.stop(ANSWER, "user:ida")
    await answers.close()


async def test_an_answer_that_nobody_reads_ends_after_its_grace() -> None:
    answers = live(grace_s=0)
    writer, stream = await begun(answers, "one")
    await anext(stream)
    await stream.aclose()
    await asyncio.wait_for(writer.cancelled.wait(), 10)
    await answers.close()


async def test_an_answer_that_nobody_reads_gives_way_to_who_waits() -> None:
    answers = live(grace_s=1000)
    lane = answers._lane
    writer, stream = await begun(answers, "one")
    await anext(stream)
    await stream.aclose()
    async with lane.place(), lane.place():

        async def wait() -> None:
            async with lane.place(begun=False):
                pass

        waiting = asyncio.create_task(wait())
        await asyncio.wait_for(writer.cancelled.wait(), 10)
        waiting.cancel()
    await answers.close()


async def test_another_process_takes_a_stream_up() -> None:
    memory = SharedMemory()
    here, there = live(memory), live(memory)
    writer, stream = await begun(here, "one", "two")
    first = await anext(stream)
    await stream.aclose()
    rest = await there.follow(EventId.read(first.id), "user:ida", all_readable)
    assert (await anext(rest)).data == b"two"
    writer.say("three", "end")
    assert await texts(rest) == ["three", "end"]
    assert writer.queue.empty()
    for event, owner, readable in (
        (EventId(ANSWER), "user:eve", all_readable),
        (EventId(OTHER), "user:ida", all_readable),
        (EventId(ANSWER, 1), "user:ida", none_readable),
    ):
        with pytest.raises(NotFound):
            await there.follow(event, owner, readable)
    memory.alive.clear()
    with pytest.raises(InvalidHeader):
        await there.follow(EventId(ANSWER, 9), "user:ida", all_readable)
    for one in (here, there):
        await one.close()


async def test_another_process_stops_an_answer_and_nobody_elses() -> None:
    memory = SharedMemory()
    here, there = live(memory), live(memory)
    writer, stream = await begun(here, "one")
    await anext(stream)
    with pytest.raises(NotFound):
        await there.stop(ANSWER, "user:eve")
    assert await there.stop(ANSWER, "user:ida")
    await asyncio.wait_for(writer.cancelled.wait(), 10)
    assert (await texts(stream))[-1] == STOPPED.data.decode()
    for one in (here, there):
        await one.close()


async def test_a_process_that_died_leaves_an_error_and_not_silence() -> None:
    memory = SharedMemory()
    await memory.append(ANSWER, Shared("user:ida", frozenset()), [ServerEvent("token", b"one")])
    memory.alive.clear()
    answers = live(memory)
    stream = await answers.follow(EventId(ANSWER), "user:ida", all_readable)
    async with asyncio.timeout(10):
        events = [event async for event in stream]
    assert [event.name for event in events] == ["token", "error"]
    assert events[-1].name in TERMINAL
    await answers.close()
