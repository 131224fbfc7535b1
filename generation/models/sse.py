"""Reads Server-Sent Events from bytes that are cut anywhere, within characters included."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator

from core.errors import ModelUnavailable

_MAX_LINE = 4_000_000
_BREAK = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


async def read_events(chunks: AsyncIterator[bytes], where: str) -> AsyncGenerator[str]:
    """The data of each event. Lines end with LF, CRLF or CR; comments and other fields are passed over.

    httpx's own line reader also breaks at U+2028 and its like, which JSON may hold unescaped.

    Raises:
        ModelUnavailable: a line that isn't UTF-8, or a line or an event without an end; ``where`` names the model.
    """
    data: list[str] = []
    length = 0
    async for line in _lines(chunks, where):
        if not line:
            if data:
                yield "\n".join(data)
            data, length = [], 0
        elif line.startswith(b"data:"):
            length += len(line)
            if length > _MAX_LINE:
                raise ModelUnavailable(f"{where} sends an event of over {_MAX_LINE} bytes.")
            try:
                data.append(line[5:].removeprefix(b" ").decode("utf-8"))
            except UnicodeDecodeError as error:
                raise ModelUnavailable(f"{where} sends text that isn't UTF-8.") from error


async def _lines(chunks: AsyncIterator[bytes], where: str) -> AsyncGenerator[bytes]:
    """Without their ends, and the first one without a byte order mark."""
    parts: list[bytes] = []
    length = 0
    after_cr, first_line = False, True
    async for chunk in chunks:
        if not chunk:
            continue
        # A line ends with its CR at once: the LF that may follow in the next chunk belongs to it.
        first, *rest = _BREAK.split(chunk.removeprefix(b"\n") if after_cr else chunk)
        after_cr = chunk.endswith(b"\r")
        parts.append(first)
        length += len(first)
        if length > _MAX_LINE:
            raise ModelUnavailable(f"{where} sends a line of over {_MAX_LINE} bytes.")
        for line in rest:
            whole = b"".join(parts)
            yield whole.removeprefix(_BOM) if first_line else whole
            parts, length, first_line = [line], len(line), False
