"""Fonts with a CMap of their own, and letters that stand where PDF says, not where pdfminer does."""

from __future__ import annotations

import pytest
from reportlab.pdfgen.canvas import Canvas

from core.errors import UnreadableDocument
from ingestion.partitioning.pdf.reader import PdfOptions, read_pdf
from tests.unit.ingestion.partitioning.pdf_writing import HEIGHT, drawn, with_embedded_cmap


@pytest.mark.parametrize(
    "ranges",
    [
        b"1 begincidrange <21> <7f> 32 endcidrange",
        b"".join(b"1 begincidchar <%02x> %d endcidchar\n" % (code + 1, code) for code in range(32, 127)),
    ],
)
def test_a_cmap_in_the_file_is_read(ranges: bytes) -> None:
    (element,) = read_pdf(with_embedded_cmap("Letters by their own map.", ranges), "a.pdf").elements
    assert element.text == "Letters by their own map."


@pytest.mark.parametrize(
    "ranges", [b"", b"1 begincidrange <21> (x) /y endcidrange", b"1 begincidchar 3 <21> endcidchar"]
)
def test_text_that_no_map_reads_is_not_taken_for_a_blank_page(ranges: bytes) -> None:
    """Without time for OCR it can't be read; what matters is that it says so."""
    with pytest.raises(UnreadableDocument, match="OCR is needed"):
        read_pdf(with_embedded_cmap("Letters without any map.", ranges), "a.pdf", PdfOptions(ocr_seconds=0.0))


def test_a_map_of_four_billion_codes_does_not_take_forever() -> None:
    ranges = b"1 begincidrange <00000000> <ffffffff> 0 endcidrange 1 begincidrange <21> <7f> 32 endcidrange"
    with pytest.raises(UnreadableDocument, match="OCR is needed"):
        read_pdf(with_embedded_cmap("Hidden.", ranges), "a.pdf", PdfOptions(ocr_seconds=0.0))


def test_letter_spacing_counts_behind_the_last_letter_of_a_string_too() -> None:
    """As OCR programs write their layers: every word but its last letter spaced to fit the image."""

    def page(canvas: Canvas) -> None:
        text = canvas.beginText(72, HEIGHT - 100)
        text.setFont("Courier", 10)
        text.setCharSpace(1)
        text.textOut("ab")
        text.setCharSpace(0)
        text.textOut("c d")
        canvas.drawText(text)

    (element,) = read_pdf(drawn(page), "a.pdf").elements
    (line,) = element.lines
    assert element.text == "abc d"
    # Courier's letters are 6 points wide: a 72, b 79, c 86, a space, d 98.
    assert line.words[4:] == (98.0, 104.0)
