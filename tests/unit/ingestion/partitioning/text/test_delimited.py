"""CSV and TSV: what is a table, and the address of each cell as a spreadsheet program shows it."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.chunking.model import PlacedElement
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.text.delimited import read_delimited

cells = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")) | st.sampled_from(" \n,;\"'"), max_size=6)
rows = st.lists(st.lists(cells, max_size=4), max_size=12)


def read(text: str) -> list[tuple[ElementKind, str, str | None]]:
    return [(one.kind, one.text, one.place) for one in read_delimited(text, "a.csv").elements]


def row_of(element: Element, line: int) -> str | None:
    """The address of a line of an element's text."""
    text, placed = element.text, PlacedElement(kind=element.kind, start=0, end=len(element.text), place=element.place)
    start = sum(len(before) + 1 for before in text.split("\n")[:line])
    return placed.rows_at(text, start, start + len(text.split("\n")[line]))


def test_a_quoted_line_break_is_no_new_row() -> None:
    [table] = read_delimited('City,Note\nRome,"two\nlines"\nOslo,one\n', "a.csv").elements

    assert (table.text, table.place) == ("City: Rome | Note: two lines\nCity: Oslo | Note: one", "A1:B3")
    assert [row_of(table, line) for line in (0, 1)] == ["A2:B2", "A3:B3"]


def test_empty_rows_count() -> None:
    [table] = read_delimited("City,Rate\n\nRome,90\n,\n\nOslo,120\n", "a.csv").elements

    assert (table.text, table.place) == ("City: Rome | Rate: 90\n\n\nCity: Oslo | Rate: 120", "A1:B6")
    assert [row_of(table, line) for line in (0, 3)] == ["A3:B3", "A6:B6"]


def test_a_table_begins_where_names_stand_over_numbers() -> None:
    assert read("Rates of 2025\n\nCity,Rate\nRome,90\n\nHotels\nName,Stars\nRitz,5\n") == [
        (ElementKind.TEXT, "Rates of 2025", "A1"),
        (ElementKind.TABLE, "City: Rome | Rate: 90", "A3:B4"),
        (ElementKind.TEXT, "Hotels", "A6"),
        (ElementKind.TABLE, "Name: Ritz | Stars: 5", "A7:B8"),
    ]


def test_one_column_is_one_table() -> None:
    assert read("x\ny\n\nz\n") == [(ElementKind.TABLE, "x\ny\n\nz", "A1:A4")]


@pytest.mark.parametrize("first", ["sep=|\n", "SEP=|\n"])
def test_a_line_that_names_the_delimiter_is_no_row(first: str) -> None:
    assert read(f"{first}a,b|c\n1|2\n") == [(ElementKind.TABLE, "a,b: 1 | c: 2", "A1:B2")]


@given(rows)
def test_every_cell_is_on_a_line_of_its_row(written: list[list[str]]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter="\t", lineterminator="\n").writerows(written)
    found: dict[int, str] = {}
    headers: set[int] = set()
    for element in read_delimited(stream.getvalue(), "a.tsv", "\t").elements:
        assert element.place is not None
        headers.add(int("".join(filter(str.isdigit, element.place.split(":")[0]))))
        for line, text in enumerate(element.text.split("\n")):
            if not text:
                continue
            address = row_of(element, line)
            assert address is not None
            number = int("".join(filter(str.isdigit, address.split(":")[0])))
            assert number not in found
            found[number] = text
    told = "\n".join(found.values())
    for number, row in enumerate(written, start=1):
        for said in (" ".join(cell.split()) for cell in row):
            # The names of columns stand on the lines below them.
            assert said in (told if number in headers else found.get(number, ""))
