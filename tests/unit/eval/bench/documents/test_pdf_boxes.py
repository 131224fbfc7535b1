"""The measurement of boxes tells right places from wrong ones."""

from __future__ import annotations

import random

import pytest

from core.metadata import Metadata
from core.place import Line
from eval.bench.documents.pdf_boxes import check
from eval.bench.documents.pdf_documents import Layout, layouts, write
from eval.bench.documents.pdf_reading import Under, letters
from ingestion.chunking.model import PlacedElement
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.pdf.reader import read_pdf
from ingestion.partitioning.port import ElementKind


def parsed(text: str, line: Line) -> ParsedDocument:
    element = PlacedElement(kind=ElementKind.TEXT, start=0, end=len(text), page=line.page, lines=(line,))
    return ParsedDocument(
        title="t",
        metadata=Metadata(),
        media_type="application/pdf",
        text=text,
        elements=(element,),
        passages=(),
        parser="",
        warnings=(),
    )


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_quote_is_found_under_its_own_box_and_under_no_other(turn: int) -> None:
    content = write(Layout("small", turn=turn, pages=1, size=9), random.Random(1))
    element = next(e for e in read_pdf(content, "a.pdf").elements if len(e.lines) > 1)
    first, second = element.lines[:2]
    text = element.text[: first.end]
    with Under(content) as under:
        right = check(parsed(text, first), under, "a", (0, len(text)))
        moved = check(parsed(text, Line(0, len(text), 1, *_edges(second))), under, "a", (0, len(text)))
    assert (right.on_page, right.inside, right.own) == (True, True, 1.0)
    assert (moved.on_page, moved.inside) == (True, False)


def _edges(line: Line) -> tuple[float, float, float, float]:
    return line.left, line.top, line.right, line.bottom


def test_there_are_documents_enough_and_all_can_be_written_again() -> None:
    assert len(layouts()) >= 40
    layout = layouts()[0]
    assert write(layout, random.Random(2)) == write(layout, random.Random(2))


def test_letters_are_what_two_readers_agree_on() -> None:
    assert letters("The \ufb01rst, 2\u00bd-page\u00a0Note") == "thefirst212pagenote"
