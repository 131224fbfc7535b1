"""Writes the PDFs that the tests of their reader need."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
LATIN = [
    *("Everybody", "who", "travels", "for", "the", "company", "books", "trains", "before", "flights", "and", "tells"),
    *("the", "team", "lead", "of", "that", "trip", "at", "least", "two", "weeks", "ahead", "so", "somebody", "can"),
    *("stand", "in", "while", "their", "seat", "near", "a", "desk", "stays", "empty", "during", "some", "days"),
]


def drawn(*pages: Callable[[Canvas], None], size: tuple[float, float] = A4, **options: Any) -> bytes:
    """A PDF of pages, each drawn by a function."""
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=size, invariant=True, **options)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def put(canvas: Canvas, x: float, top: float, text: str, size: float = 11, *, font: str = "Helvetica") -> None:
    """Text whose baseline is ``top`` points from the top of the page."""
    canvas.setFont(font, size)
    canvas.drawString(x, HEIGHT - top, text)


def column(canvas: Canvas, x: float, top: float, lines: list[str], *, pitch: float = 13, size: float = 11) -> None:
    """Lines under one another."""
    for number, line in enumerate(lines):
        put(canvas, x, top + pitch * number, line, size)


def prose(start: int, lines: int, words: int = 6) -> list[str]:
    """Lines of so many words that differ from one another."""
    made = []
    for number in range(lines):
        first = start + number * words
        made.append(" ".join(LATIN[(first + place) % len(LATIN)] for place in range(words)))
    return made


def with_embedded_cmap(text: str, ranges: bytes) -> bytes:
    """A PDF whose only font has its CMap in the file: codes of one byte, moved by ``ranges`` to glyphs, and back."""
    codes = bytes(ord(letter) + 1 for letter in text)
    cmap = b"/CMapName /Own def 1 begincodespacerange <00> <ff> endcodespacerange\n" + ranges
    unicode_map = b"1 beginbfrange <0020> <007e> <0020> endbfrange"
    content = b"BT /F1 12 Tf 72 700 Td <" + codes.hex().encode() + b"> Tj ET"
    descendant = b"<</Type/Font/Subtype/CIDFontType2/BaseFont/Own/DW 600"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type0/BaseFont/Own/Encoding 7 0 R/ToUnicode 8 0 R/DescendantFonts[6 0 R]>>",
        descendant + b"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>",
        b"<</Type/CMap/CMapName/Own/Length %d>>stream\n%s\nendstream" % (len(cmap), cmap),
        b"<</Length %d>>stream\n%s\nendstream" % (len(unicode_map), unicode_map),
    ]
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(made)
