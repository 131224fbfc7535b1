from __future__ import annotations

import html

from hypothesis import given
from hypothesis import strategies as st

from ingestion.partitioning.tables import html_rows, table_text

cells = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), max_size=6)
rows = st.lists(st.lists(cells, min_size=1, max_size=5), max_size=6)


def test_rows_carry_the_names_of_their_columns() -> None:
    assert table_text([["A", "B"], ["1", ""], ["", "2"]]) == "A: 1\nB: 2"


def test_rows_under_no_header_stand_alone() -> None:
    assert table_text([["2024", "2025"], ["1", "2"]]) == "2024 | 2025\n1 | 2"
    assert table_text([["A", "A"], ["1", "2"]]) == "A | A\n1 | 2"


def test_a_name_that_no_row_shows_is_kept() -> None:
    assert table_text([["A", "B"], ["1", ""]]) == "A | B\nA: 1"


@given(rows)
def test_no_cell_is_lost(table: list[list[str]]) -> None:
    text = table_text(table)
    for row in table:
        for cell in row:
            assert " ".join(cell.split()) in text


@given(rows)
def test_html_gives_its_cells_back(table: list[list[str]]) -> None:
    markup = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in table)

    assert html_rows(f"<table>{markup}</table>") == table


def test_a_wide_cell_keeps_the_columns_after_it_in_place() -> None:
    rows = html_rows("<table><tr><td colspan=2>a</td><td>b</td></tr></table>")

    assert rows == [["a", "", "b"]]
