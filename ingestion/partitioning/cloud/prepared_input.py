"""What a cloud service is sent of a document: its pages, opened and decrypted. Runs in a child that can be killed.

A cloud service reads what a parser child would, and a hostile file would reach PDFium and Pillow on the way there: that
part stays in the child, which has no network, and the network stays in the worker, which opens no file.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.errors import DocumentTooLarge, UnreadableDocument
from core.place import PageSize
from ingestion.partitioning.media_types import detect
from ingestion.partitioning.ocr.images import check_image
from ingestion.partitioning.pdf.document import OpenPdf
from ingestion.partitioning.pdf.reader import PdfOptions
from ingestion.partitioning.port import Attachment, Partition

_PDF = "application/pdf"
_PNG = "image/png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What a service takes.

    Attributes:
        split: one page a request.
        images: media types of images; others are sent as PNG.
        sheet_bytes: of a request.
        total_bytes: of all of a document's pages together.
    """

    split: bool
    images: tuple[str, ...]
    sheet_bytes: int
    total_bytes: int


def prepare(content: bytes, *, name: str, sending: Sending, pdf_options: PdfOptions) -> Partition:
    """A document without elements, whose attachments are what is to be sent: each of its pages, or all of it as one.

    ``pages`` has the sizes in points; an image counts 72 pixels to the inch, whatever it says itself.

    Raises:
        UnreadableDocument: broken, encrypted with an unknown password, or neither a PDF nor an image.
        DocumentTooLarge: more pages, pixels or bytes than may be.
    """
    detected = detect(content, name)
    if detected.kind not in ("pdf", "image"):
        raise UnreadableDocument(f"{name} is {detected.kind}, which is not sent to a cloud service.")
    if detected.kind == "pdf":
        document = OpenPdf(content, name, pdf_options.passwords, pdf_options.max_pages)
        sheets, pages, metadata = *_pdf_sheets(document, name, sending), document.metadata()
        warnings = ("The file is damaged; it was read after a repair.",) if document.repaired else ()
    else:
        sheets, pages = _image_sheets(content, name, detected.media_type, sending, pdf_options.max_pages)
        metadata, warnings = Partition(elements=()).metadata, ()
    return Partition(
        elements=(),
        metadata=metadata,
        media_type=detected.media_type,
        warnings=(*detected.warnings, *warnings),
        attachments=tuple(sheets),
        pages=tuple(pages),
    )


def _pdf_sheets(document: OpenPdf, name: str, sending: Sending) -> tuple[list[Attachment], list[PageSize]]:
    import pypdfium2 as pdfium  # noqa: PLC0415

    try:
        with pdfium.PdfDocument(document.content, password=document.password or None) as source:
            sizes = [PageSize(*(round(edge, 2) for edge in source.get_page_size(at))) for at in range(len(source))]
            if not sending.split and not document.password:
                return [_sheet(document.content, 0, _PDF, name, sending)], sizes
            groups = [[at] for at in range(len(source))] if sending.split else [list(range(len(source)))]
            written = (_extract(source, group) for group in groups)
            return _bounded(written, _PDF, name, sending), sizes
    except pdfium.PdfiumError as error:
        raise UnreadableDocument(f"{name} can't be read as pdf; it is probably corrupt ({error}).") from error


def _extract(source: Any, pages: list[int]) -> bytes:
    """These pages as a document of their own, which has no password."""
    import pypdfium2 as pdfium  # noqa: PLC0415

    written = io.BytesIO()
    with pdfium.PdfDocument.new() as made:
        made.import_pages(source, pages)
        made.save(written)
    return written.getvalue()


def _image_sheets(
    content: bytes, name: str, media_type: str, sending: Sending, most: int
) -> tuple[list[Attachment], list[PageSize]]:
    from PIL import Image  # noqa: PLC0415

    check_image(content, name)
    with Image.open(io.BytesIO(content)) as image:
        frames = getattr(image, "n_frames", 1) if media_type == "image/tiff" else 1
        if frames > most:
            raise DocumentTooLarge(f"{name} has more pages than parsing.max_pages = {most} allows. Split it.")
        sizes = []
        for frame in range(frames):
            image.seek(frame)
            sizes.append(PageSize(float(image.width), float(image.height)))
        if media_type in sending.images and not (sending.split and frames > 1):
            return [_sheet(content, 0, media_type, name, sending)], sizes
        return _bounded(_as_png(image, frames, name), _PNG, name, sending), sizes


def _as_png(image: Any, frames: int, name: str) -> Iterator[bytes]:
    for frame in range(frames):
        written = io.BytesIO()
        try:
            image.seek(frame)
            (image if image.mode in ("1", "L", "RGB") else image.convert("RGB")).save(written, "PNG")
        except (OSError, ValueError, SyntaxError) as error:
            raise UnreadableDocument(f"{name} is a broken image ({type(error).__name__}: {error}).") from error
        yield written.getvalue()


def _bounded(written: Iterator[bytes], media_type: str, name: str, sending: Sending) -> list[Attachment]:
    sheets, total = [], 0
    for number, content in enumerate(written):
        sheets.append(_sheet(content, number, media_type, name, sending))
        total += len(content)
        if total > sending.total_bytes:
            limit = f"parsing.max_unpacked_mb = {sending.total_bytes // 1_000_000}"
            raise DocumentTooLarge(f"{name} has pages larger than {limit} allows. Split it, or raise the limit.")
    return sheets


def _sheet(content: bytes, number: int, media_type: str, name: str, sending: Sending) -> Attachment:
    if len(content) > sending.sheet_bytes:
        what = f"Page {number + 1} of {name}" if sending.split else name
        limit = sending.sheet_bytes // 1_000_000
        raise DocumentTooLarge(
            f"{what} has more than the {limit} MB that the service of parsing.engine takes. Make it smaller, or take "
            "its kind out of parsing.cloud_kinds."
        )
    return Attachment(name=str(number + 1), content=content, media_type=media_type)
