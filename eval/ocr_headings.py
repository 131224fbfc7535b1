"""How well headings are recognised on scans: ``python -m eval.ocr_headings [--pages 63]``.

Generated pages whose headings differ from their text in size, in weight or in both, made into scans as
:mod:`eval.ocr` makes them. What is a heading on a page is what the reader says of the original, whose text layer tells
sizes and fonts. Prints precision and recall with their intervals over pages, all together and by kind of heading.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

from eval.metrics import bootstrap
from eval.ocr import scanned
from eval.pdf_documents import Layout, write
from ingestion.partitioning.pdf.reader import PdfOptions, read_pdf
from ingestion.partitioning.port import ElementKind

_KINDS = ((1.0, True), (1.15, True), (1.2, False), (1.3, True), (1.3, False), (1.5, False))
"""Sizes of headings over that of the text, and whether they are bold."""
_ALIKE = 80.0
"""How alike, in percent, a heading must be to the one that it is: OCR misreads letters."""
_TIME_S = 3600.0


@dataclass(frozen=True, slots=True)
class Page:
    """Headings of one page: how many there are, how many elements were called one, and how many of those are."""

    kind: str
    there: int
    called: int
    right: int


def layouts() -> list[Layout]:
    """Columns, lists and tables, whose headers are bold; then each font in three sizes with each kind of heading."""
    plain = [
        Layout(f"{font} {size:g}", font=font, size=size, pages=1, heading=heading, bold=bold)
        for size in (10.0, 9.0, 12.0)
        for heading, bold in _KINDS
        for font in ("Times-Roman", "Helvetica", "Courier")
    ]
    mixed = [
        Layout(f"mixed {font}", font=font, pages=1, columns=columns, table=table, bullets=bullets)
        for font in ("Times-Roman", "Helvetica", "Courier")
        for columns, table, bullets in ((2, "", False), (1, "ruled", True), (1, "aligned", False))
    ]
    return [replace(one, hyphens=one.columns > 1 and one.font != "Courier") for one in mixed] + plain


def headings(content: bytes) -> list[str]:
    """The headings of a PDF as it is read."""
    reading = read_pdf(content, "page.pdf", PdfOptions(ocr_seconds=_TIME_S))
    return [one.text for one in reading.elements if one.kind is ElementKind.TITLE]


def measure(count: int, seed: int) -> Iterator[Page]:
    """Read so many scans, each layout in turn."""
    kinds = layouts()
    for number in range(count):
        layout = kinds[number % len(kinds)]
        chance = random.Random(f"{seed}-{number}")
        original = write(layout, chance)
        there, called = headings(original), headings(scanned(original, chance))
        kind = layout.name if layout.name.startswith("mixed") else f"{layout.heading:g} x{', bold' * layout.bold}"
        yield Page(kind, len(there), len(called), _matching(there, called))


def _matching(there: list[str], called: list[str]) -> int:
    """How many of the headings that were called so are ones, each of those once."""
    left, right = list(there), 0
    for heading in called:
        found = process.extractOne(heading, left, scorer=fuzz.ratio, score_cutoff=_ALIKE)
        if found is not None:
            left.remove(found[0])
            right += 1
    return right


def _share(drawn: NDArray[np.float64], column: int) -> float:
    return float(drawn[:, 0].sum() / max(drawn[:, column].sum(), 1))


def _line(pages: list[Page], seed: int) -> str:
    rows = np.asarray([(page.right, page.there, page.called) for page in pages], dtype=float)
    parts = [f"{len(pages)} pages, {int(rows[:, 1].sum())} headings"]
    for name, column in (("recall", 1), ("precision", 2)):
        if not rows[:, column].sum():
            parts.append(f"{name} none")
            continue
        share = bootstrap(partial(_share, column=column), rows, seed=seed)
        parts.append(f"{name} {100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})")
    return ", ".join(parts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=len(layouts()))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    pages = []
    for page in measure(arguments.pages, arguments.seed):
        pages.append(page)
        print(f"  {page.kind:<20} {page.right} of {page.there} found, {page.called - page.right} wrong", flush=True)
    for kind in Counter(page.kind for page in pages):
        print(f"{kind:<20} {_line([page for page in pages if page.kind == kind], arguments.seed)}")
    print(f"{'all':<20} {_line(pages, arguments.seed)}")


if __name__ == "__main__":
    main()
