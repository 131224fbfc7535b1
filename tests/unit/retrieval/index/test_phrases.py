"""What of a question is looked for as a phrase."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.index.phrases import MOST, STOP_WORDS, only_stop_words, phrases


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What is the cost of living in Oslo?", ["cost of living", "living in Oslo"]),
        ("parental leave", ["parental leave"]),
        ("Don\u2019t I get sick pay?", ["get sick", "sick pay"]),
        ("Lost badge. New one?", ["Lost badge", "New one"]),
        ("leave leave leave", ["leave leave"]),
        ("Node.js version", ["Node.js", "js version"]),
        ("why", []),
        ("who is who?", []),
        ("", []),
    ],
)
def test_pairs_of_telling_words_as_they_were_asked(question: str, found: list[str]) -> None:
    assert phrases(question) == found


@given(
    st.text(max_size=400)
    | st.lists(st.sampled_from(["tax", "form", "of", "the", "\u2019s", "B12", "? "])).map(" ".join)
)
def test_there_are_few_and_each_stands_in_the_question(question: str) -> None:
    found = phrases(question)
    assert len(found) <= MOST
    assert len({one.casefold() for one in found}) == len(found)
    for one in found:
        assert one in question
        assert one.casefold() not in STOP_WORDS


def test_a_question_of_stop_words_tells_nothing() -> None:
    assert only_stop_words("What is that, and who isn\u2019t?")
    assert not only_stop_words("What is leave?")
    assert not only_stop_words("?!")
