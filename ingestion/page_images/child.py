"""A process that renders pages: ``python -m ingestion.page_images.child``. Reads PDFs from stdin until it ends.

PDFium is a large parser in C++ that is fed files from anywhere: it runs here, shut in as the parsers of documents are,
with no network, no files and no secrets, and may be killed at any moment.
"""

from __future__ import annotations

import base64
import io
import signal
import sys
from pathlib import Path
from typing import Any

from ingestion.partitioning.sandbox import isolation
from ingestion.partitioning.sandbox.child import OUT_OF_MEMORY, limit_memory, readable, take_pipes
from ingestion.partitioning.sandbox.wire import pack, read_frame
from ingestion.partitioning.sandbox.work_folders import end_with_parent, leave

_GRACE = 2
"""By how much the child outlives its time limit before it ends itself, should its parent no longer be there to."""


def main() -> None:
    """Answer requests, one at a time."""
    requests, replies = take_pipes()
    import pypdfium2  # noqa: F401, PLC0415
    from PIL import PngImagePlugin  # noqa: F401, PLC0415

    isolation.limit()
    enclosure = isolation.enclose(Path.cwd(), readable())
    end_with_parent(requests)  # a thread begun before would not be enclosed
    replies.write(pack({"network_forbidden": enclosure.network, "files_forbidden": enclosure.files}))
    while (frame := read_frame(requests)) is not None:
        head, content = frame
        limit_memory(head["memory_mb"])
        signal.alarm(int(head["timeout_s"] * _GRACE) + 1)
        reply = _answer(head, content)
        signal.alarm(0)
        replies.write(reply)
        if reply is OUT_OF_MEMORY:
            return
    leave()


def _answer(head: dict[str, Any], content: bytes) -> bytes:
    import pypdfium2 as pdfium  # noqa: PLC0415

    try:
        document = _open(content, head["passwords"])
        if document is None:
            return pack({"error": "password"})
        with document:
            pages = len(document)
            if not 1 <= head["page"] <= pages:
                return pack({"error": "page", "pages": pages})
            image = _render(document, head["page"], head["width"], head["most_pixels"])
        return pack({"png": base64.b64encode(image).decode()})
    except (pdfium.PdfiumError, ValueError) as error:
        return pack({"error": "broken", "message": " ".join(str(error).split())[:200]})
    except MemoryError:
        return OUT_OF_MEMORY


def _open(content: bytes, passwords: list[str]) -> Any:
    """The document; None if it asks for another password than these."""
    import pypdfium2 as pdfium  # noqa: PLC0415
    from pypdfium2 import raw  # noqa: PLC0415

    for password in (None, *passwords):
        try:
            return pdfium.PdfDocument(content, password=password)
        except pdfium.PdfiumError as error:
            if getattr(error, "err_code", None) != raw.FPDF_ERR_PASSWORD:
                raise
    return None


def _render(document: Any, number: int, width: int, most_pixels: int) -> bytes:
    """A page, from 1, as PNG, so many pixels wide; a page that is extremely high gets fewer."""
    page = document[number - 1]
    wide, high = (max(side, 1) for side in page.get_size())
    scale = min(width / wide, (most_pixels / (wide * high)) ** 0.5)
    bitmap = page.render(scale=scale)
    written = io.BytesIO()
    bitmap.to_pil().save(written, "png")
    bitmap.close()
    page.close()
    return written.getvalue()


if __name__ == "__main__":
    sys.setrecursionlimit(5_000)
    main()
