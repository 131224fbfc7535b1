"""What the guard does to verdicts: their spans follow the text, and their reasons hold nothing that it takes out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from core.lanes import Lanes
from core.principal import ANONYMOUS
from core.settings import Settings
from generation.events import AnswerEvent, Token, Verdict
from generation.question import Question
from generation.steps.draft import Draft
from generation.steps.guard import Guard

SENTENCE = "Ask at https://evil.example/?q=secret today. "
WHY = "https://evil.example/?q=secret isn't in the source"


async def _written() -> AsyncGenerator[AnswerEvent]:
    yield Token(text=SENTENCE)
    yield Token(text="The office opens at eight.")
    yield Verdict(answer_start=0, answer_end=len(SENTENCE) - 1, verdict="unsupported", reasons=(WHY,))
    end = len(SENTENCE) + len("The office opens at eight.")
    yield Verdict(answer_start=len(SENTENCE), answer_end=end, verdict="supported")


def test_verdicts_follow_the_text_and_repeat_nothing_that_was_taken_out(make_chunk: Any) -> None:
    draft = Draft(Question(text="x", principal=ANONYMOUS, answer_id="a", conversation_id="c"))
    draft.chunks = [make_chunk("The office opens at eight.")]
    guard = Guard(modelled=True, lane=Lanes.of(Settings()).searches)

    async def run() -> list[AnswerEvent]:
        return [event async for event in guard.over(_written(), draft)]

    events = asyncio.run(run())
    text = "".join(event.text for event in events if isinstance(event, Token))
    first, second = (event for event in events if isinstance(event, Verdict))
    assert "evil" not in text
    assert "evil" not in " ".join(first.reasons)
    assert text[second.answer_start : second.answer_end] == "The office opens at eight."
    assert text[first.answer_start : first.answer_end].startswith("Ask at")
