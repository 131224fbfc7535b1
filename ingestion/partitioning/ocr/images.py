"""Reader of images: the text in them, by Tesseract."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from core.errors import DocumentTooLarge, UnreadableDocument
from core.place import PageSize
from ingestion.partitioning.ocr.tesseract import (
    DPI,
    MOST_PIXELS,
    OcrFailed,
    OcrUnavailable,
    Recognised,
    check_languages,
    recognise,
)
from ingestion.partitioning.ocr.type_size import Pixels
from ingestion.partitioning.pdf.blocks import make_blocks
from ingestion.partitioning.pdf.columns import arrange
from ingestion.partitioning.pdf.elements import ElementMaker
from ingestion.partitioning.pdf.reader import PdfOptions
from ingestion.partitioning.reading import Reading

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST_DECODED = 150_000_000
"""Pixels of a page above which an image is refused: a few kilobytes can decode to gigabytes."""
_LIKELY_DPI = (70.0, 1200.0)
"""Resolutions that an image's own word is taken for."""
_WIDE = ("I", "F")
"""Pillow's names of pixels of more than eight bits begin with these."""


def read_image(content: bytes, name: str, options: PdfOptions | None = None) -> Reading:
    """An image's text, read as a scanned page of a PDF is; each frame of a TIFF a page; no elements without any text.

    Raises:
        UnreadableDocument: broken, or Tesseract or one of the languages isn't installed.
        DocumentTooLarge: too many pixels.
    """
    options = options or PdfOptions()
    check_image(content, name)
    reading = Reading([])
    try:
        check_languages(options.ocr_languages)
        if options.ask_for_time:
            options.ask_for_time(options.ocr_seconds)
        deadline = time.monotonic() + options.ocr_seconds
        for number, (pixels, dpi) in enumerate(_pages(content, name), start=1):
            found = recognise(pixels, dpi, options.ocr_languages, deadline)
            _take(reading, found, number)
    except OcrUnavailable as error:
        raise UnreadableDocument(f"{name} needs Tesseract to be read: {error}.") from error
    except OcrFailed as error:
        raise UnreadableDocument(f"{name} can't be read by Tesseract: {error}.") from error
    return reading


def _take(reading: Reading, found: Recognised, number: int) -> None:
    """Add what one page says."""
    for line in found.lines:
        line.page = 1
    blocks = list(make_blocks(arrange(found.lines)))
    # Where it stands is of no use to a reader: only pages of PDFs are shown as images.
    reading.elements += [replace(one, page=number, lines=()) for one in ElementMaker(blocks, [PageSize(0, 0)]).make()]
    if found.lines and not found.is_sure:
        reading.warnings.append(f"OCR is not sure of what it read on page {number}.")


def check_image(content: bytes, name: str) -> None:
    """Refuse what is broken, or too large to be decoded.

    Raises:
        UnreadableDocument, DocumentTooLarge: as named.
    """
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            if width * height <= _MOST_DECODED:
                image.load()
    except Image.DecompressionBombError:
        width, height = _MOST_DECODED, 2
    except Exception as error:
        raise UnreadableDocument(f"{name} is a broken image ({type(error).__name__}: {error}).") from error
    _check_size(width, height, name)


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > _MOST_DECODED:
        raise DocumentTooLarge(f"{name} has more than {_MOST_DECODED // 1_000_000} million pixels. Scale it down.")


def _pages(content: bytes, name: str) -> Iterator[tuple[Pixels, float]]:
    """The frames of a TIFF, or the first one of anything else, in grey, and their resolution."""
    from PIL import Image, ImageSequence  # noqa: PLC0415

    with Image.open(io.BytesIO(content)) as image:
        frames = ImageSequence.Iterator(image) if image.format == "TIFF" else (image,)
        for frame in frames:
            _check_size(*frame.size, name)
            yield _grey(frame)


def _grey(frame: Image) -> tuple[Pixels, float]:
    """One frame, the way up that its camera noted, on white, and not larger than Tesseract can take."""
    import numpy as np  # noqa: PLC0415
    from PIL import Image, ImageOps  # noqa: PLC0415

    dpi = float(frame.info.get("dpi", (0, 0))[0])
    dpi = dpi if _LIKELY_DPI[0] <= dpi <= _LIKELY_DPI[1] else DPI
    upright = ImageOps.exif_transpose(frame)
    if upright.mode.startswith(_WIDE):
        levels = np.nan_to_num(np.asarray(upright, dtype=np.float32))
        low, high = float(levels.min()), float(levels.max())
        upright = Image.fromarray(((levels - low) * (255 / ((high - low) or 1))).astype(np.uint8))
    elif upright.has_transparency_data:
        shown = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown)
    grey = upright.convert("L")
    shrunk = min(1.0, (MOST_PIXELS / (grey.width * grey.height)) ** 0.5)
    if shrunk < 1:
        grey = grey.resize((max(int(grey.width * shrunk), 1), max(int(grey.height * shrunk), 1)))
    return np.asarray(grey, dtype=np.uint8), dpi * shrunk
