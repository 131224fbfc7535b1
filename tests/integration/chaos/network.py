"""A TCP proxy between the installation and something that it needs, which cuts, slows and silences on demand."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Literal

Mode = Literal["well", "cut", "slow", "silent", "errors"]
CHUNK = 16_384
SLOW_S = 0.1
"""Of each piece of up to 16 KB, both ways."""
_WHY = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
_HEAD = b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
_ERROR = _HEAD % len(_WHY) + _WHY


class Proxy:
    """A link to a port of this machine.

    ``cut``: connections break and none is taken. ``slow``: each piece waits. ``silent``: nothing passes, and nobody
    hangs up. ``errors``: every request is answered with 503.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._mode: Mode = "well"
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        self.port = started.result(30)

    def set(self, mode: Mode) -> None:
        """Be like that from now on."""
        self._loop.call_soon_threadsafe(self._become, mode)

    def close(self) -> None:
        """Hang up on everybody."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _become(self, mode: Mode) -> None:
        self._mode = mode
        if mode == "silent":
            self._flows.clear()
        else:
            self._flows.set()
        if mode in ("cut", "errors"):
            for writer in self._writers:
                writer.transport.abort()

    def _run(self, started: Future[int]) -> None:
        asyncio.set_event_loop(self._loop)
        self._flows.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        started.set_result(server.sockets[0].getsockname()[1])
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._hang_up())
        self._loop.close()

    async def _hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._mode == "errors":
                await reader.read(CHUNK)
                writer.write(_ERROR)
                await writer.drain()
            elif self._mode != "cut":
                await self._pass(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # it is cancelled at the very end alone
        finally:
            await self._end(writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers.add(back)
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            await self._end(back)

    async def _end(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while piece := await source.read(CHUNK):
            await self._flows.wait()
            if self._mode == "slow":
                await asyncio.sleep(SLOW_S)
            target.write(piece)
            await target.drain()
        with suppress(OSError):
            target.write_eof()
