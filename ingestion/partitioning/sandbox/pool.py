"""The partitioner that the worker uses: documents are read in child processes that can be killed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from core.errors import DocumentTooLarge, EmptyDocument, Unavailable, UnreadableDocument
from core.logs import get_logger
from core.settings import ParsingSettings
from core.telemetry import stage
from ingestion.partitioning.content import Content, beginning_of, size_of
from ingestion.partitioning.port import Partition
from ingestion.partitioning.sandbox.process import Child, ChildDied, OverMemory, OverOutput, OverTime
from ingestion.partitioning.sandbox.spool import collect
from ingestion.partitioning.sandbox.wire import load_partition

if TYPE_CHECKING:
    from ingestion.partitioning.cloud.prepared_input import Sending

_log = get_logger(__name__)
_ERRORS = {error.__name__: error for error in (UnreadableDocument, EmptyDocument, DocumentTooLarge)}
_CRASHES = 2
"""Children that a document may end before it is held to be at fault: one can be killed by a machine short of memory."""
_REPLACED_AFTER = 1000
"""Documents after which a child is replaced, which bounds what the parsers' libraries leak."""


class ChildProcessPartitioner:
    """Reads documents in a pool of child processes, started when first needed and replaced when they go wrong.

    Thread safe: as many documents are read at a time as there are children; further callers wait.

    Args:
        settings: number of children, and the limits on each document.
    """

    def __init__(self, settings: ParsingSettings) -> None:
        self._settings = settings
        self._free = threading.BoundedSemaphore(settings.processes)
        self._lock = threading.Lock()
        self._idle: list[tuple[Child, int]] = []
        self._busy: set[Child] = set()
        self._closed = False

    def partition(self, content: Content, *, name: str, media_type: str | None = None) -> Partition:
        """Read one document; see :class:`ingestion.partitioning.port.Partitioner`.

        Raises:
            UnreadableDocument, EmptyDocument, DocumentTooLarge: as the port says.
            Unavailable: no child process can be started, or the partitioner is closed.
        """
        with stage("ingest.partition", size=size_of(content)):
            return self._result(self._read(self._head(content, name, media_type), content), name)

    def prepare(self, content: Content, *, name: str, sending: Sending) -> Partition:
        """Open a PDF or an image for a cloud service; see :func:`ingestion.partitioning.cloud.prepared_input.prepare`.

        Raises:
            UnreadableDocument, DocumentTooLarge: as there.
            Unavailable: as :meth:`partition`.
        """
        with stage("ingest.partition.prepare", size=size_of(content)):
            head = {**self._head(content, name, None), "prepare": asdict(sending)}
            return self._result(self._read(head, content), name)

    def _head(self, content: Content, name: str, media_type: str | None) -> dict[str, Any]:
        limit = self._settings.max_file_mb
        if size_of(content) > limit * 1_000_000:
            raise DocumentTooLarge(
                f"{name} is larger than parsing.max_file_mb = {limit}. Split it, or raise the limit."
            )
        return {
            "name": name,
            "media_type": media_type,
            "memory_mb": self._settings.memory_mb,
            "timeout_s": self._settings.timeout_s,
            "limits": {
                "text_bytes": self._settings.max_text_mb * 1_000_000,
                "attachments": self._settings.max_attachments,
                "unpacked_bytes": self._settings.max_unpacked_mb * 1_000_000,
            },
            "pdf": self._pdf_options(content),
        }

    def _pdf_options(self, content: Content) -> dict[str, Any]:
        settings = self._settings
        secrets = settings.pdf_passwords if b"%PDF-" in beginning_of(content, 1024) else ()
        return {
            # Only a PDF's reader is told them: they are somebody's secrets.
            "passwords": [secret.get_secret_value() for secret in secrets],
            "ocr_languages": list(settings.ocr_languages),
            "ocr_seconds": settings.ocr_timeout_s,
            "max_pages": settings.max_pages,
        }

    def _read(self, head: dict[str, Any], content: Content) -> dict[str, Any]:
        for _ in range(_CRASHES):
            try:
                with self._child() as child:
                    return self._ask(child, head, content)
            except ChildDied:
                if self._closed:
                    raise Unavailable("The document parser was closed while it was reading.") from None
        raise UnreadableDocument(f"{head['name']} makes the parser crash; it is probably corrupt.")

    def _ask(self, child: Child, head: dict[str, Any], content: Content) -> dict[str, Any]:
        name, settings = head["name"], self._settings
        try:
            reply: dict[str, Any] = json.loads(child.ask(head, content, settings.timeout_s))
            if "needs_s" in reply:
                reply = json.loads(child.go_on(settings.timeout_s + settings.ocr_timeout_s))
            # Taken while the child is this caller's: the next document overwrites them.
            reply["attachments"] = collect(child.folder, reply.get("attachments", ()))
        except OverTime:
            limit = f"parsing.timeout_s = {settings.timeout_s:g}"
            raise DocumentTooLarge(f"{name} takes longer to read than {limit} allows. Split it, or raise it.") from None
        except OverMemory:
            raise self._memory_error(name) from None
        except OverOutput:
            raise DocumentTooLarge(f"{name} holds more text than parsing.max_text_mb allows.") from None
        return reply

    def _memory_error(self, name: str) -> DocumentTooLarge:
        limit = f"parsing.memory_mb = {self._settings.memory_mb}"
        return DocumentTooLarge(f"{name} needs more memory to read than {limit} allows. Split it, or raise the limit.")

    def _result(self, reply: dict[str, Any], name: str) -> Partition:
        if "partition" in reply:
            return replace(load_partition(reply["partition"]), attachments=tuple(reply["attachments"]))
        if reply.get("why") == "memory":
            raise self._memory_error(name)
        raise _ERRORS[reply["error"]](reply["message"])

    @contextmanager
    def _child(self) -> Iterator[Child]:
        """A child of one's own; it goes back to the pool only if nothing went wrong."""
        with self._free:
            child, used = self._take()
            try:
                yield child
            except BaseException:
                self._end(child)
                raise
            # A child that keeps what it once needed would starve the next document.
            spent = used + 1 >= _REPLACED_AFTER or child.grown_bytes() > self._settings.memory_mb * 500_000
            with self._lock:
                if not spent and not self._closed:
                    self._busy.discard(child)
                    self._idle.append((child, used + 1))
                    return
            self._end(child)

    def _take(self) -> tuple[Child, int]:
        while True:
            with self._lock:
                if self._closed:
                    raise Unavailable("The document parser is closed.")
                child, used = self._idle.pop() if self._idle else (None, 0)
                if child is not None:
                    self._busy.add(child)
            if child is None:
                child = self._start()
            if child.alive:
                return child, used
            # Killed from outside while it was idle, as the kernel does when memory is short.
            _log.warning("parser_gone", pid=child.pid)
            self._end(child)

    def _start(self) -> Child:
        settings = self._settings
        # JSON writes a character in up to six; four times the text is never reached by what isn't runaway.
        child = Child(memory_mb=settings.memory_mb, max_reply_bytes=settings.max_text_mb * 6_000_000 + 1_000_000)
        with self._lock:
            self._busy.add(child)
            closed = self._closed
        if closed:
            self._end(child)
            raise Unavailable("The document parser is closed.")
        return child

    def _end(self, child: Child) -> None:
        with self._lock:
            self._busy.discard(child)
        child.kill()

    def close(self) -> None:
        """End all children, in the middle of a document too. Idempotent."""
        with self._lock:
            self._closed = True
            children = [child for child, _ in self._idle]
            self._idle.clear()
            busy = list(self._busy)
        for child in children:
            child.kill()
        for child in busy:
            # Its caller is waiting on its pipe and cleans up when that breaks.
            child.interrupt()
