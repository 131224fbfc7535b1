"""Request bodies that are files: kept beside memory while they come."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast

from fastapi import Request

from core.errors import DocumentTooLarge
from core.lanes import Lane

_IN_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that has come.

    Attributes:
        file: stands at its beginning.
        size: in bytes.
        content_hash: SHA-256, in hex.
    """

    file: BinaryIO
    size: int
    content_hash: str


@asynccontextmanager
async def upload_of(
    request: Request, lane: Lane, most_bytes: int, setting: str = "parsing.max_file_mb"
) -> AsyncIterator[Upload]:
    """A request's body, while the block runs. A megabyte of it is in memory at most.

    Args:
        lane: in which the caller holds a place; its threads write to the disk.
        setting: that says how long it may be.

    Raises:
        DocumentTooLarge: it is longer than ``most_bytes``.
    """
    digest, size, waiting = hashlib.sha256(), 0, bytearray()
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spooled:
        file = cast(BinaryIO, spooled)

        def write(piece: bytes) -> None:
            digest.update(piece)
            file.write(piece)

        async for piece in request.stream():
            size += len(piece)
            if size > most_bytes:
                raise DocumentTooLarge(f"The document is over {most_bytes / 1e6:g} MB ({setting}): split it.")
            waiting += piece
            if len(waiting) >= _IN_MEMORY:
                await lane.run_in_place(partial(write, bytes(waiting)))
                waiting.clear()
        await lane.run_in_place(partial(write, bytes(waiting)))
        file.seek(0)
        yield Upload(file, size, digest.hexdigest())
