"""The writing of an answer: by a model, or of the sources' own sentences."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.lanes import Lanes
from core.logs import get_logger
from core.settings import LlmSettings
from core.telemetry import CITATIONS_DROPPED, DEGRADED, stage
from generation.answering.quote_places import Placing, nearest
from generation.answering.writing import Writing
from generation.events import Abstain, AnswerEvent, StageEvent
from generation.extractive.extractor import Extraction, extract_each, readings
from generation.extractive.rendering import render_extracts
from generation.models.port import ChatModel, Delta
from generation.prompts.messages import build_messages
from generation.prompts.prompt import Prompt
from generation.steps.draft import Draft
from generation.steps.retrieve import PassageSearch
from generation.steps.vague import says_little

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder

_LITTLE = "The question says little: this is what the documents that come closest say. Ask more exactly for more."
_log = get_logger(__name__)
_CUT = "A list in this answer goes on: open its footnote to read all of it."


class Write:
    """Writes the answer from the chosen passages.

    Args:
        model: who writes; None: the answer is sentences of the passages. They stand in too where the model fails before
            its first word.
        prompt: what the model is told.
        search: has the embedder that weighs sentences against the question.
        vague: show what two documents say where a question says too little to be answered.
    """

    def __init__(
        self,
        model: ChatModel | None,
        search: PassageSearch,
        settings: LlmSettings,
        *,
        placing: Placing,
        lanes: Lanes,
        prompt: Prompt,
        vague: bool = True,
    ) -> None:
        self._model = model
        self._search = search
        self._settings = settings
        self._placing = placing
        self._lanes = lanes
        self._prompt = prompt
        self._vague = vague

    async def run(self, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """Write, or say that there is no answer."""
        tally = draft.tally
        if not draft.chunks:
            tally.abstain()
            yield Abstain(reason="Nothing that you may read matches the question.", nearest=())
            return
        yield StageEvent(name="generate", state="started")
        began = time.perf_counter()
        written = self._extracted(draft) if self._model is None else self._modelled(self._model, draft)
        async with aclosing(written) as events:
            async for event in events:
                yield await self._placing.placed(event)
        yield tally.finished("generate", began)

    async def _modelled(self, model: ChatModel, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        writing = Writing(draft.chunks, self._settings.max_tokens)
        try:
            async with aclosing(self._streamed(model, draft, writing)) as events:
                async for event in events:
                    yield event
        except (ModelUnavailable, ConfigurationError) as error:
            _log.warning("llm.unavailable", error=type(error).__name__, reason=error.message)
            for event in writing.finish(whole=False):
                yield event
            _went_without_model(_told(error), writing, draft)
        else:
            if writing.abstained:
                draft.tally.usage = writing.usage
            else:
                _written(writing, draft)
        if writing.abstained and not (self._vague and says_little(draft.standalone)):
            yield _abstained("The sources don't answer the question.", draft)
        elif not writing.begun:
            async for event in self._extracted(draft):
                yield event

    async def _streamed(self, model: ChatModel, draft: Draft, writing: Writing) -> AsyncGenerator[AnswerEvent]:
        messages = build_messages(self._prompt, draft.question.text, draft.chunks, draft.question.history)
        deadline = asyncio.get_running_loop().time() + self._settings.total_timeout_s
        async with aclosing(model.stream(messages)) as deltas:
            # A span must not stay open over a yield: it would become the consumer's.
            with stage("generate.first_token", sources=len(draft.chunks)):
                delta = await _within(deadline, deltas, model)
            if delta is not None and delta.stand_in is not None:
                draft.tally.model = delta.stand_in.name
                draft.tally.degraded.append(f"model: {delta.stand_in.name} wrote. {delta.stand_in.why}")
            while delta is not None:
                for event in writing.take(delta):
                    yield event
                delta = None if writing.full else await _within(deadline, deltas, model)
        for event in writing.finish():
            yield event

    async def _extracted(self, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        work = partial(_chosen, draft, self._search.embedder, vague=self._vague)
        extraction, notices = await self._lanes.searches.run(work, begun=True)
        if extraction.degraded:
            draft.tally.degraded.append(extraction.degraded)
        draft.tally.notices += notices
        for event in render_extracts(extraction.extracts, draft.chunks):
            yield event
        if extraction.extracts:
            draft.tally.outcome = "extracted"
            if extraction.cut:
                draft.tally.notices.append(_CUT)
        else:
            yield _abstained(extraction.reason, draft)


def _chosen(draft: Draft, embedder: Embedder, *, vague: bool) -> tuple[Extraction, list[str]]:
    """The sentences that answer, and what the reader should know of them. Blocks."""
    if draft.subject:
        found = readings(draft.subject, draft.chunks, embedder)
        return found, [_LITTLE] if found.extracts else []
    questions = draft.parts or (draft.standalone,)
    each = extract_each(questions, draft.chunks, embedder)
    extracts = tuple(one for part in each for one in part.extracts)
    if not extracts and vague and says_little(draft.standalone):
        found = readings(draft.standalone, draft.chunks, embedder)
        return found, [_LITTLE] if found.extracts else []
    left = [asked for asked, part in zip(questions, each, strict=True) if part.reason]
    notices = [f"The sources don't answer “{asked}”" for asked in left] if extracts else []
    reason, cut = "" if extracts else each[0].reason, any(part.cut for part in each)
    return Extraction(extracts, reason, each[0].degraded, cut), notices


def _abstained(reason: str, draft: Draft) -> Abstain:
    draft.tally.abstain()
    return Abstain(reason=reason, nearest=nearest(draft.standalone, draft.chunks))


def _written(writing: Writing, draft: Draft) -> None:
    """Note how a model's answer ended that didn't break off."""
    tally = draft.tally
    tally.usage = writing.usage
    if not writing.begun:
        _went_without_model("The model wrote nothing.", writing, draft)
        return
    _count_dropped(writing, draft)
    if not writing.cited:
        DEGRADED.labels("citations").inc()
        tally.degraded.append("uncited")
    tally.finish_reason, tally.outcome = writing.finish_reason, "answered"


def _count_dropped(writing: Writing, draft: Draft) -> None:
    tally = draft.tally
    if writing.links_removed:
        DEGRADED.labels("links").inc()
        tally.degraded.append(f"links: {writing.links_removed} of the model's removed, no source has them.")
    tally.citations_dropped = writing.dropped
    CITATIONS_DROPPED.inc(writing.dropped)


def _went_without_model(why: str, writing: Writing, draft: Draft) -> None:
    """Say why the model's answer is missing, or not whole."""
    tally = draft.tally
    DEGRADED.labels("llm").inc()
    if not writing.begun:
        tally.model = ""
        tally.degraded.append(f"llm: {why}")
        return
    _count_dropped(writing, draft)
    tally.degraded.append(f"incomplete: {why}")
    tally.finish_reason, tally.outcome = "interrupted", "interrupted"


def _told(error: FootnoteError) -> str:
    """What readers are told: a wrong setting is the operator's business."""
    if isinstance(error, ConfigurationError):
        return "The model is set up wrongly; Footnote's log names the setting."
    return error.message


async def _within(deadline: float, deltas: AsyncGenerator[Delta], model: ChatModel) -> Delta | None:
    try:
        async with asyncio.timeout_at(deadline):
            return await anext(deltas, None)
    except TimeoutError as error:
        raise ModelUnavailable(f"The model {model.name!r} took too long (llm.total_timeout_s).") from error
