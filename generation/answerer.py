"""From a question to a stream of events: find passages, have them answer, cite every piece."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from core.chunk import Chunk
from core.errors import ConfigurationError, FootnoteError, ModelUnavailable
from core.filters import Filter
from core.lanes import Lanes
from core.logs import get_logger
from core.place import SPREADSHEETS, Place
from core.principal import Principal
from core.settings import Settings
from core.telemetry import ANSWERS, CITATIONS_DROPPED, DEGRADED, stage
from generation.events import Abstain, AnswerEvent, Citation, Done, Meta, SourceRef, Sources, StageEvent
from generation.extractive import extract
from generation.models.port import ChatModel, Delta, Message
from generation.prompt import build_messages
from generation.rendering import render_extracts
from generation.tally import Tally
from generation.writing import Writing
from retrieval.selection import select_context

if TYPE_CHECKING:
    from retrieval.embedding.port import Embedder
    from retrieval.hit import SearchResponse

EXTRACTIVE = "extractive"
"""What answers name as their model when sentences of the sources make them up."""
_NEAREST = 3

log = get_logger(__name__)


class PassageSearch(Protocol):
    """What the answerer needs of :class:`retrieval.retriever.Retriever`."""

    @property
    def embedder(self) -> Embedder:
        """Judges which sentences answer the question."""
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


PlaceLookup = Callable[[str, int, int], Place | None]
"""Document id and a span of its text, in characters, to its page and boxes, or cells; None when that isn't known."""


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
        self._locate = locate
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

        Raises:
            Overloaded: its search found no turn in time.
            InvalidRequest, InvalidFilter: the question can't be searched for.
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

    async def _placed(self, citation: Citation, chunk: Chunk) -> Citation:
        """With the page and boxes of the quote, or its cells: the passage's own page is only the one it begins on."""
        # To look reads the whole document, so only those are looked at that have pages or cells.
        paged = chunk.page is not None or chunk.metadata.document_type in SPREADSHEETS
        if self._locate is None or not paged:
            return citation
        look = partial(self._locate, citation.document_id, citation.quote_start, citation.quote_end)
        place = await self._lanes.files.run(look, begun=True)
        return citation if place is None else replace(citation, page=place.page, boxes=place.boxes, cells=place.cells)

    async def _events(self, question: Question, tally: Tally) -> AsyncGenerator[AnswerEvent]:
        response = await self._retrieve(question, tally)
        # Opens the stream only now: which generation of the index answers is known with the first search.
        yield Meta(
            answer_id=question.answer_id,
            conversation_id=question.conversation_id,
            model=self.model_name,
            index_generation=response.index_generation,
        )
        for event in tally.stages():
            yield event
        chunks = self._select(response)
        sources = tuple(SourceRef.of(number, chunk) for number, chunk in enumerate(chunks, start=1))
        yield Sources(sources=sources)
        if not chunks:
            tally.abstain()
            yield Abstain(reason="Nothing that you may read matches the question.", nearest=())
            yield tally.done()
            return
        yield StageEvent(name="generate", state="started")
        began = time.perf_counter()
        async with aclosing(self._generate(question, chunks, sources, tally)) as events:
            async for written in events:
                if isinstance(written, Citation):
                    written = await self._placed(written, chunks[written.number - 1])  # noqa: PLW2901
                yield written
        yield tally.finished("generate", began)
        yield tally.done()

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
            response = await self._lanes.searches.run(search)
        tally.degraded.extend(response.degraded)
        tally.finished("retrieve", began)
        if "rerank" in response.timings_ms:
            tally.timings_ms["rerank"] = response.timings_ms["rerank"]
        return response

    def _select(self, response: SearchResponse) -> list[Chunk]:
        limits = self._settings.retrieval
        hits = select_context(response.hits, max_chunks=limits.context_chunks, max_tokens=limits.context_tokens)
        return [hit.chunk for hit in hits]

    async def _generate(
        self, question: Question, chunks: Sequence[Chunk], sources: tuple[SourceRef, ...], tally: Tally
    ) -> AsyncGenerator[AnswerEvent]:
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
                for event in self._written(writing, sources, tally):
                    yield event
            if writing.begun or writing.abstained:
                return
        async for event in self._extract(question, chunks, sources, tally):
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

    def _written(self, writing: Writing, sources: tuple[SourceRef, ...], tally: Tally) -> list[AnswerEvent]:
        tally.usage = writing.usage
        if writing.abstained:
            tally.abstain()
            return [Abstain(reason="The sources don't answer the question.", nearest=_nearest(sources))]
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

    async def _extract(
        self, question: Question, chunks: Sequence[Chunk], sources: tuple[SourceRef, ...], tally: Tally
    ) -> AsyncIterator[AnswerEvent]:
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
            yield Abstain(reason=extraction.reason, nearest=_nearest(sources))


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


def _nearest(sources: tuple[SourceRef, ...]) -> tuple[SourceRef, ...]:
    """The best passage of each of the best documents."""
    by_document: dict[str, SourceRef] = {}
    for source in sources:
        by_document.setdefault(source.document_id, source)
    return tuple(by_document.values())[:_NEAREST]
