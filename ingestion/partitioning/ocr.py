"""Reading pages that are images: rendered by PDFium, read by Tesseract, word by word with boxes."""

from __future__ import annotations

import csv
import io
import os
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from types import TracebackType
from typing import Any, Self

from core.place import PageSize
from ingestion.partitioning.pdf_lines import TextLine, Word, clean_word
from ingestion.partitioning.programs import TESSERACT

DPI = 300
"""What Tesseract reads best; its authors advise at least this (tesseract-ocr.github.io/tessdoc/ImproveQuality)."""
_MOST_PIXELS = 40_000_000
_WORD_LEVEL = "5"
_POINTS = 72
_INK = 0.92
"""Height of a line's ink over that of its type, where it has letters that rise and letters that descend."""
_LIKE_BODY = (0.65, 1.45)
_SURE = 70.0
_RULES = "|_"
_NOISE = 30.0
_PIECE_GAP = 1.2
"""Gap, in heights of type, that parts the cells of a row."""


class OcrUnavailable(Exception):
    """Tesseract, or a language that it is asked for, isn't installed; the message says what to install."""


class OcrFailed(Exception):
    """Tesseract could not read this page."""


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

    def render(self, number: int, dpi: int = DPI) -> tuple[bytes, float]:
        """A page, from 1, as a grey PGM image, and its resolution: giant pages get a lower one."""
        import pypdfium2 as pdfium  # noqa: PLC0415

        try:
            page = self._document[number - 1]
            width, height = page.get_size()
            scale = min(dpi / _POINTS, (_MOST_PIXELS / max(width * height, 1)) ** 0.5)
            bitmap = page.render(scale=scale, grayscale=True)
            pixels: Any = bitmap.to_numpy()
            head = f"P5 {bitmap.width} {bitmap.height} 255\n".encode()
            image = head + pixels.reshape(bitmap.height, -1)[:, : bitmap.width].tobytes()
            bitmap.close()
            page.close()
        except (pdfium.PdfiumError, ValueError, IndexError) as error:
            raise OcrFailed(f"page {number} can't be rendered ({error})") from error
        return image, scale * _POINTS


@lru_cache(maxsize=4)
def _installed(command: str) -> frozenset[str]:
    listed = subprocess.run([command, "--list-langs"], capture_output=True, check=False, timeout=30)  # noqa: S603
    return frozenset(listed.stdout.decode("utf-8", "replace").split())


def check_languages(wanted: tuple[str, ...]) -> str:
    """Tesseract's name for these languages together.

    Raises:
        OcrUnavailable: Tesseract or one of them isn't installed.
    """
    command = TESSERACT.path()
    if command is None:
        raise OcrUnavailable(f"Tesseract is not installed ({TESSERACT.packages['apt']})")
    installed = _installed(command)
    missing = [language for language in wanted if language not in installed]
    if missing:
        packages = " ".join(f"tesseract-ocr-{language.replace('_', '-').lower()}" for language in missing)
        raise OcrUnavailable(
            f"Tesseract has no language {', '.join(missing)} (parsing.ocr_languages; apt-get install {packages})"
        )
    return "+".join(wanted)


def recognise(image: bytes, dpi: float, languages: tuple[str, ...], timeout_s: float) -> tuple[list[TextLine], float]:
    """The lines of an image and how sure Tesseract is of its words, in percent; in points from its top left corner.

    Raises:
        OcrUnavailable: Tesseract or a language isn't installed.
        OcrFailed: it fails on this image, or takes longer than it may.
    """
    command = TESSERACT.path() or "tesseract"
    options = ["stdin", "stdout", "-l", check_languages(languages), "--dpi", str(round(dpi)), "tsv"]
    # Its own threads gain nothing on one page, and take cores from the parser's other children.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(  # noqa: S603
            [command, *options], input=image, capture_output=True, check=False, timeout=timeout_s, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise OcrFailed("it takes too long") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
        raise OcrFailed(said or f"Tesseract ended with {done.returncode}")
    rows = csv.DictReader(io.StringIO(done.stdout.decode("utf-8", "replace")), delimiter="\t", quoting=csv.QUOTE_NONE)
    words = [row for row in rows if row["level"] == _WORD_LEVEL and _is_text(row)]
    lines = list(_lines(words, _POINTS / dpi))
    _settle_sizes(lines)
    sure = statistics.fmean(float(row["conf"]) for row in words) if words else 100.0
    return lines, sure


def _is_text(row: dict[str, str]) -> bool:
    text = clean_word(row["text"] or "").strip().strip(_RULES)
    # Ruling lines are read as bars; specks of dust as points and dashes, but Tesseract isn't sure of those.
    return bool(text) and (float(row["conf"]) >= _NOISE or any(letter.isalnum() for letter in text))


def _lines(rows: Sequence[dict[str, str]], scale: float) -> Iterator[TextLine]:
    for _, group in groupby(rows, key=lambda row: (row["block_num"], row["par_num"], row["line_num"])):
        words = []
        for row in group:
            left, top, width, height = (int(row[key]) * scale for key in ("left", "top", "width", "height"))
            words.append(Word("".join(clean_word(row["text"]).split()), left, top, left + width, top + height))
        heights = sorted(word.bottom - word.top for word in words)
        size = heights[len(heights) * 3 // 4] / _INK
        piece = words[:1]
        for before, word in pairwise(words):
            if word.left - before.right > _PIECE_GAP * size:
                yield TextLine(piece, size, False)
                piece = []
            piece.append(word)
        yield TextLine(piece, size, False)


def _settle_sizes(lines: Sequence[TextLine]) -> None:
    """Give lines of about the same height the same size of type, and all words of a line its height."""
    if not lines:
        return
    body = statistics.median_low([line.size for line in lines for _ in line.words])
    least, most = _LIKE_BODY
    for line in lines:
        line.size = round((body if least * body <= line.size <= most * body else line.size) * 2) / 2


def is_sure(confidence: float) -> bool:
    """Whether a page's text is to be trusted; below, most pages are handwriting, or images of something else."""
    return confidence >= _SURE
