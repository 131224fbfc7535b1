"""How well scans are read: ``python -m eval.bench ocr [--pages 40] [--turned]``.

Generated PDFs are rendered, given a scanner's faults (skew, blur, noise, grey paper), and put as images into PDFs
without a text layer. They are read like any PDF, and compared word by word with the text of the originals. Prints the
word error rate with its interval over pages, and pages a second.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.bench.documents.pdf_documents import Layout, write
from eval.metrics import bootstrap
from ingestion.partitioning.pdf.reader import PdfOptions, read_pdf

_DPI = 200
_MOST_SKEW = 0.7
"""Degrees; a sheet fed askew. Flatbeds stay below a third of it."""
_NOISE = 9.0
_BLUR = 0.5
_PAPER = 246
_TIME_S = 3600.0


@dataclass(frozen=True, slots=True)
class Page:
    """One page read: errors, words, the seconds that it took, and the CPU seconds of this process and Tesseract."""

    layout: str
    errors: int
    words: int
    seconds: float
    cpu_seconds: float


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
    import pypdfium2 as pdfium  # noqa: PLC0415
    from PIL import Image, ImageFilter  # noqa: PLC0415
    from reportlab.lib.utils import ImageReader  # noqa: PLC0415
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

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


def measure(count: int, seed: int, *, turned: bool = False) -> Iterator[Page]:
    """Read so many scans, each layout in turn; on request of sheets that lay by 90, 180 and 270 degrees in turn."""
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415

    kinds = layouts()
    for number in range(count):
        layout = kinds[number % len(kinds)]
        chance = random.Random(f"{seed}-{number}")
        original = write(layout, chance)
        scan = scanned(original, chance, 90 * (number % 3 + 1) if turned else 0)
        began, cpu = time.perf_counter(), _cpu_seconds()
        read = words(scan)
        seconds, cpu = time.perf_counter() - began, _cpu_seconds() - cpu
        truth = words(original)
        yield Page(layout.name, int(Levenshtein.distance(truth, read)), len(truth), seconds, cpu)


def _cpu_seconds() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=45)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turned", action="store_true", help="sheets that lay by 90, 180 and 270 degrees")
    arguments = parser.parse_args()
    pages = []
    for page in measure(arguments.pages, arguments.seed, turned=arguments.turned):
        pages.append(page)
        print(f"  {page.layout:<26} {page.errors:>3} errors in {page.words:>4} words, {page.seconds:.1f} s", flush=True)
    rows = np.asarray([(page.errors, page.words) for page in pages], dtype=float)
    rate = bootstrap(lambda drawn: float(drawn[:, 0].sum() / drawn[:, 1].sum()), rows, seed=arguments.seed)
    seconds = sum(page.seconds for page in pages)
    print(f"{len(pages)} scans at {_DPI} dpi, {int(rows[:, 1].sum())} words")
    print(
        f"  word error rate {100 * rate.value:.2f} % (95 % interval over pages {100 * rate.low:.2f} to "
        f"{100 * rate.high:.2f} %)"
    )
    cpu = sum(page.cpu_seconds for page in pages)
    print(f"  {len(pages) / seconds:.2f} pages/s, one at a time; {len(pages) / cpu:.2f} pages/s of a core's time")
