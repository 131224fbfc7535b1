"""The words that answer, which are shown in bold."""

from __future__ import annotations

import pytest

from generation.extractive.answering_words import answering_words
from generation.extractive.question_kinds import Asking


@pytest.mark.parametrize(
    ("question", "sentence", "key"),
    [
        ("How many days of leave do I get?", "Every employee gets 25 days of paid leave a year.", "25 days"),
        ("How much may a hotel cost?", "In 2024 a hotel may cost up to $300 per night.", "up to $300 per night"),
        ("How long is parental leave?", "You get two pay slips and 26 weeks of parental leave.", "26 weeks"),
        ("How often is payroll run?", "Payroll is run every other Friday for all.", "every other Friday"),
        ("When is the team breakfast?", "We have a team breakfast every Thursday morning.", "every Thursday"),
        ("When does the office open?", "The office opens at 7 a.m. and closes late.", "7 a.m."),
        ("Who is the CEO?", "Ann Lindqvist is the CEO of the company.", "Ann Lindqvist"),
        ("Who approves travel?", "Travel is approved by your manager beforehand.", "your manager"),
        ("Can I fly business class?", "You may not fly business class.", "may not fly"),
        ("What is Okta?", "Okta is a sign-on service.", "Okta is a sign-on service."),
        ("How many tries do I have?", "No number is told here.", "No number is told here."),
    ],
)
def test_what_is_asked_for_is_marked(question: str, sentence: str, key: str) -> None:
    found = answering_words(question, Asking.of(question), sentence)
    assert found is not None
    assert sentence[slice(*found)] == key


def test_what_the_question_says_is_no_answer_and_a_long_sentence_has_no_marks() -> None:
    question = "How long do the 3 months of trial last for 2 people?"
    assert answering_words(question, Asking.of(question), "The 3 months last until 90 days are over.") == (24, 31)
    assert answering_words("What is it?", Asking.of("What is it?"), "word " * 60) is None
