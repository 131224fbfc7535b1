"""From a question to a stream of events: find passages, have them answer, cite every piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from core.chunk import Chunk
from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.filters import Filter
from core.lanes import Lanes
from core.logs import get_logger
from core.principal import Principal
from core.settings import Settings
from core.telemetry import ANSWERS, CITATIONS_DROPPED, DEGRADED, stage
from generation.answering.ending import Tally
from generation.answering.quote_places import PlaceLookup, Placing, nearest
from generation.answering.writing import Writing
from generation.events import Abstain, AnswerEvent, Done, Meta, SourceRef, Sources, StageEvent
from generation.extractive.extractor import extract
from generation.extractive.rendering import render_extracts
from generation.models.port import ChatModel, Delta, Message
from generation.prompts.messages import build_messages
from retrieval.selection import select_context

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder
    from retrieval.hit import SearchResponse

EXTRACTIVE = "extractive"
"""What answers name as their model when sentences of the sources make them up."""

log = get_logger(__name__)


class PassageSearch(Protocol):
    """What the answerer needs of :class:`retrieval.retriever.Retriever`."""

    @property
    def embedder(self) -> Embedder:
        """Judges which sentences answer the question."""
        ...

    @property
    def generation(self) -> str:
        """The index's generation that the next search works on; empty while that isn't known. Doesn't block."""
        ...

    def check(self, query: str, pipeline: str | None = None) -> None:
        """Raise InvalidRequest if no search can be made of these. Doesn't block."""
        ...

    def search(
        self,
        query: str,
        principal: Principal,
        *,
        filters: Filter | None = None,
        limit: int = 10,
        offset: int = 0,
        pipeline: str | None = None,
    ) -> SearchResponse:
        """The best passages for the query that the principal may read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and who asks it; ``history`` holds the earlier turns, oldest first."""

    text: str
    principal: Principal
    answer_id: str
    conversation_id: str
    history: Sequence[Message] = ()
    filters: Filter | None = None
    pipeline: str | None = None


