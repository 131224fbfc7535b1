"""A chat server that speaks the chat-completions protocol, and does with each request as it is told to.

A request says by its earlier turn, ``case 17``, which case it is; the case's number is the seed of all that is random.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 30
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@dataclass
class Call:
    """One request: what is random in its case, and the connection."""

    random: random.Random
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def stall(self) -> None:
        """Say nothing more until the client has hung up."""
        await self.reader.read()

    async def repeat(self, piece: bytes, pause_s: float = 0.0) -> None:
        """Send it until the client has hung up."""
        while not self.reader.at_eof():
            await self.send(piece)
            await asyncio.sleep(pause_s)

    def cut(self, text: str | bytes) -> list[Any]:
        """The text in pieces of random lengths."""
        places = sorted(self.random.sample(range(len(text)), min(len(text), self.random.randint(1, 12))))
        return [text[start:stop] for start, stop in zip([0, *places], [*places, len(text)], strict=True)]


def event(content: object = None, finish: object = None, *, raw: bool = False, **more: Any) -> bytes:
    """A piece of the answer; ``raw``: characters as they are instead of escaped."""
    delta = {} if content is None else {"content": content}
    payload = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(payload, ensure_ascii=not raw).encode("utf-8", "surrogatepass") + b"\n\n"


@dataclass
class HostileModel:
    """The server. ``behave`` is what it does in a case, ``open`` how many connections it has."""

    behave: Callable[[int], Callable[[Call], Awaitable[None]]]
    url: str = ""
    open: int = 0
    asked: int = 0
    faults: list[BaseException] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.asked += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
            messages = json.loads(await reader.readexactly(length))["messages"]
            case = int(messages[1]["content"].removeprefix("case "))
            await self.behave(case)(Call(random.Random(case), reader, writer))
        except (OSError, EOFError):
            pass  # the client has hung up, which it may
        except Exception as error:  # noqa: BLE001  the test looks at them when the server is down
            self.faults.append(error)
        finally:
            self.open -= 1
            writer.close()


@contextmanager
def serving(behave: Callable[[int], Callable[[Call], Awaitable[None]]]) -> Iterator[HostileModel]:
    """The server in a thread of its own, on a free port of this machine."""
    model = HostileModel(behave)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    @asynccontextmanager
    async def listening() -> AsyncIterator[None]:
        server = await asyncio.start_server(model.handle, "127.0.0.1", 0)
        model.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        try:
            yield
        finally:
            server.close()

    async def serve() -> None:
        async with listening():
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield model
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
