"""Pages without a text layer: read by the real Tesseract, page by page, or named where that can't be."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from core.errors import DocumentTooLarge, UnreadableDocument
from core.place import boxes
from core.settings import ParsingSettings
from ingestion.partitioning.ocr import images, tesseract
from ingestion.partitioning.ocr.images import read_image
from ingestion.partitioning.pdf import rendering
from ingestion.partitioning.pdf.reader import PdfOptions, read_pdf
from ingestion.partitioning.port import ElementKind
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from tests.unit.ingestion.partitioning.pdf_writing import HEIGHT, WIDTH, column, drawn, put

LINES = ["Scanned contracts are kept in the archive for ten years.", "After that the legal department decides."]


def scan(content: bytes) -> Any:
    """The first page of a PDF as an image."""
    import pypdfium2 as pdfium

    with pdfium.PdfDocument(content) as document:
        return document[0].render(scale=200 / 72, grayscale=True).to_pil()


@pytest.fixture(scope="module")
def picture() -> Any:
    def page(canvas: Canvas) -> None:
        put(canvas, 72, 120, "Archive", 22)
        column(canvas, 72, 180, LINES, pitch=16)

    return scan(drawn(page))


@pytest.fixture
def no_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def image_page(picture: Any, width: float = WIDTH, height: float = HEIGHT) -> Any:
    def draw(canvas: Canvas) -> None:
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        canvas.drawImage(ImageReader(stream), 0, 0, width, height)

    return draw


def text_page(canvas: Canvas) -> None:
    put(canvas, 72, 120, "This page has a text layer of its own.")


def test_only_pages_without_text_are_read_by_ocr_and_have_boxes_too(picture: Any) -> None:
    reading = read_pdf(drawn(text_page, image_page(picture)), "a.pdf")
    assert [(e.page, e.text) for e in reading.elements] == [
        (1, "This page has a text layer of its own."),
        (2, "Archive"),
        (2, " ".join(LINES)),
    ]
    assert reading.elements[1].kind is ElementKind.TITLE
    assert reading.warnings == []
    text = reading.elements[2]
    start = text.text.index("archive")
    (box,) = boxes(text.lines, start, start + len("archive"))
    from reportlab.pdfbase.pdfmetrics import stringWidth

    left = 72 + stringWidth(LINES[0][: LINES[0].index("archive")], "Helvetica", 11)
    assert (box.page, box.left, box.right) == (
        2,
        pytest.approx(left, abs=2),
        pytest.approx(left + stringWidth("archive", "Helvetica", 11), abs=2),
    )
    assert box.top < 180 < box.bottom + 2


@pytest.mark.parametrize(("turn", "knows_orientation"), [(90, True), (180, True), (270, True), (270, False)])
def test_scans_that_lie_turned_are_righted_and_their_boxes_are_on_the_page_as_shown(
    picture: Any, turn: int, knows_orientation: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Tesseract's data for orientation, and without: then all turns are tried."""
    if not knows_orientation:
        monkeypatch.setattr(tesseract, "_OSD", "none")
    turned = picture.rotate(turn, expand=True)
    across = turn in (90, 270)
    width, height = (HEIGHT, WIDTH) if across else (WIDTH, HEIGHT)
    reading = read_pdf(drawn(image_page(turned, width, height), size=(width, height)), "a.pdf")
    assert [(e.kind, e.text) for e in reading.elements] == [
        (ElementKind.TITLE, "Archive"),
        (ElementKind.TEXT, " ".join(LINES)),
    ]
    assert (reading.pages[0].width, reading.pages[0].height) == (
        pytest.approx(width, abs=1),
        pytest.approx(height, abs=1),
    )
    text = reading.elements[1]
    start = text.text.index("archive")
    (box,) = boxes(text.lines, start, start + len("archive"))
    # Where the word's middle is on the sheet as it was printed, and where the turn takes that.
    x, y = 72 + word_middle(), 176.0
    middle = {90: (y, WIDTH - x), 180: (WIDTH - x, HEIGHT - y), 270: (HEIGHT - y, x)}[turn]
    assert ((box.left + box.right) / 2, (box.top + box.bottom) / 2) == (
        pytest.approx(middle[0], abs=4),
        pytest.approx(middle[1], abs=4),
    )
    assert max(box.right - box.left, box.bottom - box.top) < 45


def test_lists_of_scans_have_their_bullets_and_shaded_cells_their_letters() -> None:
    def page(canvas: Canvas) -> None:
        for number, line in enumerate(LINES):
            put(canvas, 72, 120 + 14 * number, "\u2022")
            put(canvas, 86, 120 + 14 * number, line)
        canvas.setFillGray(0.62)
        canvas.rect(72, HEIGHT - 230, 300, 50, fill=1)
        canvas.setFillGray(0)
        for place, (name, cell) in enumerate((("Participants", "5"), ("Completed", "3"), ("Terminated", "2"))):
            put(canvas, 80 + 100 * place, 208, name, 12, font="Helvetica-Bold")
            put(canvas, 110 + 100 * place, 248, cell, 12)
        canvas.grid([72, 172, 272, 372], [HEIGHT - top for top in (180, 230, 265)])

    reading = read_pdf(drawn(image_page(scan(drawn(page)))), "a.pdf")
    assert [e.text for e in reading.elements if e.kind is ElementKind.LIST_ITEM] == LINES
    words = {word.strip(":|") for element in reading.elements for word in element.text.split()}
    assert {"Participants", "Completed", "Terminated", "5", "3", "2"} <= words


