"""All answers that are being written: begun, read, taken up again from any process, and stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing

from api.live.event_id import EventId
from api.live.live_answer import LiveAnswer
from api.live.port import TERMINAL, Mirror, Shared
from api.problems import log_error, problem_of
from api.sse import ServerEvent
from core.conversation_settings import ConversationSettings
from core.errors import NotFound, Unavailable
from core.lanes import Lane

MOST_KEPT = 256
"""Answers that ended, in this process's own memory; the oldest go first."""
_LOOK_S = 0.25
_POLL_S = 0.1
_AHEAD_S = 1.0
"""For so long an event that isn't known yet may be on its way from another process."""

Readable = Callable[[Collection[str]], Awaitable[bool]]
"""Whether the caller may read all of these documents now."""
Publish = Callable[[ServerEvent, Collection[str]], None]
"""Takes the next event, and the ids of the documents that it tells anything of."""
Write = Callable[[Publish], Awaitable[None]]
"""Writes an answer to its end."""
Cut = Callable[[], Awaitable[ServerEvent]]
"""The event that ends an answer which was stopped."""


class LiveAnswers:
    """The answers that this process writes, and a way to those of others. For one event loop.

    An answer is written by a task of its own. A stream only reads it, so that one which breaks takes nothing with it.

    Args:
        lane: where answers have their places; those that nobody reads give theirs up to who waits.
        mirror: what tells other processes; None: there are none.
    """

    def __init__(self, settings: ConversationSettings, lane: Lane, mirror: Mirror | None = None) -> None:
        self._settings = settings
        self._lane = lane
        self._mirror = mirror
        self._answers: dict[str, LiveAnswer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None

    async def begin(
        self, answer_id: str, owner: str, write: Write, cut: Cut, *, grace_s: float | None = None
    ) -> AsyncGenerator[ServerEvent]:
        """Have an answer written; returns with its first event, for the stream of all of them.

        Args:
            grace_s: for so long it goes on when nobody reads it; None: as the settings say.

        Raises:
            FootnoteError: it failed before its first event: it has no stream.
        """
        live = LiveAnswer(answer_id, owner, self._settings.grace_s if grace_s is None else grace_s)
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def publish(event: ServerEvent, documents: Collection[str]) -> None:
            live.documents.update(documents)
            live.publish(event)
            if not first.done():
                first.set_result(None)

        self._forget_old()
        self._answers[answer_id] = live
        live.producing = asyncio.create_task(_run(write, publish))
        self._start(self._see_through(live, cut, first))
        if self._looking is None or self._looking.done():
            self._looking = self._start(self._look())
        try:
            if self._mirror is not None:  # a stream that breaks at once is known everywhere
                await self._mirror.append(answer_id, live.shared, ())
            await first
        except asyncio.CancelledError:
            live.stop()
            raise
        return _numbered(answer_id, live.follow(0))

    async def follow(self, event_id: EventId, owner: str, readable: Readable) -> AsyncGenerator[ServerEvent]:
        """The events behind this one, until the last.

        Raises:
            NotFound: there is no such answer, it isn't this owner's, or tells of what they may not read any more.
            InvalidHeader: the answer has no such event.
        """
        live = self._answers.get(event_id.answer)
        mine = live.shared if live else await self._mirrored(event_id.answer)
        await _check(mine, event_id, owner, readable)
        if live is not None:
            if event_id.number > len(live.events):
                raise event_id.unknown()
            return _numbered(event_id.answer, live.follow(event_id.number))
        assert self._mirror is not None
        return await self._follow_elsewhere(self._mirror, event_id)

    async def stop(self, answer_id: str, owner: str) -> bool:
        """Stop an answer, whichever process writes it; whether it was still being written here, or may be elsewhere.

        Raises:
            NotFound: there is no such answer of this owner.
        """
        live = self._answers.get(answer_id)
        mine = live.shared if live else await self._mirrored(answer_id)
        if mine is None or mine.owner != owner:
            raise _missing(answer_id)
        if live is not None:
            return live.stop()
        assert self._mirror is not None
        _, at_work = await self._mirror.read(answer_id, 0)
        await self._mirror.stop(answer_id)
        return at_work

    async def forget(self, answer_ids: Collection[str]) -> None:
        """Stop and forget answers: their conversation was deleted."""
        for answer_id in answer_ids:
            live = self._answers.pop(answer_id, None)
            if live is not None:
                live.stop()
        if self._mirror is not None:
            await self._mirror.forget(answer_ids)

    async def close(self) -> None:
        """Stop everything, and let go of connections."""
        writing = [live.producing for live in self._answers.values() if live.producing]
        for task in (*writing, *self._tasks):
            task.cancel()
        await asyncio.gather(*writing, *self._tasks, return_exceptions=True)
        if self._mirror is not None:
            await self._mirror.close()

    def _start(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        assert isinstance(task, asyncio.Task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _see_through(self, live: LiveAnswer, cut: Cut, first: asyncio.Future[None]) -> None:
        """Mirror an answer, and end its stream whatever ends the answer."""
        assert live.producing is not None
        mirroring = self._start(self._send(live)) if self._mirror is not None else None
        await asyncio.wait({live.producing})
        error = None if live.producing.cancelled() else live.producing.exception()
        if error is not None and not first.done():
            assert isinstance(error, Exception)
            if mirroring is not None:
                mirroring.cancel()
            await self.forget([live.id])
            first.set_exception(error)
            return
        if error is not None:
            assert isinstance(error, Exception)
            log_error(error)
            live.publish(ServerEvent("error", problem_of(error).to_bytes()))
        elif live.ended_at is None:
            live.publish(await cut())
        if not first.done():
            first.set_result(None)

    async def _send(self, live: LiveAnswer) -> None:
        assert self._mirror is not None
        async with aclosing(live.batches()) as batches:
            async for batch in batches:
                await self._mirror.append(live.id, live.shared, batch)

    async def _look(self) -> None:
        """End what nobody reads for too long, or while others wait for its place, and what another process stops."""
        while writing := [live for live in self._answers.values() if live.ended_at is None]:
            wanted = await self._mirror.at_work([live.id for live in writing]) if self._mirror else {}
            now = time.monotonic()
            for live in writing:
                told = wanted.get(live.id)
                if live.readers or (told and told.read):
                    live.unread_since = now
                alone_s = now - live.unread_since
                grace_s = min(_LOOK_S, live.grace_s) if self._lane.waiting else live.grace_s
                if (told and told.stop) or (not live.readers and alone_s >= grace_s):
                    live.stop()
            await asyncio.sleep(min(_LOOK_S, *(live.grace_s or _POLL_S for live in writing)))

    def _forget_old(self) -> None:
        now = time.monotonic()
        ended = [one for one in self._answers.values() if one.ended_at is not None]
        for at, live in enumerate(ended):
            assert live.ended_at is not None
            if now - live.ended_at > self._settings.resume_s or at < len(ended) - MOST_KEPT:
                del self._answers[live.id]

    async def _mirrored(self, answer_id: str) -> Shared | None:
        return await self._mirror.shared(answer_id) if self._mirror is not None else None

    async def _follow_elsewhere(self, mirror: Mirror, event_id: EventId) -> AsyncGenerator[ServerEvent]:
        answer, after = event_id.answer, event_id.number
        until = time.monotonic() + _AHEAD_S
        while after:  # is there an event of this number? It may be on its way.
            found, at_work = await mirror.read(answer, after - 1)
            if found:
                break
            if not at_work or time.monotonic() > until:
                raise event_id.unknown()
            await asyncio.sleep(_POLL_S)
        return _numbered(answer, _polled(mirror, answer, after))


async def _run(write: Write, publish: Publish) -> None:
    await write(publish)


async def _polled(mirror: Mirror, answer: str, after: int) -> AsyncGenerator[tuple[int, ServerEvent]]:
    while True:
        found, at_work = await mirror.read(answer, after)
        for event in found:
            after += 1
            yield after, event
            if event.name in TERMINAL:
                return
        if not found and not at_work:
            gone = Unavailable("The process that wrote this answer ended before it. Ask again.")
            yield after + 1, ServerEvent("error", problem_of(gone).to_bytes())
            return
        await asyncio.sleep(_POLL_S)


async def _numbered(answer: str, events: AsyncGenerator[tuple[int, ServerEvent]]) -> AsyncGenerator[ServerEvent]:
    async with aclosing(events):
        async for number, event in events:
            yield event.numbered(str(EventId(answer, number)))


async def _check(mine: Shared | None, event_id: EventId, owner: str, readable: Readable) -> None:
    if mine is None or mine.owner != owner or not await readable(mine.documents):
        raise _missing(event_id.answer)


def _missing(answer_id: str) -> NotFound:
    return NotFound(f"There is no answer {answer_id[:64]!r} of yours that is being written. Ask again.")