class Answerer:
    """Answers questions. One serves any number of them at a time.

    Args:
        lanes: where its blocking work waits for its turn beside that of others; None: lanes of its own.
    """

    def __init__(
        self,
        retriever: PassageSearch,
        model: ChatModel | None,
        settings: Settings,
        locate: PlaceLookup | None = None,
        lanes: Lanes | None = None,
    ) -> None:
        self._lanes = lanes or Lanes.of(settings)
        self._retriever = retriever
        self._placing = Placing(locate, self._lanes)
        self._model = model
        self._settings = settings

    @property
    def model_name(self) -> str:
        """Who writes the answers."""
        return self._model.name if self._model else EXTRACTIVE

    async def close(self) -> None:
        """Let go of the model's connections."""
        if self._model:
            await self._model.close()

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """Answer as a stream that ends with :class:`Done`. Closing it cancels the model's request.

        The first events come before the search, so that a reader sees at once that something is done. What can be
        told of the question and of the service's load is told before them.

        Raises:
            Overloaded: its search found no turn in time. Before the first event.
            InvalidRequest: the question can't be searched for. Before the first event.
            IndexUnavailable: nothing can be found right now.
        """
        tally = Tally()
        outcome = "cancelled"
        try:
            async with aclosing(self._events(question, tally)) as events:
                async for event in events:
                    if isinstance(event, Done):
                        outcome = tally.outcome
                    yield event
        except FootnoteError:
            outcome = "failed"
            raise
        finally:
            ANSWERS.labels(outcome).inc()

    async def _events(self, question: Question, tally: Tally) -> AsyncGenerator[AnswerEvent]:
        self._retriever.check(question.text, question.pipeline)
        async with self._lanes.searches.place():
            yield self._meta(question)
            yield StageEvent(name="retrieve", state="started")
            response = await self._retrieve(question, tally)
        for event in tally.stages():
            yield event
        chunks = self._select(response)
        sources = tuple(SourceRef.of(number, chunk) for number, chunk in enumerate(chunks, start=1))
        yield Sources(sources=sources, index_generation=response.index_generation)
        if not chunks:
            tally.abstain()
            yield Abstain(reason="Nothing that you may read matches the question.", nearest=())
            yield tally.done()
            return
        yield StageEvent(name="generate", state="started")
        began = time.perf_counter()
        async with aclosing(self._generate(question, chunks, tally)) as events:
            async for written in events:
                yield await self._placing.placed(written)
        yield tally.finished("generate", began)
        yield tally.done()

    def _meta(self, question: Question) -> Meta:
        return Meta(
            answer_id=question.answer_id,
            conversation_id=question.conversation_id,
            model=self.model_name,
            index_generation=self._retriever.generation,
        )

    async def _retrieve(self, question: Question, tally: Tally) -> SearchResponse:
        began = time.perf_counter()

        def search() -> SearchResponse:
            return self._retriever.search(
                question.text,
                question.principal,
                filters=question.filters,
                # Some are dropped as duplicates of others: ask for more than are needed.
                limit=min(200, 2 * self._settings.retrieval.context_chunks),
                pipeline=question.pipeline,
            )

        with stage("answer.retrieve"):
            response = await self._lanes.searches.run_in_place(search)
        tally.degraded.extend(response.degraded)
        tally.notices.extend(response.notices)
        tally.finished("retrieve", began)
        if "rerank" in response.timings_ms:
            tally.timings_ms["rerank"] = response.timings_ms["rerank"]
        return response

    def _select(self, response: SearchResponse) -> list[Chunk]:
        limits = self._settings.retrieval
        hits = select_context(response.hits, max_chunks=limits.context_chunks, max_tokens=limits.context_tokens)
        return [hit.chunk for hit in hits]

    async def _generate(self, question: Question, chunks: Sequence[Chunk], tally: Tally) -> AsyncGenerator[AnswerEvent]:
        if self._model is not None:
            writing = Writing(chunks, self._settings.llm.max_tokens)
            try:
                async with aclosing(self._write(self._model, question, chunks, writing)) as events:
                    async for event in events:
                        yield event
            except (ModelUnavailable, ConfigurationError) as error:
                log.warning("llm.unavailable", error=type(error).__name__, reason=error.message)
                for event in writing.finish(whole=False):
                    yield event
                self._went_without_model(_told(error), writing, tally)
            else:
                for event in self._written(question, chunks, writing, tally):
                    yield event
            if writing.begun or writing.abstained:
                return
        async for event in self._extract(question, chunks, tally):
            yield event

    async def _write(
        self, model: ChatModel, question: Question, chunks: Sequence[Chunk], writing: Writing
    ) -> AsyncGenerator[AnswerEvent]:
        messages = build_messages(question.text, chunks, question.history)
        deadline = asyncio.get_running_loop().time() + self._settings.llm.total_timeout_s
        async with aclosing(model.stream(messages)) as deltas:
            # A span must not stay open over a yield: it would become the consumer's.
            with stage("generate.first_token", sources=len(chunks)):
                delta = await _within(deadline, deltas, model)
            while delta is not None:
                for event in writing.take(delta):
                    yield event
                delta = None if writing.full else await _within(deadline, deltas, model)
        for event in writing.finish():
            yield event

    def _written(
        self, question: Question, chunks: Sequence[Chunk], writing: Writing, tally: Tally
    ) -> list[AnswerEvent]:
        tally.usage = writing.usage
        if writing.abstained:
            tally.abstain()
            return [Abstain(reason="The sources don't answer the question.", nearest=nearest(question.text, chunks))]
        if not writing.begun:
            self._went_without_model("The model wrote nothing.", writing, tally)
            return []
        self._count_dropped(writing, tally)
        if not writing.cited:
            DEGRADED.labels("citations").inc()
            tally.degraded.append("uncited")
        tally.finish_reason, tally.outcome = writing.finish_reason, "answered"
        return []

    def _count_dropped(self, writing: Writing, tally: Tally) -> None:
        if writing.links_removed:
            DEGRADED.labels("links").inc()
            tally.degraded.append(f"links: {writing.links_removed} of the model's removed, no source has them.")
        tally.citations_dropped = writing.dropped
        CITATIONS_DROPPED.inc(writing.dropped)

    def _went_without_model(self, why: str, writing: Writing, tally: Tally) -> None:
        """Say why the model's answer is missing, or not whole."""
        DEGRADED.labels("llm").inc()
        if not writing.begun:
            tally.degraded.append(f"llm: {why}")
            return
        self._count_dropped(writing, tally)
        tally.degraded.append(f"incomplete: {why}")
        tally.finish_reason, tally.outcome = "interrupted", "interrupted"

    async def _extract(self, question: Question, chunks: Sequence[Chunk], tally: Tally) -> AsyncIterator[AnswerEvent]:
        embedder = self._retriever.embedder
        work = partial(extract, question.text, chunks, embedder)
        extraction = await self._lanes.searches.run(work, begun=True)
        if extraction.degraded:
            tally.degraded.append(extraction.degraded)
        for event in render_extracts(extraction.extracts, chunks):
            yield event
        if extraction.extracts:
            tally.outcome = "extracted"
        else:
            tally.abstain()
            yield Abstain(reason=extraction.reason, nearest=nearest(question.text, chunks))


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