def word_middle() -> float:
    """How far from a line's start the middle of the word "archive" is."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    before = stringWidth(LINES[0][: LINES[0].index("archive")], "Helvetica", 11)
    return float(before + stringWidth("archive", "Helvetica", 11) / 2)


def test_letters_without_a_meaning_are_read_by_ocr(picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page whose font maps its letters to private characters shows them all the same."""

    def garbled(canvas: Canvas) -> None:
        image_page(picture)(canvas)
        put(canvas, 72, 300, "x" * 200, 1)

    monkeypatch.setattr("pdfminer.pdffont.PDFSimpleFont.to_unichr", lambda self, cid: "\ue001")
    reading = read_pdf(drawn(garbled), "a.pdf")
    assert [e.text for e in reading.elements] == ["Archive", " ".join(LINES)]


def test_without_tesseract_pages_that_need_it_are_named_and_the_others_read(picture: Any, no_tesseract: None) -> None:
    reading = read_pdf(drawn(image_page(picture), text_page, image_page(picture)), "a.pdf")
    assert [e.page for e in reading.elements] == [2]
    (warning,) = reading.warnings
    assert warning.startswith("OCR is needed, but failed, on page 1, 3: Tesseract is not installed (apt-get install ")


def test_without_tesseract_a_scan_is_not_read_and_says_why(picture: Any, no_tesseract: None) -> None:
    with pytest.raises(UnreadableDocument, match=r"a\.pdf has no text layer\. OCR is needed.*Tesseract is not inst"):
        read_pdf(drawn(image_page(picture)), "a.pdf")


def test_a_language_that_is_not_installed_is_named_with_its_package(picture: Any) -> None:
    options = PdfOptions(ocr_languages=("eng", "tlh"))
    with pytest.raises(UnreadableDocument, match=r"no language tlh.*apt-get install tesseract-ocr-tlh"):
        read_pdf(drawn(image_page(picture)), "a.pdf", options)


def test_pages_that_no_time_is_left_for_are_named(picture: Any) -> None:
    content = drawn(text_page, image_page(picture))
    reading = read_pdf(content, "a.pdf", PdfOptions(ocr_seconds=0.0))
    assert reading.warnings == ["OCR is needed, but failed, on page 2: no time is left (raise parsing.ocr_timeout_s)."]


def test_giant_pages_are_rendered_at_a_lower_resolution(monkeypatch: pytest.MonkeyPatch, picture: Any) -> None:
    monkeypatch.setattr(rendering, "MOST_PIXELS", 500_000)
    with rendering.PageImages(drawn(image_page(picture)), "") as images:
        image, dpi = images.render(1)
    assert image.size <= 501_500
    assert dpi < 100


def test_ocr_gets_time_of_its_own_in_the_child(picture: Any) -> None:
    partitioner = ChildProcessPartitioner(ParsingSettings(timeout_s=1))
    try:
        content = drawn(image_page(picture), image_page(picture))
        found = partitioner.partition(content, name="scan.pdf")
    finally:
        partitioner.close()
    assert [element.page for element in found.elements] == [1, 1, 2, 2]
    assert found.elements[0].lines


def test_images_are_read_in_the_languages_of_the_settings_and_with_their_structure(picture: Any) -> None:
    stream = io.BytesIO()
    other = Image.fromarray(np.asarray(picture))
    picture.rotate(90, expand=True).save(stream, "TIFF", dpi=(200, 200), save_all=True, append_images=[other])
    found = read_image(stream.getvalue(), "scan.tiff", PdfOptions(ocr_languages=("eng",)))
    assert [(e.page, e.kind, e.text) for e in found.elements] == [
        (page, kind, text)
        for page in (1, 2)
        for kind, text in ((ElementKind.TITLE, "Archive"), (ElementKind.TEXT, " ".join(LINES)))
    ]
    with pytest.raises(UnreadableDocument, match=r"scan\.tiff needs Tesseract.*no language tlh.*tesseract-ocr-tlh"):
        read_image(stream.getvalue(), "scan.tiff", PdfOptions(ocr_languages=("eng", "tlh")))
    with pytest.raises(UnreadableDocument, match=r"scan\.tiff can't be read by Tesseract: no time is left"):
        read_image(stream.getvalue(), "scan.tiff", PdfOptions(ocr_seconds=0.0))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "1"])
def test_images_of_every_kind_of_pixel_are_read(picture: Any, mode: str) -> None:
    if mode in ("RGBA", "LA"):  # black letters on nothing, as screenshots of a window have them
        shown = Image.new(mode, picture.size, (0, 0, 0, 0) if mode == "RGBA" else (0, 0))
        shown.putalpha(picture.point(lambda level: 255 - level))
    elif mode == "I;16":
        shown = Image.fromarray(np.asarray(picture).astype(np.uint16) * 16)
    else:
        shown = picture.convert(mode)
    stream = io.BytesIO()
    shown.save(stream, "TIFF", dpi=(200, 200))
    assert read_image(stream.getvalue(), "a.tiff").elements[-1].text == " ".join(LINES)


def test_every_page_of_an_image_is_bounded(picture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page of a TIFF may be small, and the second a bomb."""
    monkeypatch.setattr(images, "_MOST_DECODED", 100_000)
    stream = io.BytesIO()
    small = Image.new("L", (200, 100), 255)
    small.save(stream, "TIFF", save_all=True, append_images=[Image.new("L", (2000, 1000), 255)])
    with pytest.raises(DocumentTooLarge, match=r"scan\.tiff has more than"):
        read_image(stream.getvalue(), "scan.tiff")
