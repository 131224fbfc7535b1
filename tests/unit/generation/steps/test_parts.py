from __future__ import annotations

import pytest

from generation.steps.parts import parts_of


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What is Okta, and how do I resign?", ("What is Okta?", "how do I resign?")),
        ("Who owns it? And how do I order a laptop?", ("Who owns it?", "how do I order a laptop?")),
        (
            "How long is leave and can I carry it over?",
            ("How long is leave?", "How long is leave? can I carry it over?"),
        ),
        ("What is an IDP and who approves it?", ("What is an IDP?", "What is an IDP? who approves it?")),
        ("Was ist Okta und wie kündige ich?", ("Was ist Okta?", "wie kündige ich?")),
    ],
)
def test_questions_in_one_are_told_apart(question: str, parts: tuple[str, ...]) -> None:
    assert parts_of(question) == parts


@pytest.mark.parametrize(
    "question",
    [
        "What is the policy on leave and travel?",
        "Who is the CEO and the CFO?",
        "I lost my badge, what do I do?",
        "Explain how leave works and what it costs",
        "Why?",
        "",
        "what and why and how and when and who and where is it?",
    ],
)
def test_what_is_one_question_stays_one(question: str) -> None:
    assert parts_of(question) == (question,)


def test_a_long_question_is_read_in_linear_time() -> None:
    for text in ("and how " * 5000, "? " * 10_000, " " * 20_000 + "?", "what is it, " * 2000):
        assert parts_of(text) == (text,)
