"""``POST /v1/answers``: a question to a cited answer, streamed or as one object."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from api.asking import checked_question
from api.dependencies import CallerDep, ReaderDep, ServicesDep, ready
from api.json_body import JsonRoute
from api.metering import Meter, MeterDep
from api.problems import log_error, problem_of
from api.schemas.answers import (
    AbstainBody,
    AnswerBody,
    AnswerRequest,
    CitationBody,
    SourceBody,
    VerdictBody,
    done_body,
    wire,
)
from api.sse import MEDIA_TYPE, EventStream, ServerEvent, run_while_connected
from core.errors import FootnoteError
from core.filters import parse_filters
from core.lanes import Lane
from core.principal import Principal
from core.telemetry import ANSWERS_IN_PROGRESS
from generation.events import Abstain, AnswerEvent, Citation, Done, Meta, Sources, Token, Verdict
from generation.models.port import Message
from generation.question import Question

if TYPE_CHECKING:
    from api.auth.principal import Caller
    from api.wiring import Services
    from generation.answerer import Answerer

router = APIRouter(prefix="/v1", tags=["asking"], dependencies=[ReaderDep], route_class=JsonRoute)

CLIENT_CLOSED = 499
"""nginx's status for a client that left: nobody reads it, but it shows in the metrics."""


@router.post(
    "/answers",
    response_model=AnswerBody,
    responses={200: {"content": {MEDIA_TYPE: {}}, "description": "The answer, or the stream of its events."}},
)
async def answers(
    body: AnswerRequest, request: Request, caller: CallerDep, services: ServicesDep, meter: MeterDep
) -> Response:
    """Answer the question from what the caller may read: streamed with ``Accept: text/event-stream``, else JSON."""
    if MEDIA_TYPE in request.headers.get("accept", ""):
        return await streamed(body, caller, services, meter)
    events = await _begun(body, caller, services, meter)
    collected: list[AnswerEvent] = []

    async def collect() -> None:
        async with aclosing(events):
            collected.extend([event async for event in events])

    if not await run_while_connected(request.receive, collect):
        return Response(status_code=CLIENT_CLOSED)
    return Response(_body(collected).model_dump_json(), media_type="application/json")


async def streamed(body: AnswerRequest, caller: Caller, services: Services, meter: Meter) -> EventStream:
    """The stream of the answer. Wrong questions and full lanes show before its first event: they have a status."""
    events = await _begun(body, caller, services, meter)
    return EventStream(_stream(await anext(events), events), services.settings.api.heartbeat_s)


async def _begun(body: AnswerRequest, caller: Caller, services: Services, meter: Meter) -> AsyncGenerator[AnswerEvent]:
    question = _question(body, caller.principal, services.settings.api.max_question_chars)
    return _events(await ready(services.answerer), question, services.lanes.answers, meter)


def _question(body: AnswerRequest, principal: Principal, max_chars: int) -> Question:

    return Question(
        text=checked_question(body.question, max_chars),
        principal=principal,
        history=tuple(Message(turn.role, turn.content) for turn in body.history),
        filters=parse_filters(body.filters),
        pipeline=body.pipeline,
        answer_id=uuid.uuid4().hex,
        conversation_id=body.conversation_id or uuid.uuid4().hex,
    )


async def _events(answerer: Answerer, question: Question, lane: Lane, meter: Meter) -> AsyncGenerator[AnswerEvent]:
    """The answer's events, ``Done`` the last of them; it holds a place of the lane until it is closed.

    Raises:
        LimitReached: the reader had their share.
        Overloaded: the lane has no place.
        FootnoteError: the answer failed, or ended without an end.
    """
    async with meter.answer() as watch, lane.place(), aclosing(answerer.answer(question)) as events:
        with ANSWERS_IN_PROGRESS.track_inprogress():
            async for event in events:
                watch.see(event)
                yield event
                if isinstance(event, Done):
                    return
    raise FootnoteError("The answer ended without saying so.")


async def _stream(first: AnswerEvent, events: AsyncGenerator[AnswerEvent]) -> AsyncGenerator[ServerEvent]:
    """The events on the wire; an error is the last of them, for the response's status has been sent."""
    try:
        async with aclosing(events):
            yield ServerEvent.of(*wire(first))
            async for event in events:
                yield ServerEvent.of(*wire(event))
    except Exception as error:  # noqa: BLE001  the process boundary: every stream ends with a terminal event
        log_error(error)
        yield ServerEvent("error", problem_of(error).to_bytes())


def _body(events: list[AnswerEvent]) -> AnswerBody:
    meta = next(event for event in events if isinstance(event, Meta))
    done = next(event for event in events if isinstance(event, Done))
    found = next(event for event in events if isinstance(event, Sources))
    abstain = next((event for event in events if isinstance(event, Abstain)), None)
    return AnswerBody(
        answer_id=meta.answer_id,
        conversation_id=meta.conversation_id,
        model=meta.model,
        index_generation=found.index_generation,
        prompts=meta.prompts,
        answer="".join(event.text for event in events if isinstance(event, Token)),
        citations=[CitationBody.model_validate(event) for event in events if isinstance(event, Citation)],
        verdicts=[VerdictBody.model_validate(event) for event in events if isinstance(event, Verdict)],
        sources=[SourceBody.model_validate(source) for source in found.sources],
        abstained=AbstainBody.of(abstain) if abstain else None,
        done=done_body(done),
    )
