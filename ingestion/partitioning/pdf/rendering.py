"""Pages of a PDF as images, rendered by PDFium, for Tesseract to read."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from core.place import PageSize
from ingestion.partitioning.ocr.tesseract import DPI, MOST_PIXELS, POINTS, OcrFailed
from ingestion.partitioning.ocr.type_size import Pixels


class PageImages:
    """The pages of a PDF as images.

    Raises:
        OcrFailed: PDFium can't open it.
    """

    def __init__(self, content: bytes, password: str) -> None:
        import pypdfium2 as pdfium  # noqa: PLC0415

        try:
            self._document = pdfium.PdfDocument(content, password=password or None)
        except pdfium.PdfiumError as error:
            raise OcrFailed(str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._document.close()

    def size(self, number: int) -> PageSize:
        """The size of a page, from 1."""
        import pypdfium2 as pdfium  # noqa: PLC0415

        try:
            width, height = self._document.get_page_size(number - 1)
        except pdfium.PdfiumError as error:
            raise OcrFailed(f"page {number} can't be opened ({error})") from error
        return PageSize(round(width, 2), round(height, 2))

    def render(self, number: int, dpi: int = DPI) -> tuple[Pixels, float]:
        """A page, from 1, in grey, and its resolution: giant pages get a lower one."""
        import pypdfium2 as pdfium  # noqa: PLC0415

        try:
            page = self._document[number - 1]
            width, height = page.get_size()
            scale = min(dpi / POINTS, (MOST_PIXELS / max(width * height, 1)) ** 0.5)
            bitmap = page.render(scale=scale, grayscale=True)
            pixels: Pixels = bitmap.to_numpy().reshape(bitmap.height, -1)[:, : bitmap.width].copy()
            bitmap.close()
            page.close()
        except (pdfium.PdfiumError, ValueError, IndexError) as error:
            raise OcrFailed(f"page {number} can't be rendered ({error})") from error
        return pixels, scale * POINTS
