"""``/v1/answers``: a question to a cited answer, streamed or as one object; its stream taken up again, or stopped."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Request, Response

from api.conversations.asking import asked
from api.conversations.owner import owner_of
from api.conversations.views import readable_all
from api.dependencies import CallerDep, ReaderDep, ServicesDep, ready
from api.json_body import JsonRoute
from api.live.event_id import EventId
from api.metering import Meter, MeterDep
from api.schemas.answers import AnswerBody, AnswerRequest, StoppedBody
from api.sse import MEDIA_TYPE, EventStream, run_while_connected
from core.errors import NotFound

if TYPE_CHECKING:
    from api.auth.principal import Caller
    from api.wiring import Services

router = APIRouter(prefix="/v1", tags=["asking"], dependencies=[ReaderDep], route_class=JsonRoute)

CLIENT_CLOSED = 499
"""nginx's status for a client that left: nobody reads it, but it shows in the metrics."""

LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", description="Goes on behind this event.")]


@router.post(
    "/answers",
    response_model=AnswerBody,
    responses={
        200: {"content": {MEDIA_TYPE: {}}, "description": "The answer, or the stream of its events."},
        404: {},
        409: {},
    },
)
async def answers(
    body: AnswerRequest,
    request: Request,
    *,
    caller: CallerDep,
    services: ServicesDep,
    meter: MeterDep,
    last_event_id: LastEventId = None,
) -> Response:
    """Answer the question from what the caller may read: streamed with ``Accept: text/event-stream``, else JSON.

    A request with ``Last-Event-ID`` asks nothing: it goes on with the stream that this event is of.
    """
    if last_event_id:
        return await _taken_up(EventId.read(last_event_id), caller, services)
    if MEDIA_TYPE in request.headers.get("accept", ""):
        return await streamed(body, caller, services, meter)
    question = await asked(body, caller, services, meter)
    answerer = await question.answerer(services)

    async def collect() -> None:
        await question.write(answerer, services.lanes.answers, lambda *_: None)

    if not await run_while_connected(request.receive, collect):
        await question.cut()
        return Response(status_code=CLIENT_CLOSED)
    return Response(question.recording.body().model_dump_json(), media_type="application/json")


@router.get(
    "/answers/{answer_id}/events",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {}}, "description": "The events of the answer."}, 400: {}},
)
async def events(
    answer_id: str, caller: CallerDep, services: ServicesDep, last_event_id: LastEventId = None
) -> Response:
    """Go on with an answer's stream behind ``Last-Event-ID``, or from its first event, for whoever asked.

    It works from every process of the service and calls no model, while the answer is written and for
    ``conversations.resume_s`` seconds after.
    """
    after = EventId.read(last_event_id) if last_event_id else EventId.read(f"{answer_id}.0")
    if after.answer != answer_id:
        raise NotFound("Last-Event-ID is of another answer than the one that is asked for.")
    return await _taken_up(after, caller, services)


@router.post("/answers/{answer_id}/stop")
async def stop(answer_id: str, caller: CallerDep, services: ServicesDep) -> StoppedBody:
    """Stop an answer at once, with its model's request; its streams end with what was written so far."""
    return StoppedBody(stopped=await services.live.stop(answer_id, owner_of(caller).name))


async def streamed(
    body: AnswerRequest, caller: Caller, services: Services, meter: Meter, *, resumable: bool = True
) -> EventStream:
    """The stream of the answer. Wrong questions and full lanes show before its first event: they have a status.

    Args:
        resumable: its client can take it up again; else the answer ends with it.
    """
    question = await asked(body, caller, services, meter)
    answerer, answer_id = await question.answerer(services), question.question.answer_id
    begun = await services.live.begin(
        answer_id,
        question.owner.name,
        lambda publish: question.write(answerer, services.lanes.answers, publish),
        question.cut,
        grace_s=None if resumable else 0,
    )
    return EventStream(begun, services.settings.api.heartbeat_s)


async def _taken_up(after: EventId, caller: Caller, services: Services) -> Response:
    async def readable(documents: Collection[str]) -> bool:
        if not documents:
            return True
        lane, catalog = services.lanes.conversations, await ready(services.catalog)
        return await lane.run(lambda: readable_all(documents, caller.principal, catalog), begun=True)

    followed = await services.live.follow(after, owner_of(caller).name, readable)
    return EventStream(followed, services.settings.api.heartbeat_s)
