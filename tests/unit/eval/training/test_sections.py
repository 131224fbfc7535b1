"""Questions that documents ask themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Settings
from eval.datasets import DatasetError, Document
from eval.training.sections import Section, by_headings, by_titles, folder_sections, limited

LONG = "Whoever needs a pump orders it from the stores, and signs the list that hangs beside the door of the cellar. "


def section(document: str, heading: str, text: str = LONG * 2) -> Section:
    return Section(document, "Handbook", heading, text)


def test_headings_ask_for_their_sections_and_are_not_in_them(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        f"# Stores\n\n{LONG * 2}\n\n## Ordering a pump\n\n{LONG}\n\n{LONG}\n\n## Brief\n\nNo.\n"
    )
    sections = folder_sections(tmp_path, Settings(data_dir=tmp_path / "data"))
    made = by_headings("kb", sections, None, 0)
    assert list(made.queries.values()) == ["Ordering a pump"]
    (query,) = made.queries
    (document,) = [one for one in made.documents if one.id == query]
    assert "Ordering a pump" not in document.title + document.text
    assert document.title == "Stores"
    assert len(made.documents) == 2


def test_headings_that_stand_everywhere_ask_nothing_and_short_ones_name_their_document() -> None:
    sections = [*(section(f"d{n}", "Overview") for n in range(3)), section("d0", "Pumps"), section("d1", "Handbook")]
    assert list(by_headings("kb", sections, None, 0).queries.values()) == ["Handbook: Pumps"]
    with pytest.raises(DatasetError, match="kb: none of its 3 sections has a heading of its own"):
        by_headings("kb", sections[:3], None, 0)


def test_titles_are_taken_off_their_bodies() -> None:
    documents = [
        Document("1", "flow over a plate .", f"flow over a plate . {LONG * 2}"),
        Document("2", "", LONG * 2),
        Document("3", "no body", ""),
    ]
    made = by_titles("set", documents, None, 0)
    assert made.queries == {"1": "flow over a plate ."}
    assert [one.id for one in made.documents] == ["1", "2"]
    assert made.documents[0].text.startswith("Whoever")
    with pytest.raises(DatasetError, match="no document has both"):
        by_titles("set", documents[1:], None, 0)


@given(st.sets(st.integers(0, 99).map(str), max_size=20), st.integers(0, 25), st.integers(0, 5))
def test_a_limit_draws_the_same_whatever_the_order(ids: set[str], limit: int, seed: int) -> None:
    drawn = limited(ids, limit, seed)
    assert drawn == limited(sorted(ids, reverse=True), limit, seed)
    assert len(drawn) == min(limit, len(ids))
    assert drawn == limited(ids, None, seed)[:limit]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a folder"):
        folder_sections(tmp_path / "none", Settings(data_dir=tmp_path / "data"))
