"""The place of a quote: from the elements of the extracted text, and none rather than a wrong one."""

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.place_locator import PlaceLocator
from core.chunk import Chunk
from core.errors import NotFound, StorageUnavailable
from core.lazy import Lazy
from core.metadata import Metadata
from core.place import Box, Line, Place
from ingestion.chunking.model import PlacedElement
from ingestion.parsed import ParsedDocument
from ingestion.partitioning.port import ElementKind


class Record:
    """A document of the catalog."""

    def __init__(self, document_id: str) -> None:
        self.id = document_id
        self.content_hash = "h"


class Store:
    """Stands for the catalog and the blob store, behind their ports."""

    def __init__(self, content: bytes | Exception) -> None:
        self._content = content
        self.documents = self
        self.reads: list[str] = []

    def get(self, key: str) -> Any:
        if key in ("d", "e"):
            return Record(key)
        if key == "gone":
            raise NotFound("gone")
        self.reads.append(key)
        if isinstance(self._content, Exception):
            raise self._content
        return self._content


def locator(content: bytes | Exception, store: Store | None = None, **options: int) -> PlaceLocator:
    part: Lazy[Any] = Lazy("store", lambda: store or Store(content))
    return PlaceLocator(cast("Any", part), cast("Any", part), **options)


PARSED = ParsedDocument(
    title="t",
    metadata=Metadata(),
    media_type="application/pdf",
    text="one\n\ntwo\n\nthree",
    elements=tuple(
        PlacedElement(kind=ElementKind.TEXT, start=start, end=end, page=page, level=None)
        for start, end, page in ((0, 3, 1), (5, 8, 1), (10, 15, 2))
    ),
    passages=(),
    parser="p",
    warnings=(),
).to_bytes()


@pytest.mark.parametrize(("offset", "page"), [(0, 1), (9, 1), (10, 2), (14, 2)])
def test_the_page_is_that_of_the_element_at_the_offset(offset: int, page: int) -> None:
    assert locator(PARSED)("d", offset, offset + 1) == Place(page)


def test_without_the_text_the_page_is_not_known() -> None:
    assert locator(StorageUnavailable("down"))("d", 0, 1) is None
    assert locator(PARSED)("gone", 0, 1) is None


def test_a_document_is_read_once_however_often_it_is_cited() -> None:
    store = Store(PARSED)
    pages = locator(PARSED, store)
    assert [pages("d", offset, 15) for offset in (0, 10, 14, 9)] == [Place(1), Place(2), Place(2), Place(1)]
    assert len(store.reads) == 1
    assert pages("e", 10, 11) == Place(2)
    assert len(store.reads) == 2


def test_what_is_kept_is_bounded_and_the_latest_stays() -> None:
    store = Store(PARSED)
    pages = locator(PARSED, store, cache_bytes=300)  # one document's pages, not two
    for document in ("d", "e", "e", "d"):
        assert pages(document, 10, 11) == Place(2)
    assert len(store.reads) == 3
    assert locator(PARSED, store, cache_bytes=0)("d", 10, 11) == Place(2)


def test_what_could_not_be_read_is_tried_again() -> None:
    store = Store(StorageUnavailable("down"))
    pages = locator(PARSED, store)
    assert pages("d", 0, 1) is None
    store._content = PARSED
    assert pages("d", 0, 1) == Place(1)


LINES = (
    Line(0, 9, 1, 70.0, 100.0, 150.0, 112.0, (0, 70.0, 90.0, 5, 95.0, 150.0)),
    Line(10, 14, 2, 70.0, 60.0, 90.0, 72.0, (0, 70.0, 90.0)),
)


@pytest.mark.parametrize(
    ("start", "end", "boxes"),
    [
        (0, 4, [(1, 70.0, 100.0, 90.0, 112.0)]),
        (2, 7, [(1, 70.0, 100.0, 150.0, 112.0)]),
        (5, 14, [(1, 95.0, 100.0, 150.0, 112.0), (2, 70.0, 60.0, 90.0, 72.0)]),
        (11, 12, [(2, 70.0, 60.0, 90.0, 72.0)]),
    ],
)
def test_a_span_has_a_box_for_each_line_that_it_touches(start: int, end: int, boxes: list[tuple[Any, ...]]) -> None:
    parsed = ParsedDocument(
        title="t",
        metadata=Metadata(),
        media_type="application/pdf",
        text="four five and more",
        elements=(PlacedElement(kind=ElementKind.TEXT, start=0, end=14, page=1, lines=LINES),),
        passages=(),
        parser="p",
        warnings=(),
    )
    wanted = tuple(Box(page=p, left=left, top=top, right=r, bottom=b) for p, left, top, r, b in boxes)
    assert locator(parsed.to_bytes())("d", start, end) == Place(wanted[0].page, wanted)
    assert parsed.boxes(start, end) == wanted
    assert parsed.page(start) == wanted[0].page


