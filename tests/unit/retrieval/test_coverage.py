"""How far a question's words are found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.coverage import coverage


@pytest.mark.parametrize(
    ("question", "passages", "share"),
    [
        ("How long is parental leave?", ["Parents leave early.", "Long hotels"], 2 / 3),
        ("How many hotels were booked?", ["booking a hotel"], 2 / 3),  # "many" is asked, too
        ("Café Zürich", ["the cafe in ZURICH"], 1),
        ("情報技術", ["技術と情報", "天気"], 2 / 3),
        ("What is it?", ["anything"], 1),
        ("remuneration", ["pay", ""], 0),
        ("remuneration", [], 0),
    ],
)
def test_the_best_passage_counts(question: str, passages: list[str], share: float) -> None:
    assert coverage(question, passages) == pytest.approx(share)


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=4), st.text(max_size=60))
def test_it_is_a_share_and_more_passages_cover_no_less(question: str, passages: list[str], other: str) -> None:
    before = coverage(question, passages)
    assert 0 <= before <= coverage(question, [*passages, other]) <= 1
    assert coverage(question, [*passages, question]) == 1
