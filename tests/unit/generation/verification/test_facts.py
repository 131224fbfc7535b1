from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.verification.facts import contradicts, facts_of, missing
from generation.verification.number_words import value_of, words_of


def lacks(claim: str, source: str) -> list[str]:
    return missing(facts_of(claim), facts_of(source))


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("You get twenty-six weeks.", "Parents get 26 weeks."),
        ("There are 1.9k seats.", "It has 1,900 seats."),
        ("It is 5 %.", "Five percent of it."),
        ("It is 5 per cent.", "About 5% of it."),
        ("It costs $50.", "It costs 50 dollars."),
        ("It costs EUR 1,500.", "€1.5k a year."),
        ("Due on 31 March 2025.", "Closing: 2025-03-31"),
        ("Due on March 31st, 2025.", "Due 31 March 2025."),
        ("Due by 31/3/2025.", "Due on March 31, 2025."),
        ("It opens at 8:00.", "The office opens at eight."),
        ("It opens at 8 a.m.", "Opening: 08:00"),
        ("It ends at 17:00.", "It ends at 5 pm."),
        ("Lunch is at noon.", "Lunch at 12:00."),
        ("On the 35th floor.", "On the thirty-fifth floor, or 35th."),
        ("Within a week.", "You have 7 days."),
        ("You have 14 days.", "You have two weeks."),
        ("It takes 8 days.", "It takes 8 to 10 days."),
        ("In the second quarter of 2021.", "In Q2 of 2021."),
        ("On Wednesdays.", "Open Monday–Friday."),
        ("HR decides.", "Human Resources decides."),
        ("Write to it@example.org in #it-help.", "Ask #it-help, or it@example.org."),
        ("It came in 5.2.", "New in 5.2."),
    ],
)
def test_a_fact_is_found_however_it_is_written(claim: str, source: str) -> None:
    assert lacks(claim, source) == []


@pytest.mark.parametrize(
    ("claim", "source", "what"),
    [
        ("You get 26 days.", "Parents get 26 weeks.", ["26 days"]),
        ("You get 30 weeks.", "Parents get 26 weeks.", ["30 weeks"]),
        ("It costs €50.", "It costs $50.", ["€50"]),
        ("Due on 31 March 2026.", "Due on 31 March 2025.", ["31 March 2026"]),
        ("Due on 30 March.", "Due on 31 March.", ["30 March"]),
        ("It opens at 9:00.", "It opens at eight.", ["9:00"]),
        ("It ends at 5 am.", "It ends at 5 pm.", ["5 am"]),
        ("On Sunday.", "Open Monday–Friday.", ["Sunday"]),
        ("Ask Anna about it.", "Ask Ben about it.", ["Anna"]),
        ("Write to x@example.org.", "Write to y@example.org.", ["x@example.org"]),
    ],
)
def test_another_fact_is_missed(claim: str, source: str, what: list[str]) -> None:
    assert lacks(claim, source) == what


@pytest.mark.parametrize(
    ("claim", "source", "expected"),
    [
        ("Interns may travel.", "Interns may not travel.", True),
        ("Interns can't travel.", "Interns can travel.", True),
        ("Unused leave expires.", "Leave that is not taken expires.", False),
        ("It isn't allowed.", "It is forbidden.", False),
        ("No. 5 is open.", "Number 5 is open.", False),
    ],
)
def test_denials_are_compared(claim: str, source: str, expected: bool) -> None:
    assert contradicts(facts_of(claim), facts_of(source)) is expected


def test_german_nouns_are_no_names() -> None:
    assert facts_of("Der Urlaub wird vom Vorgesetzten genehmigt.").names == ()


@given(st.integers(0, 999_999))
def test_numbers_in_words_and_back(number: int) -> None:
    assert value_of(words_of(number)) == number


@given(st.integers(2, 999_999), st.sampled_from(["weeks", "hours", "percent", "dollars", "GB"]))
def test_a_number_in_words_is_the_number_in_digits(number: int, unit: str) -> None:
    written = [f"{number} {unit}", f"{number:,} {unit}", f"{words_of(number)} {unit}"]
    for one in written:
        for other in written:
            assert lacks(f"It is {one}.", f"It is {other}.") == []
        assert lacks(f"It is {one}.", f"It is {number + 1} {unit}.")


@given(st.dates(date(1950, 1, 1), date(2090, 12, 31)))
def test_a_date_is_the_same_however_it_is_written(day: date) -> None:
    month = """
        January February March April May June July August September October November December
    """.split()[  # noqa: SIM905
        day.month - 1
    ]
    written = [day.isoformat(), f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}"]
    for one in written:
        for other in written:
            assert lacks(f"Due on {one}.", f"Closing on {other}.") == []


@given(st.text(max_size=300))
def test_any_text_has_facts_and_says_them_itself(text: str) -> None:
    facts = facts_of(text)
    assert missing(facts, facts) == []
