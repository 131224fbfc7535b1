"""The questions that are searched for: what a follow-up leaves out is taken from the turns before it, and several
questions in one are told apart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from core.errors import ConfigurationError, ModelUnavailable
from core.logs import get_logger
from core.settings import RewriteSettings
from core.telemetry import DEGRADED
from generation.events import AnswerEvent, StageEvent
from generation.models.port import ChatModel, Message
from generation.prompts.messages import rewriting_messages
from generation.prompts.prompt import Prompt
from generation.steps.draft import Draft
from generation.steps.follow_ups import carried_over, is_follow_up, may_follow
from generation.steps.parts import parts_of
from generation.steps.vague import subject_of

_log = get_logger(__name__)
_LONGEST = 400
"""Characters of a rewritten question: a model that writes more hasn't written a question."""


class Rewrite:
    """Makes a follow-up stand by itself: by one call of the model, or by rule where there is none, or it fails.

    The question as it was asked stays among the queries, so that a bad rewrite can't lose what it would have found.
    """

    def __init__(self, model: ChatModel | None, settings: RewriteSettings, prompt: Prompt) -> None:
        self._prompt = prompt
        self._model = model
        self._settings = settings

    def needed(self, draft: Draft) -> bool:
        """Whether the question leans on the turns before it, or may, is several or none; told by its words alone."""
        text = draft.question.text
        if self._leans(draft) or (self._settings.parts and len(parts_of(text)) > 1):
            return True
        draft.subject = (subject_of(text) or "") if self._settings.vague else ""
        return draft.subject not in ("", text)

    async def run(self, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """Rewrite the question; it is one that :meth:`needed` it."""
        yield StageEvent(name="rewrite", state="started")
        began = time.perf_counter()
        text, history = draft.question.text, draft.question.history
        if self._leans(draft):
            written = None if self._model is None else await self._written(self._model, draft)
            draft.standalone = written or carried_over(text, history)
            both = tuple(dict.fromkeys((draft.standalone, text)))
            draft.queries, draft.beside = (both[:1], both[1:]) if is_follow_up(text, history) else (both, ())
        elif draft.subject:
            draft.standalone = draft.subject
            draft.queries, draft.beside = (draft.subject,), (text,)
        else:
            draft.queries = draft.parts = parts_of(text)
            draft.beside = (text,)
        yield draft.tally.finished("rewrite", began, queries=(*draft.queries, *draft.beside))

    def _leans(self, draft: Draft) -> bool:
        text, history = draft.question.text, draft.question.history
        return self._settings.enabled and (is_follow_up(text, history) or may_follow(text, history))

    def _messages(self, draft: Draft) -> Sequence[Message]:
        return rewriting_messages(self._prompt, draft.question.text, draft.question.history)

    async def _written(self, model: ChatModel, draft: Draft) -> str | None:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                text = await _whole(model, self._messages(draft))
        except TimeoutError:
            why = f"The model took longer than {self._settings.timeout_s:g} s."
        except (ModelUnavailable, ConfigurationError) as error:
            why = "The model doesn't answer."
            _log.warning("rewrite.unavailable", error=type(error).__name__, reason=error.message)
        else:
            line = " ".join(text.split()).strip("\"'` ")
            if any(map(str.isalnum, line)) and len(line) <= _LONGEST:
                return line
            why = "The model wrote no question."
        DEGRADED.labels("rewrite").inc()
        draft.tally.degraded.append(f"rewrite: {why}")
        return None


async def _whole(model: ChatModel, messages: Sequence[Message]) -> str:
    """What the model writes, as far as it can be a question."""
    text = ""
    async with aclosing(model.stream(messages)) as deltas:
        async for delta in deltas:
            text += delta.text
            if len(text) > 2 * _LONGEST:
                break
    return text
