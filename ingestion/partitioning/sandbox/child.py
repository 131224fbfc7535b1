"""A parser process: ``python -m ingestion.partitioning.sandbox.child``. Reads documents from stdin until it ends.

It holds no secrets, opens no connections, and may be killed at any moment: that is what it is for.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from core.errors import DocumentError
from ingestion.partitioning.sandbox.serving import OUT_OF_MEMORY, end_itself_after, serve, take_pipes
from ingestion.partitioning.sandbox.spool import spool, take
from ingestion.partitioning.sandbox.wire import dump_partition, pack


def main() -> None:
    """Answer requests, one at a time."""
    requests, replies = take_pipes()
    warnings.simplefilter("ignore")
    from ingestion.partitioning.unstructured_setup import prepare  # noqa: PLC0415

    prepare()
    # Imported after the setup, which changes what unstructured imports.
    from core import language  # noqa: PLC0415
    from ingestion.partitioning import reader  # noqa: F401, PLC0415

    language.warm_up()

    def answer(head: dict[str, Any], content: bytes) -> bytes:
        return _answer(head, content, partial(_ask_for_time, replies, head["timeout_s"]))

    serve(requests, replies, answer)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _ask_for_time(replies: Any, timeout_s: float, seconds: float) -> None:
    """Tell the parent that this document takes so much longer, as OCR does."""
    end_itself_after(timeout_s + seconds)
    replies.write(pack({"needs_s": seconds}))


def _answer(head: dict[str, Any], content: bytes, ask_for_time: Callable[[float], None]) -> bytes:
    from ingestion.partitioning.cloud.prepared_input import Sending, prepare  # noqa: PLC0415
    from ingestion.partitioning.pdf.reader import PdfOptions  # noqa: PLC0415
    from ingestion.partitioning.reader import Limits, read_document  # noqa: PLC0415

    try:
        if "file" in head:
            content = take(head["file"])
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
