"""OpenAI's routes, for clients that speak nothing else: chat completions, models, embeddings."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request, Response

from api.completion import Completion
from api.dependencies import CallerDep, ReaderDep, ServicesDep, ready
from api.metering import MeterDep
from api.openai_errors import OpenAiError, OpenAiRoute
from api.problems import Problem
from api.routes.answers import CLIENT_CLOSED, streamed
from api.schemas.answers import MAX_HISTORY, AnswerRequest, Turn
from api.schemas.openai import (
    AssistantMessage,
    ChatChunk,
    ChatCompletion,
    ChatDelta,
    ChatRequest,
    Choice,
    ChunkChoice,
    EmbeddingBody,
    EmbeddingsBody,
    EmbeddingsRequest,
    EmbeddingsUsage,
    ModelBody,
    ModelsBody,
)
from api.sse import MEDIA_TYPE, EventStream, ServerEvent, run_while_connected
from core.errors import FootnoteError, InvalidRequest, NotFound

if TYPE_CHECKING:
    from core.chunk import Vectors
    from retrieval.embedding.port import Embedder

router = APIRouter(prefix="/v1", tags=["OpenAI's shape"], dependencies=[ReaderDep], route_class=OpenAiRoute)

PLAIN, MARKED = "footnote", "footnote-marked"
"""The same answers; of the second, the text has marks and a list of sources."""
_CHUNKS = {
    "type": "string",
    "contentMediaType": MEDIA_TYPE,
    "contentSchema": {"$ref": "#/components/schemas/ChatChunk"},
}
_STREAM = {"description": "The completion, or the stream of its chunks.", "content": {MEDIA_TYPE: {"schema": _CHUNKS}}}


class Data(ServerEvent):
    """An event as OpenAI streams them: data alone."""

    def encode(self, *_: object) -> bytes:
        """The event on the wire."""
        return b"data: %s\n\n" % self.data


class _StreamFailed(FootnoteError):
    """The answer's stream ended with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.status = problem.status
        self.problem = problem


@router.post("/chat/completions", response_model=ChatCompletion, responses={200: _STREAM, 404: {}})
async def chat_completions(
    body: ChatRequest, request: Request, caller: CallerDep, services: ServicesDep, meter: MeterDep
) -> Response:
    """Answer the last question of a conversation, with citations as annotations of the type ``url_citation``."""
    _check_model(body.model, PLAIN, MARKED)
    stream = await streamed(_asked(body), caller, services, meter, resumable=False)
    completion, head = Completion(marked=body.model == MARKED), _head(body)
    if body.stream:
        chunks = _chunks(stream.events, completion, head, body)
        return EventStream(chunks, services.settings.api.heartbeat_s)

    async def collect() -> None:
        async for _ in _deltas(stream.events, completion):
            pass

    if not await run_while_connected(request.receive, collect):
        return Response(status_code=CLIENT_CLOSED)
    assert completion.done is not None
    message = AssistantMessage(content=completion.text, annotations=completion.annotations)
    choice = Choice(message=message, finish_reason=completion.finish_reason)
    whole = ChatCompletion(**head, choices=[choice], usage=completion.usage, footnote=completion.done)
    return Response(whole.model_dump_json(), media_type="application/json")


@router.get("/models")
async def models(caller: CallerDep, services: ServicesDep) -> ModelsBody:  # noqa: ARG001  readers alone are told
    """What may be asked for: answers by two names, and the embedder."""
    embedder = await ready(services.embedder)
    return ModelsBody(data=[ModelBody(id=name) for name in (PLAIN, MARKED, embedder.name)])


