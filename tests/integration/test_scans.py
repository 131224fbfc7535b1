"""Scans are read: generated PDFs with a scanner's faults (skew, blur, noise, grey paper), and no text layer.

They are read like any PDF, and compared word by word with the text of the originals. ``make attack CASES=3000`` reads
20 of them.
"""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from eval.metrics import ratio_of_sums
from ingestion.partitioning.pdf.reader import PdfOptions, read_pdf
from tests.pdf_layouts import Layout, write

_DPI = 200
_MOST_SKEW = 0.7
"""Degrees; a sheet fed askew. Flatbeds stay below a third of it."""
_NOISE = 9.0
_BLUR = 0.5
_PAPER = 246
_TIME_S = 3600.0
SEED = 0
CASES_TO_A_PAGE = 150
"""A page takes about as long as so many cases of other attacks."""
MOST_ERRORS = 0.01
"""Share of words; .0018 was measured on 30 pages (docs/pdf.md)."""


def layouts() -> list[Layout]:
    """One page each: fonts, sizes, columns, lists and tables."""
    made = []
    for font in ("Times-Roman", "Helvetica", "Courier"):
        for size in (9.0, 10.0, 12.0):
            made.append(Layout(f"{font}, {size:g} pt", font=font, size=size, pages=1))
        made.append(Layout(f"{font}, two columns", columns=2, font=font, pages=1, hyphens=font != "Courier"))
    made.append(Layout("list", bullets=True, pages=1))
    made.append(Layout("ruled table", table="ruled", pages=1))
    made.append(Layout("aligned table", table="aligned", pages=1))
    return made


def scanned(content: bytes, chance: random.Random, turn: int = 0) -> bytes:
    """The pages of a PDF as a scanner would give them: images, a little askew, not quite sharp, not quite clean.

    Args:
        turn: how the sheet lay, in degrees against the clock: 0, 90, 180 or 270.
    """
    import pypdfium2 as pdfium
    from PIL import Image, ImageFilter
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    canvas = Canvas(stream, invariant=True)
    noise = np.random.default_rng(chance.randrange(1 << 32))
    with pdfium.PdfDocument(content) as document:
        for page in document:
            image: Any = page.render(scale=_DPI / 72, grayscale=True).to_pil().convert("L")
            skew = chance.uniform(-_MOST_SKEW, _MOST_SKEW)
            image = image.rotate(skew, resample=Image.Resampling.BICUBIC, fillcolor=255)
            image = image.filter(ImageFilter.GaussianBlur(_BLUR))
            pixels = np.asarray(image, dtype=np.float32) * (_PAPER / 255) + noise.normal(0, _NOISE, image.size[::-1])
            scan = io.BytesIO()
            sheet = Image.fromarray(np.rot90(np.clip(pixels, 0, 255).astype(np.uint8), turn // 90))
            sheet.save(scan, "JPEG", quality=80, dpi=(_DPI, _DPI))
            size = page.get_size() if turn in (0, 180) else page.get_size()[::-1]
            canvas.setPageSize(size)
            canvas.drawImage(ImageReader(scan), 0, 0, *size)
            canvas.showPage()
    canvas.save()
    return stream.getvalue()


def words(content: bytes) -> list[str]:
    """The words of a PDF as it is read."""
    reading = read_pdf(content, "page.pdf", PdfOptions(ocr_seconds=_TIME_S))
    return [word for element in reading.elements for word in element.text.split()]


def errors(number: int) -> tuple[int, int]:
    """Words of a scan that are read wrong, and words."""
    kinds = layouts()
    chance = random.Random(f"{SEED}-{number}")
    original = write(kinds[number % len(kinds)], chance)
    scan = scanned(original, chance, 90 * (number % 4))
    truth = words(original)
    return int(Levenshtein.distance(truth, words(scan))), len(truth)


@pytest.mark.attack
def test_nearly_every_word_of_a_scan_is_read(attack_cases: int) -> None:
    """Of sheets that lay upright, and by 90, 180 and 270 degrees, in turn."""
    count = max(2, attack_cases // CASES_TO_A_PAGE)
    rows = np.asarray([errors(number) for number in range(count)], dtype=float)
    rate = ratio_of_sums(rows, 0, 1)
    print(f"{count} scans, {int(rows[:, 1].sum())} words, word error rate {100 * rate.value:.2f} %: {rate}")

    assert rate.value <= MOST_ERRORS
