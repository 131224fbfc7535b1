from __future__ import annotations

import pytest

from generation.models.port import Message
from generation.steps.follow_ups import carried_over, is_follow_up, may_follow

LEAVE = "How many days of paid leave does an employee get?"
TURNS = (Message("user", LEAVE), Message("assistant", "25 days [1]."))


@pytest.mark.parametrize(
    "text",
    [
        "And for part-timers?",
        "what about contractors",
        "Does it expire?",
        "Who approves that?",
        "But when?",
        "Why?",
        "In Berlin?",
        "For part-timers?",
        "Und in Berlin?",
        "Is there another way instead?",
        "Who is eligible?",
    ],
)
def test_what_leans_on_an_earlier_turn(text: str) -> None:
    assert is_follow_up(text, TURNS)
    assert not is_follow_up(text, ())
    assert not is_follow_up(text, (Message("assistant", "Hello"), Message("user", "  ")))


@pytest.mark.parametrize(
    "text",
    [
        "How do I report a security incident?",
        "What is the travel budget for conferences abroad?",
        "Which laptop models may engineers choose?",
        "How many days of leave are there?",
        "In which country is the office?",
    ],
)
def test_what_stands_by_itself(text: str) -> None:
    assert not is_follow_up(text, TURNS)


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("How do I apply?", True),
        ("How can I resign?", True),
        ("And for part-timers?", False),
        ("What is Okta?", False),
        ("Who is the CEO?", False),
        ("Who is Ann?", False),
        ("How do I report an incident?", False),
    ],
)
def test_a_short_question_may_be_meant_either_way(text: str, may: bool) -> None:
    assert may_follow(text, TURNS) is may
    assert not may_follow(text, ())


def test_the_subject_comes_from_the_last_question_that_stood_by_itself() -> None:
    turns = (
        Message("user", "Where is the canteen in the Hamburg office?"),
        Message("assistant", "On the ground floor."),
        *TURNS,
        Message("user", "And for part-timers?"),
        Message("assistant", "In proportion."),
    )
    assert carried_over("Does it expire?", turns) == f"{LEAVE} And for part-timers? Does it expire?"


def test_a_conversation_of_follow_ups_goes_back_to_its_beginning() -> None:
    turns = (Message("user", "Leave?"), Message("user", "Why?"))
    assert carried_over("When?", turns) == "Leave? Why? When?"
