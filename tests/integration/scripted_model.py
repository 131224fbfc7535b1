"""A chat server that answers by scripts: the protocol's own bytes, over a real connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

DEADLINE_S = 10
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

Script = Callable[["Call"], Awaitable[None]]


@dataclass
class Call:
    """One request as the server sees it."""

    headers: dict[str, str]
    body: dict[str, Any]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def gone(self) -> None:
        """Return when the client has hung up."""
        await asyncio.wait_for(self.reader.read(), DEADLINE_S)


@dataclass
class Server:
    """Answers the n-th request by the n-th script, the last one from then on."""

    scripts: list[Script]
    calls: list[Call] = field(default_factory=list)
    url: str = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        assert head[0].startswith("POST /v1/chat/completions")
        call = Call(headers, body, reader, writer)
        self.calls.append(call)
        try:
            await self.scripts[min(len(self.calls), len(self.scripts)) - 1](call)
        finally:
            writer.close()


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[Server]:
    state = Server(list(scripts))
    server = await asyncio.start_server(state.handle, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/"
    try:
        yield state
    finally:
        server.close()


def event(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    delta = {} if content is None else {"content": content}
    payload = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return f"data: {json.dumps(payload, ensure_ascii=False)}\n\n".encode()


USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n'
END = b"data: [DONE]\n\n"


def sends(*pieces: bytes) -> Script:
    async def script(call: Call) -> None:
        await call.send(OK, *pieces)

    return script


def refuses(status: int, body: bytes = b"{}", headers: str = "") -> Script:
    async def script(call: Call) -> None:
        await call.send(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode(), body)

    return script


async def stalls(call: Call) -> None:
    await call.send(OK)
    await call.gone()
