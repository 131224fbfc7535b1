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
