"""Renders pages of PDFs in a child process that can be killed."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from core.errors import DocumentTooLarge, NotFound, Unavailable, UnreadableDocument
from core.telemetry import stage
from ingestion.partitioning.sandbox.process import Child, ChildDied, OverMemory, OverOutput, OverTime

NARROWEST, WIDEST = 100, 2400
"""Pixels that an image may be wide."""
_MOST_PIXELS = 12_000_000
_MOST_BYTES = 64_000_000
_MEMORY_MB = 1024
_MODULE = "ingestion.page_images.child"
_REPLACED_AFTER = 1000
"""Images after which the child is replaced, which bounds what PDFium may leak."""


class PageRenderer:
    """Renders one page at a time, in a child that is started when first needed and replaced when it goes wrong.

    Thread safe; callers wait for each other, but not many and not long.

    Args:
        passwords: tried on encrypted files, one after another.
        timeout_s: for one image.
        wait_s: how long a caller waits for its turn.
        most_waiting: callers that wait; further ones are refused.
    """

    def __init__(
        self, passwords: Sequence[str] = (), *, timeout_s: float = 20, wait_s: float = 20, most_waiting: int = 8
    ) -> None:
        self._passwords = list(passwords)
        self._timeout_s = timeout_s
        self._wait_s = wait_s
        self._queue = threading.BoundedSemaphore(most_waiting + 1)
        self._turn = threading.Lock()
        self._child: Child | None = None
        self._used = 0
        self._closed = False

    def render(self, content: bytes, *, name: str, page: int, width: int) -> bytes:
        """A page of a PDF, from 1, as PNG.

        Args:
            width: in pixels, from :data:`NARROWEST` to :data:`WIDEST`; an extremely high page gets fewer.

        Raises:
            NotFound: it has no such page.
            UnreadableDocument: PDFium can't open it, or crashes on it.
            DocumentTooLarge: it takes too long or too much memory.
            Unavailable: too many images are asked for at once, or no child can be started.
        """
        head = {
            "page": page,
            "width": min(max(width, NARROWEST), WIDEST),
            "most_pixels": _MOST_PIXELS,
            "memory_mb": _MEMORY_MB,
            "timeout_s": self._timeout_s,
            "passwords": self._passwords,
        }
        with self._its_turn(), stage("page.render", size=len(content)):
            reply = self._ask(head, content, f"Page {page} of {name}")
        if "png" in reply:
            return base64.b64decode(reply["png"])
        raise _refusal(reply, name, page)

    @contextmanager
    def _its_turn(self) -> Iterator[None]:
        busy = Unavailable("Too many pages are being rendered at once. Try again in a few seconds.")
        if not self._queue.acquire(blocking=False):
            raise busy
        try:
            if not self._turn.acquire(timeout=self._wait_s):
                raise busy
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._queue.release()

    def _ask(self, head: dict[str, Any], content: bytes, what: str) -> dict[str, Any]:
        child = self._current()
        try:
            reply: dict[str, Any] = json.loads(child.ask(head, content, self._timeout_s))
        except ChildDied:
            self._end()
            if self._closed:
                raise Unavailable("The renderer of pages was closed while it was at work.") from None
            raise UnreadableDocument(f"{what} makes the renderer crash; the file is probably corrupt.") from None
        except OverTime:
            self._end()
            raise DocumentTooLarge(f"{what} takes longer than {self._timeout_s:g} s to render.") from None
        except (OverMemory, OverOutput):
            self._end()
            raise DocumentTooLarge(f"{what} needs more memory than there is for rendering it.") from None
        except BaseException:
            self._end()
            raise
        if reply.get("why") == "memory":
            self._end()
            raise DocumentTooLarge(f"{what} needs more memory than there is for rendering it.")
        return reply

    def _current(self) -> Child:
        if self._closed:
            raise Unavailable("The renderer of pages is closed.")
        self._used += 1
        if self._child is not None and (self._used > _REPLACED_AFTER or not self._child.alive):
            self._end()
        if self._child is None:
            self._child, self._used = Child(memory_mb=_MEMORY_MB, max_reply_bytes=_MOST_BYTES, module=_MODULE), 1
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End the child, in the middle of an image too. Idempotent."""
        self._closed = True
        child = self._child
        if child is not None:
            child.interrupt()
        with self._turn:
            self._end()


def _refusal(reply: dict[str, Any], name: str, page: int) -> Exception:
    if reply["error"] == "page":
        return NotFound(f"{name} has pages 1 to {reply['pages']}, but no {page}.")
    if reply["error"] == "password":
        return UnreadableDocument(f"{name} is encrypted, and none of parsing.pdf_passwords opens it.")
    return UnreadableDocument(f"{name} can't be rendered; it is probably corrupt ({reply['message']}).")
