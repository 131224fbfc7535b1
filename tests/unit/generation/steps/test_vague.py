from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.principal import ANONYMOUS
from core.settings import RewriteSettings, Settings
from generation.answerer import Answerer
from generation.events import Abstain, AnswerEvent, Citation, Done
from generation.models.port import Delta
from generation.question import Question
from generation.steps.vague import says_little, subject_of


@pytest.mark.parametrize(
    ("question", "subject"),
    [
        ("travel", "travel"),
        ("Performance review?", "Performance review"),
        ("Tell me about leave", "leave"),
        ("Can you tell me something about the badge?", "badge"),
        ("Help with GitHub", "GitHub"),
        ("What is Okta?", None),
        ("How do I resign?", None),
        ("the maximum hotel price per night", None),
        ("", None),
        ("?", None),
        ("the", None),
    ],
)
def test_what_names_a_subject_and_asks_nothing_of_it(question: str, subject: str | None) -> None:
    assert subject_of(question) == subject


def test_what_says_little() -> None:
    assert all(map(says_little, ["travel", "Where do I start?", "What are the rules?", "How do meetings work?"]))
    assert not any(map(says_little, ["What is Okta?", "Who is Ann?", "How do I report an incident?", "Why?"]))


def ask(found: Any, text: str, model: Any = None, **settings: Any) -> list[AnswerEvent]:
    question = Question(text=text, principal=ANONYMOUS, answer_id="a", conversation_id="c")

    async def run() -> list[AnswerEvent]:
        return [event async for event in Answerer(found, model, Settings(**settings)).answer(question)]

    return asyncio.run(run())


@pytest.fixture
def found(passages: Any, make_chunk: Any) -> Any:
    return passages(
        make_chunk("Travel is booked in Concur.", document="booking"),
        make_chunk("Parking costs nothing.", document="parking"),
        make_chunk("Travel by night is paid as by day.", document="pay"),
    )


def cited(events: list[AnswerEvent]) -> list[str]:
    return [event.document_id for event in events if isinstance(event, Citation)]


def test_it_is_answered_by_what_two_documents_say_and_the_reader_told(found: Any) -> None:
    events = ask(found, "travel")
    assert cited(events) == ["booking", "pay"]
    done = events[-1]
    assert isinstance(done, Done)
    assert done.notices[0].startswith("The question says little")


def test_so_is_what_the_model_leaves_unanswered(found: Any, scripted: Any) -> None:
    events = ask(found, "travel", scripted(Delta("NO ANSWER"), Delta(finish_reason="stop")))
    assert cited(events) == ["booking", "pay"]


@pytest.mark.parametrize("settings", [{}, {"rewrite": RewriteSettings(vague=False)}])
def test_a_subject_that_no_passage_has_is_left_unanswered(found: Any, settings: Any, scripted: Any) -> None:
    asked = "zebras" if not settings else "travel"
    events = ask(found, asked, scripted(Delta("NO ANSWER"), Delta(finish_reason="stop")), **settings)
    assert any(isinstance(event, Abstain) for event in events)
    assert cited(events) == []


def test_each_of_several_questions_is_answered_or_said_not_to_be(found: Any) -> None:
    events = ask(found, "Where is travel booked, and how much does parking cost?")
    assert set(cited(events)) == {"booking", "parking"}
    events = ask(found, "Where is travel booked, and who feeds the zebras?")
    assert cited(events) == ["booking"]
    done = events[-1]
    assert isinstance(done, Done)
    assert done.notices == ("The sources don't answer “who feeds the zebras?”",)
