"""A document's bytes on their way to a reader: in memory, or in a file that is read from its beginning."""

from __future__ import annotations

import os
from typing import IO

Content = bytes | IO[bytes]


def size_of(content: Content) -> int:
    """How many bytes it has."""
    return len(content) if isinstance(content, bytes) else content.seek(0, os.SEEK_END)


def beginning_of(content: Content, most: int) -> bytes:
    """Its first bytes."""
    if isinstance(content, bytes):
        return content[:most]
    content.seek(0)
    return content.read(most)