@router.post("/embeddings", responses={404: {}})
async def embeddings(body: EmbeddingsRequest, caller: CallerDep, services: ServicesDep) -> EmbeddingsBody:  # noqa: ARG001
    """The vectors that this Footnote's embedder gives texts."""
    embedder = await ready(services.embedder)
    _check_model(body.model, embedder.name)
    if body.dimensions not in (None, embedder.dimensions):
        raise InvalidRequest(f"dimensions: {embedder.name} has vectors of {embedder.dimensions} numbers and no others.")
    texts = [body.input] if isinstance(body.input, str) else list(body.input)
    tokens, vectors = await services.lanes.searches.run(lambda: _embedded(embedder, texts, body.input_type))
    coded = [
        base64.b64encode(vector.astype("<f4").tobytes()).decode()
        if body.encoding_format == "base64"
        else [float(number) for number in vector]
        for vector in vectors
    ]
    return EmbeddingsBody(
        data=[EmbeddingBody(index=at, embedding=vector) for at, vector in enumerate(coded)],
        model=embedder.name,
        usage=EmbeddingsUsage(prompt_tokens=tokens, total_tokens=tokens),
    )


def _embedded(embedder: Embedder, texts: list[str], input_type: str) -> tuple[int, Vectors | list[Any]]:
    """How many tokens the texts have, and their vectors."""
    counts = [embedder.tokenizer.count(text) for text in texts]
    for at, (text, count) in enumerate(zip(texts, counts, strict=True)):
        if not text.strip():
            raise InvalidRequest(f"input.{at}: it is empty.")
        if count > embedder.window_tokens:
            raise InvalidRequest(
                f"input.{at}: it has {count} tokens; {embedder.name} reads {embedder.window_tokens} at once: cut it."
            )
    if input_type == "query":
        return sum(counts), [embedder.embed_query(text) for text in texts]
    return sum(counts), embedder.embed_passages(texts)


def _check_model(wanted: str, *known: str) -> None:
    if wanted not in known:
        raise NotFound(f"There is no model {wanted[:100]!r} here. There are: {', '.join(known)} (GET /v1/models).")


def _asked(body: ChatRequest) -> AnswerRequest:
    """The question and the turns before it. Such a client keeps its conversations itself."""
    turns = [
        Turn(role=one.role, content=one.text) for one in body.messages if one.role in ("user", "assistant") and one.text
    ]
    if not turns or turns[-1].role != "user":
        raise InvalidRequest("messages: the last one must be the user's question, as text.")
    before = tuple(turns[:-1][-MAX_HISTORY:])
    asked = turns[-1].content
    return AnswerRequest(question=asked, history=before, filters=body.filters, pipeline=body.pipeline, keep=False)


def _head(body: ChatRequest) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": body.model}


async def _deltas(events: AsyncGenerator[ServerEvent], completion: Completion) -> AsyncGenerator[ChatDelta]:
    """What each event adds.

    Raises:
        _StreamFailed: the stream ended with a problem.
    """
    async with aclosing(events):
        async for event in events:
            if event.name == "error":
                raise _StreamFailed(Problem.model_validate(orjson.loads(event.data)))
            for delta in completion.take(event.name, orjson.loads(event.data)):
                yield delta


async def _chunks(
    events: AsyncGenerator[ServerEvent], completion: Completion, head: dict[str, Any], body: ChatRequest
) -> AsyncGenerator[ServerEvent]:
    """The stream as OpenAI's clients read it, ``[DONE]`` the last; an error is the last chunk instead."""

    def chunk(*choices: ChunkChoice, **more: Any) -> Data:
        sent = ChatChunk(**head, choices=list(choices), **more)
        told = sent.model_dump(exclude_none=True)
        for choice in told["choices"]:
            choice.setdefault("finish_reason", None)  # clients look for it in every chunk
        return Data("", orjson.dumps(told))

    try:
        yield chunk(ChunkChoice(delta=ChatDelta(role="assistant", content="")))
        async with aclosing(_deltas(events, completion)) as deltas:
            async for delta in deltas:
                yield chunk(ChunkChoice(delta=delta))
        last = ChunkChoice(delta=ChatDelta(), finish_reason=completion.finish_reason)
        yield chunk(last, footnote=completion.done)
        if body.stream_options and body.stream_options.include_usage:
            yield chunk(usage=completion.usage)
        yield Data("", b"[DONE]")
    except _StreamFailed as failed:
        yield Data("", OpenAiError.of(failed.problem).model_dump_json().encode())
