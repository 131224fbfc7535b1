"""Server-Sent Events: named events with ids, a heartbeat, and an end on disconnect."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

import anyio
import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": still here\n\n"
_CLOSE_S = 5
"""How long a cancelled source of events may take to let go of what it holds."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its name, its data as JSON bytes without a line break, and the id that a client resumes from."""

    name: str
    data: bytes
    id: str = ""

    @classmethod
    def of(cls, name: str, data: Mapping[str, Any]) -> ServerEvent:
        """An event of that name whose data is this object."""
        return cls(name, orjson.dumps(data))

    def numbered(self, id: str) -> ServerEvent:
        """The same under this id."""
        return replace(self, id=id)

    def encode(self) -> bytes:
        """The event on the wire."""
        return b"id: %s\nevent: %s\ndata: %s\n\n" % (self.id.encode(), self.name.encode(), self.data)


class EventStream(Response):
    """Streams events until their generator ends or the client goes away, whichever is first.

    Starlette's own streaming response notices a client that left only when it next sends. A language model can be
    silent for long, so this one listens for the disconnect and closes the generator then.

    Args:
        events: what to send; closed on every path. It must not raise: errors are events here.
        heartbeat_s: after so long a silence a comment is sent, so that no proxy takes the stream for dead.
    """

    media_type = MEDIA_TYPE

    def __init__(self, events: AsyncGenerator[ServerEvent], heartbeat_s: float) -> None:
        self.events = events
        self.heartbeat_s = heartbeat_s
        self.status_code = 200
        self.background = None
        self.body = b""
        # Proxies that buffer would hold the stream back until it is over.
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the stream."""
        writer = _Writer(send, self.heartbeat_s)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

        async def produce() -> None:
            try:
                async for event in self.events:
                    await writer.write(event.encode())
                await writer.end()
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_S):
                    await self.events.aclose()

        with contextlib.suppress(OSError):  # what a server raises on sending to a client that left
            await run_while_connected(receive, produce, writer.beat)


class _Writer:
    """Sends pieces of a body, one at a time, and knows when it last did."""

    def __init__(self, send: Send, heartbeat_s: float) -> None:
        self._send = send
        self._heartbeat_s = heartbeat_s
        self._lock = anyio.Lock()
        self._last = anyio.current_time()

    async def write(self, piece: bytes) -> None:
        async with self._lock:
            self._last = anyio.current_time()
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        async with self._lock:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def beat(self) -> None:
        """Send a heartbeat after each silence, until the client is gone."""
        with contextlib.suppress(OSError):
            while True:
                await anyio.sleep_until(self._last + self._heartbeat_s)
                if anyio.current_time() >= self._last + self._heartbeat_s:
                    await self.write(HEARTBEAT)


async def run_while_connected(
    receive: Receive,
    work: Callable[[], Coroutine[Any, Any, None]],
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> bool:
    """Run ``work`` to its end, or cancel it when the client disconnects; whether it was run to its end.

    The request's body must have been read. ``beside`` runs along with it and ends with it.
    """
    finished = False
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:

        async def until_disconnect() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(until_disconnect)
        if beside is not None:
            tasks.start_soon(beside)
        try:
            await work()
            finished = True
        except Exception as error:  # noqa: BLE001  carried out of the task group, which would wrap it in a group
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return finished
