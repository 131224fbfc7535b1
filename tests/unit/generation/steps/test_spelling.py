from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.principal import ANONYMOUS
from core.settings import RewriteSettings, Settings
from generation.answerer import Answerer
from generation.events import AnswerEvent, Done, StageEvent
from generation.question import Question
from generation.steps.spelling import distance
from tests.unit.generation.conftest import GivenPassages


def ask(found: GivenPassages, text: str, **settings: Any) -> list[AnswerEvent]:
    question = Question(text=text, principal=ANONYMOUS, answer_id="a", conversation_id="c")
    answerer = Answerer(found, None, Settings(**settings))

    async def run() -> list[AnswerEvent]:
        return [event async for event in answerer.answer(question)]

    return asyncio.run(run())


def said(events: list[AnswerEvent]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    done = events[-1]
    assert isinstance(done, Done)
    searched = next((one.queries for one in events if isinstance(one, StageEvent) and one.queries), ())
    return searched, done.notices


@pytest.fixture
def found(passages: Any, make_chunk: Any) -> GivenPassages:
    return passages(make_chunk("Everybody gets 25 days of annual leave."))  # type: ignore[no-any-return]


def test_a_word_that_no_passage_has_is_mended_and_the_reader_told(found: Any, make_chunk: Any) -> None:
    found.near = [make_chunk("Vacation is booked in Workday. The vacation year is the calendar's.")]
    searched, notices = said(ask(found, "How many days of vacaton are there?"))
    assert searched == ("How many days of vacation are there?",)
    assert notices == ("No passage that you may read has “vacaton”: “vacation” was searched for.",)
    assert [asked[0] for asked in found.asked] == [
        "How many days of vacaton are there?",
        "How many days of vacation are there?",
    ]


def test_words_that_a_found_passage_has_cost_no_search(found: Any) -> None:
    ask(found, "How many days of annual leave are there?")
    assert found.looked_up == []


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("Seattle", "They settle it."),  # a name by a name only
        ("tower", "a towel"),  # short, and one letter for another: another word
        ("ticker", "a ticket"),
        ("elephant", "an elegant one"),
        ("Oslo", "an SLO"),
    ],
)
def test_other_words_are_no_misspelt_ones(found: Any, make_chunk: Any, word: str, near: str) -> None:
    found.near = [make_chunk(near)]
    assert said(ask(found, f"Who bought {word} annually?")) == ((), ())


def test_it_can_be_switched_off(found: Any, make_chunk: Any) -> None:
    found.near = [make_chunk("Vacation.")]
    rewrite = RewriteSettings(spelling=False)
    assert said(ask(found, "How much vacaton?", rewrite=rewrite)) == ((), ())
    assert found.looked_up == []


def test_no_more_than_three_words_are_looked_up(found: Any) -> None:
    ask(found, "zebraq lionqq tigerq pandaq koalaq?")
    assert len(found.looked_up) == 3


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("", "abc", 3), ("ab", "ba", 1), ("vacaton", "vacation", 1), ("kitten", "sitting", 3), ("a", "a", 0)],
)
def test_letters_are_put_in_left_out_changed_or_swapped(one: str, other: str, edits: int) -> None:
    assert distance(one, other) == distance(other, one) == edits


def test_a_question_in_a_language_that_the_embedder_does_not_read_is_told(found: Any) -> None:
    assert said(ask(found, "Wie viele Urlaubstage habe ich?"))[1][0].startswith("The question seems to be in German")
