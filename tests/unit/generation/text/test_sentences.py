from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.text.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One here. Two there! Three? Four", ["One here.", "Two there!", "Three?", "Four"]),
        ("Ask Dr. Smith, e.g. Monday. Then go.", ["Ask Dr. Smith, e.g. Monday.", "Then go."]),
        ("It costs 3.50 per U.S. Dollar. Pay it.", ["It costs 3.50 per U.S. Dollar.", "Pay it."]),
        ("No. Only you can. See no. 5 of it.", ["No.", "Only you can.", "See no. 5 of it."]),
        ("Yes. Bring it, etc. Then go.", ["Yes.", "Bring it, etc.", "Then go."]),
        ('He said "yes." Then he left.', ['He said "yes."', "Then he left."]),
        ("Visit docs.example.com. It helps.", ["Visit docs.example.com.", "It helps."]),
        ("Steps\n\n1. Open it. Then\n\n2. Close it.", ["Steps", "1. Open it.", "Then", "2. Close it."]),
        ("Name | Days\nAnna | 20", ["Name | Days", "Anna | 20"]),
        (
            "This line was wrapped in the middle of a long\nsentence by an editor.",
            ["This line was wrapped in the middle of a long\nsentence by an editor."],
        ),
        ("休暇は二十日です。申請してください。", ["休暇は二十日です。", "申請してください。"]),
        ("  \n\n ", []),
        ("", []),
    ],
)
def test_splits(text: str, sentences: list[str]) -> None:
    assert [sentence.text for sentence in split_sentences(text)] == sentences


@given(st.text(alphabet="ab AB.!?\n\"')|:。 ", max_size=120))
def test_offsets_are_exact_and_nothing_is_lost(text: str) -> None:
    found = split_sentences(text)
    assert all(text[one.start : one.end] == one.text == one.text.strip() for one in found)
    assert all(first.end <= second.start for first, second in itertools.pairwise(found))
    assert "".join("".join(one.text.split()) for one in found) == "".join(text.split())


def test_tells_headings_items_and_sentences_apart() -> None:
    heading, sentence, item, question = split_sentences(
        "Paid leave\n\nEverybody gets leave.\n\nLeave: 20 days, or more\n\nHow much leave do I get?"
    )
    assert heading.heading
    assert not heading.complete
    assert sentence.complete
    assert not sentence.heading
    assert not item.complete
    assert not item.heading
    assert question.heading


def test_short_lines_in_a_row_are_a_list_between_headings() -> None:
    found = split_sentences(
        "We can't work in these countries.\n\nCuba\n\nIran\n\nSyria\n\nQuestions\n\nAsk us anything."
    )
    assert [one.text for one in found if one.heading] == ["Questions"]
    index = split_sentences("Benefits\n\nPension\n\nInsurance\n\nMeals")
    assert [one.text for one in index if one.heading] == ["Benefits"]


def test_a_title_with_a_colon_is_a_heading_and_an_announcement_is_not() -> None:
    title, _ = split_sentences("Care budget:\n\nThe company pays for care.")
    assert title.heading
    announcement, _ = split_sentences("You may go if:\n\nyou are done")
    assert not announcement.heading
    assert announcement.introduces
