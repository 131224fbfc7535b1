"""Counting headings that are found on scans."""

from __future__ import annotations

import pytest

from eval.ocr_headings import _matching, layouts


@pytest.mark.parametrize(
    ("there", "called", "right"),
    [
        (["Travel", "Receipts"], ["Travel", "Receipts"], 2),
        (["Parental leave"], ["Parenta1 leave", "Graz"], 1),  # a misread letter, and a cell
        (["Travel", "Travel"], ["Travel"], 1),
        (["Travel"], ["Travel", "Travel"], 1),
        ([], ["Graz"], 0),
    ],
)
def test_a_heading_is_found_once(there: list[str], called: list[str], right: int) -> None:
    assert _matching(there, called) == right


def test_headings_of_each_kind_are_among_the_first_layouts() -> None:
    assert len({(one.font, one.heading, one.bold) for one in layouts()[:27]}) == 18
