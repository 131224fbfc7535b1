"""Reads Server-Sent Events from bytes that are cut anywhere, within characters included."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from core.errors import ModelUnavailable

_MAX_LINE = 4_000_000


async def read_events(chunks: AsyncIterator[bytes], where: str) -> AsyncGenerator[str]:
    """The data of each event. Lines end with LF or CRLF; comments and other fields are passed over.

    httpx's own line reader also breaks at U+2028 and its like, which JSON may hold unescaped.

    Raises:
        ModelUnavailable: a line that isn't UTF-8, or one without an end; ``where`` names the server.
    """
    data: list[str] = []
    async for line in _lines(chunks, where):
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith(b"data:"):
            try:
                data.append(line[5:].removeprefix(b" ").decode("utf-8"))
            except UnicodeDecodeError as error:
                raise ModelUnavailable(f"{where} sends text that isn't UTF-8.") from error


async def _lines(chunks: AsyncIterator[bytes], where: str) -> AsyncGenerator[bytes]:
    parts: list[bytes] = []
    length = 0
    async for chunk in chunks:
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        length += len(first)
        if length > _MAX_LINE:
            raise ModelUnavailable(f"{where} sends a line of over {_MAX_LINE} bytes.")
        for line in rest:
            yield b"".join(parts).removesuffix(b"\r")
            parts, length = [line], len(line)
