"""What stands under a box of a page, without the code that put it there: by PDFium's text, or by OCR of a crop."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from core.place import Box

_FEW_LETTERS = 10
_PAD = 1.0
_DPI = 300
_TIME_S = 300.0


def letters(text: str) -> str:
    """Only letters and digits, in one spelling: what two ways of reading should agree on."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


class Under:
    """Reads under the boxes of one PDF."""

    def __init__(self, content: bytes, languages: tuple[str, ...] = ("eng",)) -> None:
        import pypdfium2 as pdfium  # noqa: PLC0415

        self._document = pdfium.PdfDocument(content)
        self._languages = languages
        self._texts: dict[int, str] = {}
        self._drawn_letters: dict[int, list[tuple[str, float, float]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._document.close()

    def page(self, number: int) -> str:
        """The letters of a page's text layer; empty for a scan."""
        if number not in self._texts:
            self._texts[number] = letters(self._document[number - 1].get_textpage().get_text_range())
        return self._texts[number]

    def is_scan(self, number: int) -> bool:
        """Whether the page has no text layer to speak of."""
        return len(self.page(number)) < _FEW_LETTERS

    def boxes(self, boxes: Sequence[Box]) -> str:
        """The letters under boxes, one box after another."""
        found = []
        for number in dict.fromkeys(box.page for box in boxes):
            on_page = [box for box in boxes if box.page == number]
            found.append(self._scanned(number, on_page) if self.is_scan(number) else self._drawn(number, on_page))
        return "".join(found)

    def _drawn(self, number: int, boxes: Sequence[Box]) -> str:
        page = self._document[number - 1]
        drawn = self._letters(number)
        found = []
        for left, bottom, right, top in (_user_space(page, box) for box in boxes):
            found += [letter for letter, x, y in drawn if left <= x <= right and bottom <= y <= top]
        return letters("".join(found))

    def _letters(self, number: int) -> list[tuple[str, float, float]]:
        """Each letter of a page and the middle of its ink."""
        if number not in self._drawn_letters:
            text = self._document[number - 1].get_textpage()
            drawn = []
            for place in range(text.count_chars()):
                letter = text.get_text_range(place, 1)
                if letters(letter):
                    left, bottom, right, top = text.get_charbox(place)
                    drawn.append((letter, (left + right) / 2, (bottom + top) / 2))
            self._drawn_letters[number] = drawn
        return self._drawn_letters[number]

    def _scanned(self, number: int, boxes: Sequence[Box]) -> str:
        """What OCR reads on the page's image once everything outside of the boxes is white."""
        import numpy as np  # noqa: PLC0415

        from ingestion.partitioning.ocr.tesseract import recognise  # noqa: PLC0415

        scale = _DPI / 72
        pixels: Any = self._document[number - 1].render(scale=scale, grayscale=True).to_numpy()
        pixels = pixels.reshape(pixels.shape[0], -1)
        shown = np.full_like(pixels, 255)
        for box in boxes:
            area = np.s_[
                max(int((box.top - _PAD) * scale), 0) : int((box.bottom + _PAD) * scale),
                max(int((box.left - _PAD) * scale), 0) : int((box.right + _PAD) * scale),
            ]
            shown[area] = pixels[area]
        found = recognise(shown, _DPI, self._languages, time.monotonic() + _TIME_S)
        return letters("".join(line.text for line in found.lines))


def _user_space(page: Any, box: Box) -> tuple[float, float, float, float]:
    """A box as shown, in the coordinates that PDFium's text has: left, bottom, right, top."""
    left, bottom, right, top = page.get_cropbox()
    turn = page.get_rotation()
    if turn == 90:  # noqa: PLR2004
        return left + box.top, bottom + box.left, left + box.bottom, bottom + box.right
    if turn == 180:  # noqa: PLR2004
        return right - box.right, bottom + box.top, right - box.left, bottom + box.bottom
    if turn == 270:  # noqa: PLR2004
        return right - box.bottom, top - box.right, right - box.top, top - box.left
    return left + box.left, top - box.bottom, left + box.right, top - box.top