ROWS = [["Rome", "90"], ["Oslo", "120"], ["Bern", "130"]]
SHEET = "Rates\n\n" + "\n".join(f"City: {city} | Rate: {rate}" for city, rate in ROWS) + "\n\nchecked in May"
TABLE = (SHEET.index("City: Rome"), SHEET.index("130") + 3)
WORKBOOK = ParsedDocument(
    title="t",
    metadata=Metadata(),
    media_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    text=SHEET,
    elements=(
        PlacedElement(kind=ElementKind.TITLE, start=0, end=5, level=1),
        PlacedElement(kind=ElementKind.TABLE, start=TABLE[0], end=TABLE[1], place="Rates!B4:C7"),
        PlacedElement(kind=ElementKind.TEXT, start=TABLE[1] + 2, end=len(SHEET), place="Rates!B9"),
    ),
    passages=(),
    parser="p",
    warnings=(),
)


@pytest.mark.parametrize(
    ("quote", "cells"),
    [
        ("City: Oslo | Rate: 120", ("Rates!B6:C6",)),
        ("Rate: 120\nCity: Bern", ("Rates!B6:C7",)),
        ("130\n\nchecked", ("Rates!B7:C7", "Rates!B9")),
        ("checked in May", ("Rates!B9",)),
    ],
)
def test_a_row_of_a_workbook_is_cited_by_its_cells(quote: str, cells: tuple[str, ...]) -> None:
    start = SHEET.index(quote)
    wanted = Place(None, cells=cells, heading_path=("Rates",))
    assert locator(WORKBOOK.to_bytes())("d", start, start + len(quote)) == wanted


def test_a_sheets_name_has_no_cells() -> None:
    assert locator(WORKBOOK.to_bytes())("d", 0, 5) == Place(None, heading_path=("Rates",))


@given(st.lists(st.none() | st.integers(1, 4), max_size=12), st.data())
def test_a_span_is_under_the_last_heading_above_it(levels: list[int | None], data: st.DataObject) -> None:
    """None stands for a paragraph, a number for a heading of that level."""
    elements = tuple(
        PlacedElement(
            kind=ElementKind.TEXT if level is None else ElementKind.TITLE, start=8 * at, end=8 * at + 6, level=level
        )
        for at, level in enumerate(levels)
    )
    text = "\n\n".join(f"{'word' if level is None else 'head'}{at:02}" for at, level in enumerate(levels))
    document = replace(ParsedDocument.from_bytes(PARSED), text=text, elements=elements)
    start = data.draw(st.integers(0, max(len(text) - 1, 0)))
    place = locator(document.to_bytes())("d", start, start + 1)
    assert place is not None
    above = [element for element in elements if element.kind is ElementKind.TITLE and element.start <= start]
    assert place.heading_path[-1:] == tuple(text[element.start : element.end] for element in above[-1:])
    assert len(place.heading_path) <= 4


@given(st.integers(0, len(SHEET) - 1), st.integers(1, len(SHEET)))
def test_cells_are_those_that_the_document_itself_gives(start: int, length: int) -> None:
    end = min(start + length, len(SHEET))
    place = locator(WORKBOOK.to_bytes())("d", start, end)
    assert (place.cells if place else ()) == WORKBOOK.cells(start, end)


def test_only_workbooks_are_looked_at_for_the_cells_of_a_passage() -> None:
    store = Store(WORKBOOK.to_bytes())
    places = locator(b"", store)
    chunk = Chunk(id="c", document_id="d", source_id="s", uri="u", ordinal=0, text="x", start=TABLE[0], end=TABLE[1])
    assert (places.cells(chunk), store.reads) == ((), [])
    sheet = replace(chunk, metadata=Metadata(document_type="xlsx"))
    assert places.cells(sheet) == ("Rates!B5:C7",)
    assert places.cells(replace(sheet, document_id="gone")) == ()
