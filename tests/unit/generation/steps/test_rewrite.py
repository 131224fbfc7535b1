from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from core.errors import ModelUnavailable
from core.principal import ANONYMOUS
from core.settings import RewriteSettings, Settings
from generation.answerer import Answerer
from generation.events import AnswerEvent, Done, Meta, StageEvent
from generation.models.port import Delta, Message
from generation.question import Question

LEAVE = "How many days of paid leave does an employee get?"
TURNS = (Message("user", LEAVE), Message("assistant", "25 days [1]."))
BY_RULE = f"{LEAVE} And for part-timers?"
STOP = Delta(finish_reason="stop")


def ask(answerer: Answerer, text: str = "And for part-timers?", turns: Any = TURNS) -> list[AnswerEvent]:
    async def run() -> list[AnswerEvent]:
        question = Question(text=text, principal=ANONYMOUS, answer_id="a", conversation_id="c", history=turns)
        return [event async for event in answerer.answer(question)]

    return asyncio.run(run())


def queries(events: list[AnswerEvent]) -> tuple[str, ...]:
    return next((e.queries for e in events if isinstance(e, StageEvent) and e.queries), ())


@pytest.fixture
def found(passages: Any, make_chunk: Any) -> Any:
    return passages(make_chunk("Part-timers get leave in proportion to their hours."))


@pytest.fixture
def answerer(found: Any, scripted: Any) -> Callable[..., Answerer]:
    return lambda *script: Answerer(found, scripted(*script) if script else None, Settings())


def test_without_a_model_the_earlier_question_is_carried_over(answerer: Any, found: Any) -> None:
    events = ask(answerer())
    assert isinstance(events[0], Meta)
    assert queries(events) == (BY_RULE, "And for part-timers?")
    assert [asked[0] for asked in found.asked] == [BY_RULE, "And for part-timers?"]
    done = events[-1]
    assert isinstance(done, Done)
    assert done.degraded == ()
    assert "rewrite" in done.timings_ms


def test_a_question_that_stands_by_itself_is_left_alone(answerer: Any, found: Any) -> None:
    events = ask(answerer(), "How do I report a security incident?")
    assert queries(events) == ()
    assert [asked[0] for asked in found.asked] == ["How do I report a security incident?"]


def test_the_model_rewrites_and_the_question_itself_is_searched_for_too(answerer: Any, found: Any) -> None:
    model_says = "How many days of leave do part-timers get?"
    events = ask(answerer(Delta(f'"{model_says}"\n'), STOP))
    assert queries(events) == (model_says, "And for part-timers?")
    assert [asked[0] for asked in found.asked] == [model_says, "And for part-timers?"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ((ModelUnavailable("down"),), "rewrite: The model doesn't answer."),
        ((Delta("  "), STOP), "rewrite: The model wrote no question."),
        ((Delta("word " * 1000), STOP), "rewrite: The model wrote no question."),
    ],
)
def test_where_the_model_writes_no_question_the_rule_stands_in(
    answerer: Any, found: Any, script: Any, why: str
) -> None:
    events = ask(answerer(*script))
    assert queries(events) == (BY_RULE, "And for part-timers?")
    done = events[-1]
    assert isinstance(done, Done)
    assert why in done.degraded


def test_a_slow_model_meets_the_deadline(found: Any) -> None:
    class Slow:
        name = "slow"

        async def stream(self, messages: object) -> AsyncGenerator[Delta]:
            await asyncio.Event().wait()
            yield STOP

        async def close(self) -> None:
            pass

    settings = Settings.model_validate({"rewrite": {"timeout_s": 0.05}, "llm": {"total_timeout_s": 0.1}})
    events = ask(Answerer(found, Slow(), settings))
    assert queries(events) == (BY_RULE, "And for part-timers?")
    done = events[-1]
    assert isinstance(done, Done)
    assert "rewrite: The model took longer than 0.05 s." in done.degraded


def test_it_can_be_switched_off(found: Any) -> None:
    settings = Settings(rewrite=RewriteSettings(enabled=False))
    assert queries(ask(Answerer(found, None, settings))) == ()


def test_a_question_that_may_stand_by_itself_is_searched_for_either_way(answerer: Any, found: Any) -> None:
    assert queries(ask(answerer(), "How do I apply?")) == (f"{LEAVE} How do I apply?", "How do I apply?")


def test_several_questions_are_searched_for_one_by_one(answerer: Any, found: Any) -> None:
    text = "How many days of leave are there, and who approves them?"
    first = "How many days of leave are there?"
    assert queries(ask(answerer(), text, ())) == (first, f"{first} who approves them?", text)
    assert len(found.asked) == 3


def test_parts_can_be_left_together(found: Any) -> None:
    settings = Settings(rewrite=RewriteSettings(parts=False))
    assert queries(ask(Answerer(found, None, settings), "What is leave, and how do I resign?", ())) == ()
