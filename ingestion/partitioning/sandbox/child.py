"""A parser process: ``python -m ingestion.partitioning.sandbox.child``. Reads documents from stdin until it ends.

It holds no secrets, opens no connections, and may be killed at any moment: that is what it is for.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from core.errors import DocumentError
from ingestion.partitioning.sandbox import isolation
from ingestion.partitioning.sandbox.programs import PROGRAMS
from ingestion.partitioning.sandbox.spool import spool
from ingestion.partitioning.sandbox.wire import dump_partition, pack, read_frame
from ingestion.partitioning.sandbox.work_folders import end_with_parent, leave

_GRACE = 2
"""By how much the child outlives its time limit before it ends itself, should its parent no longer be there to."""


def main() -> None:
    """Answer requests, one at a time."""
    requests, replies = take_pipes()
    warnings.simplefilter("ignore")
    from ingestion.partitioning.unstructured_setup import prepare  # noqa: PLC0415

    prepare()
    # Imported after the setup, which changes what unstructured imports.
    from ingestion.partitioning import reader  # noqa: F401, PLC0415
    from ingestion.partitioning.text import language  # noqa: PLC0415

    language.warm_up()
    isolation.limit()
    enclosure = isolation.enclose(Path.cwd(), readable())
    end_with_parent(requests)  # a thread begun before would not be enclosed
    replies.write(pack({"network_forbidden": enclosure.network, "files_forbidden": enclosure.files}))
    while (frame := read_frame(requests)) is not None:
        head, content = frame
        limit_memory(head["memory_mb"])
        signal.alarm(int(head["timeout_s"] * _GRACE) + 1)
        reply = _answer(head, content, partial(_ask_for_time, replies, head["timeout_s"]))
        signal.alarm(0)
        replies.write(reply)
        if reply is OUT_OF_MEMORY:
            return
    leave()


def readable() -> list[Path]:
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


def limit_memory(megabytes: int) -> None:
    """Bound what this process may allocate from here on; the parent's watch on its size is slower than an allocation.

    Set for each document, on top of what the process holds already.
    """
    held = psutil.Process().memory_info()
    limit = getattr(held, "data", held.vms) + megabytes * 1_000_000
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


OUT_OF_MEMORY = pack({"error": "DocumentTooLarge", "why": "memory"})
"""Made before it is needed: there may be no memory left to make it."""


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _ask_for_time(replies: Any, timeout_s: float, seconds: float) -> None:
    """Tell the parent that this document takes so much longer, as OCR does."""
    signal.alarm(int((timeout_s + seconds) * _GRACE) + 1)
    replies.write(pack({"needs_s": seconds}))


def _answer(head: dict[str, Any], content: bytes, ask_for_time: Callable[[float], None]) -> bytes:
    from ingestion.partitioning.cloud.prepared_input import Sending, prepare  # noqa: PLC0415
    from ingestion.partitioning.pdf.reader import PdfOptions  # noqa: PLC0415
    from ingestion.partitioning.reader import Limits, read_document  # noqa: PLC0415

    try:
        limits = Limits(**head["limits"])
        told = {key: _frozen(value) for key, value in head["pdf"].items()}
        pdf_options = PdfOptions(**told, ask_for_time=ask_for_time)
        if "prepare" in head:
            sending = Sending(**{key: _frozen(value) for key, value in head["prepare"].items()})
            partition = prepare(content, name=head["name"], sending=sending, pdf_options=pdf_options)
        else:
            partition = read_document(
                content, name=head["name"], media_type=head["media_type"], limits=limits, pdf_options=pdf_options
            )
        return pack({"partition": dump_partition(partition), "attachments": spool(partition.attachments)})
    except DocumentError as error:
        return pack({"error": type(error).__name__, "message": error.message})
    except MemoryError:
        return OUT_OF_MEMORY


if __name__ == "__main__":
    sys.setrecursionlimit(5_000)
    main()
