"""Sizes and weights of type on scans, by which headings are told."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ingestion.partitioning.ocr.type_size import settle_type
from ingestion.partitioning.pdf.lines import TextLine, Word
from ingestion.partitioning.pdf.reader import read_pdf
from ingestion.partitioning.port import ElementKind
from tests.unit.ingestion.partitioning.pdf_writing import HEIGHT, WIDTH, drawn

BODY = [
    "Everybody who travels for the company keeps the receipts of the journey,",
    "and hands them to the accounting department within a month of returning.",
    "Whoever loses one explains in a sentence or two what was paid, and why.",
]


def scanned(draw: Any) -> bytes:
    """A page of which only an image is left, at 200 dpi."""
    import pypdfium2 as pdfium

    with pdfium.PdfDocument(drawn(draw)) as document:
        image = document[0].render(scale=200 / 72, grayscale=True).to_pil()
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return drawn(lambda canvas: canvas.drawImage(ImageReader(stream), 0, 0, WIDTH, HEIGHT))


def written(parts: list[tuple[str, str, float]]) -> Any:
    """Draws lines: text, font and size, each with room above if it differs from the one before."""

    def draw(canvas: Canvas) -> None:
        top, before = 100.0, ("", 0.0)
        for text, font, size in parts:
            top += size * (1.25 if (font, size) == before else 2.2)
            before = (font, size)
            canvas.setFont(font, size)
            canvas.drawString(72, HEIGHT - top, text)

    return draw


@pytest.mark.parametrize(("font", "bold"), [("Helvetica", "Helvetica-Bold"), ("Times-Roman", "Times-Bold")])
def test_headings_are_told_by_a_little_size_and_by_weight(font: str, bold: str) -> None:
    body = [(line, font, 11.0) for line in BODY]
    page = [("Travel", font, 22.0), ("Before you go", font, 13.5), *body, ("Receipts", bold, 11.0), *body]
    reading = read_pdf(scanned(written(page)), "a.pdf")

    assert [(one.text, one.level) for one in reading.elements if one.kind is ElementKind.TITLE] == [
        ("Travel", 1),
        ("Before you go", 2),
        ("Receipts", 3),
    ]
    assert [one.text for one in reading.elements if one.kind is ElementKind.TEXT] == [" ".join(BODY)] * 2


def test_a_page_without_headings_has_none() -> None:
    reading = read_pdf(scanned(written([(line, "Times-Roman", 10.0) for line in BODY * 3])), "a.pdf")

    assert {one.kind for one in reading.elements} == {ElementKind.TEXT}


def lines(heights: list[float]) -> list[TextLine]:
    return [TextLine([Word("apply", 10.0, 20.0, 40.0, 20.0 + height)], 10.0, False) for height in heights]


@pytest.mark.parametrize("heights", [[9.0] * 20, [6.0, 9.0, 12.0, 15.0] * 10])
def test_few_words_and_uneven_ones_are_left_alone(heights: list[float]) -> None:
    """Slides, photographs and handwriting don't say what their usual type is."""
    found = lines(heights)

    assert not settle_type(found, 10.0, np.full((200, 200), 255, np.uint8), 1.0)
    assert {(line.size, line.bold) for line in found} == {(10.0, False)}


def test_sizes_near_each_other_are_one() -> None:
    found = lines([9.0] * 30 + [11.6, 11.9, 16.2])

    assert settle_type(found, 10.0, np.full((200, 200), 255, np.uint8), 1.0)
    assert [line.size for line in found[-4:]] == [10.0, 13.0, 13.0, 18.0]
