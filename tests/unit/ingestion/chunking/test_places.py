"""Passages of spreadsheets know their cells."""

from __future__ import annotations

import pytest

from ingestion.chunking.model import PlacedElement
from ingestion.partitioning.port import ElementKind

TEXT = "Rates\n\nCity: Rome | Rate: 90\nCity: Oslo | Rate: 120\nCity: Bern | Rate: 130"
START = TEXT.index("City: Rome")


@pytest.mark.parametrize(
    ("quote", "place"),
    [
        ("Rome", "Rates!B5:C5"),
        ("Rate: 120", "Rates!B6:C6"),
        ("Bern | Rate: 130", "Rates!B7:C7"),
        ("Oslo | Rate: 120\nCity: Bern", "Rates!B6:C7"),
        (TEXT[START:], "Rates!B5:C7"),
    ],
)
def test_a_quote_is_in_the_rows_that_it_touches(quote: str, place: str) -> None:
    table = PlacedElement(kind=ElementKind.TABLE, start=START, end=len(TEXT), place="Rates!B4:C7")
    start = TEXT.index(quote, START)

    assert table.rows_at(TEXT, start, start + len(quote)) == place


def test_a_lone_cell_and_other_documents_stay_as_they_are() -> None:
    cell = PlacedElement(kind=ElementKind.TEXT, start=0, end=5, place="Rates!B2")
    prose = PlacedElement(kind=ElementKind.TEXT, start=0, end=5)

    assert (cell.rows_at(TEXT, 0, 5), prose.rows_at(TEXT, 0, 5)) == ("Rates!B2", None)
