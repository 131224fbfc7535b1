"""From a question to a stream of events: one step after the other."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from core.errors import FootnoteError
from core.lanes import Lanes
from core.settings import Settings
from core.telemetry import ANSWERS, FIRST_TOKEN_SECONDS
from generation.answering.quote_places import PlaceLookup, Placing
from generation.caching.remember import Remember
from generation.events import AnswerEvent, Done, Meta, Token
from generation.guarding.build import build_guard, discreet
from generation.models.port import ChatModel
from generation.prompts.prompt import Prompts
from generation.question import Question
from generation.steps.draft import Check, Draft
from generation.steps.retrieve import PassageSearch, Retrieve
from generation.steps.rewrite import Rewrite
from generation.steps.select import Select
from generation.steps.verify import Verify
from generation.steps.write import Write
from generation.verification.overlap import OverlapSupport
from generation.verification.port import SupportModel
from retrieval.selection import asked_for

MemoryMaker = Callable[[PassageSearch, str, Lanes], Remember]
EXTRACTIVE = "extractive"
"""What answers name as their model when sentences of the sources make them up."""


class Answerer:
    """Answers questions. One serves any number of them at a time.

    Args:
        settings: their prompts are read here: ConfigurationError where a file is none.
        lanes: where its blocking work waits for its turn beside that of others; None: lanes of its own.
        memory: what remembers answers, made for who writes and these lanes; None: each is worked out.
        support: tells whether passages support what is written; None: shared words and the embedder do.
    """

    def __init__(
        self,
        retriever: PassageSearch,
        model: ChatModel | None,
        settings: Settings,
        locate: PlaceLookup | None = None,
        lanes: Lanes | None = None,
        *,
        memory: MemoryMaker | None = None,
        support: SupportModel | None = None,
    ) -> None:
        self._lanes = lanes or Lanes.of(settings)
        self._retriever = retriever
        self._model = model
        self._prompts = Prompts.of(settings.prompts)
        model = discreet(model, settings, self._lanes)
        self._guard = build_guard(settings, self._prompts, self._lanes, modelled=model is not None)
        self._rewrite = Rewrite(model, settings.rewrite, self._prompts.rewriting)
        most = asked_for(settings.retrieval.context_chunks)
        languages = settings.embedder.languages
        self._retrieve = Retrieve(retriever, self._lanes, most, spelling=settings.rewrite.spelling, languages=languages)
        self._select = Select(settings.retrieval)
        placing = Placing(locate, self._lanes)
        self._write = Write(
            model,
            retriever,
            settings.llm,
            placing=placing,
            lanes=self._lanes,
            prompt=self._prompts.answering,
            vague=settings.rewrite.vague,
        )
        self._support = support or OverlapSupport(retriever.embedder)
        verify = Verify(settings.verification, self._support, placing, self._lanes)
        self._checks: tuple[Check, ...] = (verify, self._guard)
        self._remember = memory(retriever, self.model_name, self._lanes) if memory else None

    @property
    def model_name(self) -> str:
        """Who writes the answers."""
        return self._model.name if self._model else EXTRACTIVE

    def warm_up(self) -> None:
        """Load what tells languages and weighs evidence.

        Raises:
            ModelUnavailable, ConfigurationError: it can't be loaded.
        """
        self._retrieve.warm_up()
        self._support.warm_up()

    async def close(self) -> None:
        """Let go of the connections of the model, the guard and the cache."""
        await self._guard.close()
        if self._model:
            await self._model.close()
        if self._remember:
            await self._remember.close()

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """Answer as a stream that ends with :class:`Done`. Closing it cancels the model's request.

        The first events come before the search, so that a reader sees at once that something is done. What can be
        told of the question and of the service's load is told before them.

        Raises:
            Overloaded: its search found no turn in time. Before the first event.
            InvalidRequest: the question can't be searched for. Before the first event.
            IndexUnavailable: nothing can be found right now.
        """
        draft = Draft(question)
        outcome, began, waits = "cancelled", time.perf_counter(), True
        try:
            async with aclosing(self._events(draft)) as events:
                async for event in events:
                    if waits and isinstance(event, Token):
                        waits = False
                        FIRST_TOKEN_SECONDS.observe(time.perf_counter() - began)
                    if isinstance(event, Done):
                        outcome = draft.tally.outcome
                    yield event
        except FootnoteError:
            outcome = "failed"
            raise
        finally:
            ANSWERS.labels(outcome).inc()

    async def _events(self, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        self._retriever.check(draft.question.text, draft.question.pipeline)
        refusal = await self._guard.refusal(draft)
        if refusal:
            for told in (self._meta(draft.question), refusal, draft.tally.done()):
                yield told
            return
        if self._remember is None:
            made = self._made(draft)
        else:
            made = self._remember.over(draft, self._meta(draft.question), lambda: self._made(draft))
        async with aclosing(made) as events:
            async for event in events:
                yield event

    async def _made(self, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        async with aclosing(self._found(draft)) as events:
            async for event in events:
                yield event
        written = self._write.run(draft)
        for check in self._checks:
            written = check.over(written, draft)
        for step in (self._select.run(draft), written):
            async with aclosing(step) as events:
                async for event in events:
                    yield event
        yield draft.tally.done()

    async def _found(self, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """The events up to the end of the search, which holds a place of its lane; a model's rewriting holds none."""
        rewritten = self._rewrite.needed(draft)
        if rewritten:
            yield self._meta(draft.question)
            async with aclosing(self._rewrite.run(draft)) as events:
                async for event in events:
                    yield event
        async with self._lanes.searches.place(begun=rewritten):
            if not rewritten:
                yield self._meta(draft.question)
            async with aclosing(self._retrieve.run(draft)) as events:
                async for event in events:
                    yield event

    def _meta(self, question: Question) -> Meta:
        return Meta(
            answer_id=question.answer_id,
            conversation_id=question.conversation_id,
            model=self.model_name,
            index_generation=self._retriever.generation,
            prompts=self._prompts.versions if self._model else (),
        )
