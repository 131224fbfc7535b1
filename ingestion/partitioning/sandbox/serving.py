"""A child process from the inside: it shuts itself in, then answers requests one at a time until its input ends."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from ingestion.partitioning.sandbox import isolation
from ingestion.partitioning.sandbox.programs import PROGRAMS
from ingestion.partitioning.sandbox.wire import pack, read_frame
from ingestion.partitioning.sandbox.work_folders import end_with_parent, leave

_GRACE = 2
"""By how much the child outlives its time limit before it ends itself, should its parent no longer be there to."""


def serve(requests: BinaryIO, replies: BinaryIO, answer: Callable[[dict[str, Any], bytes], bytes]) -> None:
    """Shut the process in, say so, and answer requests; returns at the end of the input, or once memory ran out.

    Args:
        requests, replies: of :func:`take_pipes`.
        answer: from a request's head and bytes to the reply; :data:`OUT_OF_MEMORY` ends the process.
    """
    isolation.limit()
    enclosure = isolation.enclose(Path.cwd(), _readable())
    end_with_parent(requests)  # a thread begun before would not be enclosed
    replies.write(pack({"network_forbidden": enclosure.network, "files_forbidden": enclosure.files}))
    while (frame := read_frame(requests)) is not None:
        head, content = frame
        _limit_memory(head["memory_mb"])
        end_itself_after(head["timeout_s"])
        reply = answer(head, content)
        signal.alarm(0)
        replies.write(reply)
        if reply is OUT_OF_MEMORY:
            return
    leave()


def end_itself_after(timeout_s: float) -> None:
    """Have the process end some time after its limit, if nobody has ended it by then."""
    signal.alarm(int(timeout_s * _GRACE) + 1)


def _readable() -> list[Path]:
    """What a parser reads besides the system: Python, its packages, and these modules; no settings, no data."""
    root = Path(__file__).resolve().parents[3]
    modules = [root / "core", root / "ingestion"]
    python = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix)]
    packages = [Path(entry) for entry in sys.path if entry and Path(entry).resolve() not in (root, Path.cwd())]
    programs = [Path(path).resolve().parents[1] for program in PROGRAMS if (path := program.path())]
    found = [*modules, *python, *packages, *programs]
    # Never everything, or all of the checkout, in which settings and data may be.
    return [path for path in found if path.resolve() not in (root, *root.parents)]


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep stdin and stdout for frames; whatever a library prints goes to stderr instead of into a frame."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return requests, _Whole(replies)  # type: ignore[return-value]


class _Whole:
    """A raw stream whose ``write`` writes everything; a raw pipe may take less at a time."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._raw.write(view) :]


def _limit_memory(megabytes: int) -> None:
    """Bound what this process may allocate from here on; the parent's watch on its size is slower than an allocation.

    Set for each document, on top of what the process holds already.
    """
    held = psutil.Process().memory_info()
    limit = getattr(held, "data", held.vms) + megabytes * 1_000_000
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


OUT_OF_MEMORY = pack({"error": "DocumentTooLarge", "why": "memory"})
"""Made before it is needed: there may be no memory left to make it."""
