"""What the report draws: boxes on pages, and the text cut where chunks begin and end."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile

from core.place import Box, boxes
from ingestion.chunking.model import PlacedElement
from ingestion.inspection.model import Inspection

COLOURS = 6
"""Colours that chunks take turns in; a text is in two neighbouring chunks at most, and mostly in one."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle on a page, in points, around a piece of an element or of a chunk.

    Attributes:
        number: which element or chunk, in their order.
        first: whether it is the first of that element.
    """

    number: int
    first: bool
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PageDrawing:
    """A page.

    Attributes:
        width, height: in points.
        image: a data URI; None where the page isn't shown.
        frames: around elements.
        lines: around the lines of chunks.
    """

    number: int
    width: float
    height: float
    image: str | None
    frames: tuple[Frame, ...]
    lines: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text within the same chunks; ``begins`` are the chunks that begin with it."""

    text: str
    chunks: tuple[int, ...]
    begins: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TextElement:
    """An element with its text in pieces."""

    number: int
    element: PlacedElement
    pieces: tuple[Piece, ...]


def draw_pages(inspection: Inspection, images: Mapping[int, bytes]) -> Iterator[PageDrawing]:
    """The pages whose sizes are known, with the boxes on them; ``images`` are PNGs by the number of their page."""
    frames: defaultdict[int, list[Frame]] = defaultdict(list)
    for number, element in enumerate(inspection.document.elements):
        for place, box in enumerate(_around(element)):
            frames[box.page].append(_frame(number, box, first=place == 0))
    lines: defaultdict[int, list[Frame]] = defaultdict(list)
    begun: set[int] = set()
    # Once each: the text of every row of a table repeats the names of its columns, which stand in one place.
    for ordinal, box in dict.fromkeys(_chunk_boxes(inspection)):
        lines[box.page].append(_frame(ordinal, box, first=ordinal not in begun))
        begun.add(ordinal)
    for number, size in enumerate(inspection.document.pages, start=1):
        yield PageDrawing(
            number=number,
            width=size.width,
            height=size.height,
            image=_data_uri(images[number]) if number in images else None,
            frames=tuple(frames[number]),
            lines=tuple(lines[number]),
        )


def _chunk_boxes(inspection: Inspection) -> Iterator[tuple[int, Box]]:
    elements = inspection.document.elements
    first = 0
    for chunk in inspection.chunks:
        while first < len(elements) and elements[first].end <= chunk.start:
            first += 1
        touched = takewhile(lambda element: element.start < chunk.end, islice(elements, first, None))  # noqa: B023 - used at once
        for element in touched:
            yield from ((chunk.ordinal, box) for box in boxes(element.lines, chunk.start, chunk.end))


def _around(element: PlacedElement) -> Iterator[Box]:
    """A box around all of an element's lines, for each page that it is on."""
    for page in sorted({line.page for line in element.lines}):
        on = [line for line in element.lines if line.page == page]
        yield Box(
            page=page,
            left=min(line.left for line in on),
            top=min(line.top for line in on),
            right=max(line.right for line in on),
            bottom=max(line.bottom for line in on),
        )


def _frame(number: int, box: Box, *, first: bool) -> Frame:
    return Frame(number, first, box.left, box.top, round(box.right - box.left, 1), round(box.bottom - box.top, 1))


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def cut_text(inspection: Inspection) -> Iterator[TextElement]:
    """The document's elements, their text cut where chunks begin and end."""
    spans = [(chunk.start, chunk.end, chunk.ordinal) for chunk in inspection.chunks]
    text = inspection.document.text
    passed = 0
    begun: set[int] = set()
    for number, element in enumerate(inspection.document.elements):
        while passed < len(spans) and spans[passed][1] <= element.start:
            passed += 1
        pieces = tuple(_pieces(text, element, spans[passed:], begun))
        yield TextElement(number, element, pieces)


def _pieces(
    text: str, element: PlacedElement, spans: Sequence[tuple[int, int, int]], begun: set[int]
) -> Iterator[Piece]:
    touching = []
    for span in spans:
        if span[0] >= element.end:
            break
        touching.append(span)
    edges = {edge for start, end, _ in touching for edge in (start, end) if element.start < edge < element.end}
    places = sorted({element.start, element.end, *edges})
    for since, until in pairwise(places):
        within = tuple(which for start, end, which in touching if start < until and since < end)
        begins = tuple(which for which in within if which not in begun)
        begun.update(begins)
        yield Piece(text[since:until], within, begins)
