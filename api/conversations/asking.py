"""From a request to an answer that is written, taken down and kept."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from api.asking import checked_question
from api.canary.canary import Canary, Ending
from api.canary.shadow import Shadow
from api.conversations.owner import Owner, owner_of
from api.conversations.recording import Keeping, Recording
from api.conversations.views import history_of, shown_turns
from api.dependencies import ready
from api.live.answers import Publish
from api.metering import Meter
from api.schemas.answer_events import wire
from api.schemas.answers import AnswerRequest
from api.sse import ServerEvent
from core.errors import Conflict, FootnoteError, InvalidRequest, LimitReached, NotFound, Overloaded
from core.filters import parse_filters
from core.lanes import Lane
from core.logs import get_logger
from core.telemetry import ANSWERS_IN_PROGRESS
from generation.caching.recording import documents_in
from generation.events import AnswerEvent, Done, Meta
from generation.models.port import Message
from generation.question import Question
from ingestion.catalog.canaries import Arm
from ingestion.catalog.conversations import MOST_TURNS

if TYPE_CHECKING:
    from api.auth.principal import Caller
    from api.wiring import Services
    from core.principal import Principal
    from generation.answerer import Answerer


log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was checked, with what is needed to answer it. ``arm``: None where no canary runs for it."""

    question: Question
    owner: Owner
    recording: Recording
    meter: Meter
    arm: Arm | None
    canary: Canary
    shadow: Shadow

    async def answerer(self, services: Services) -> Answerer:
        """Who answers it. Raises FootnoteError: it can't be had now."""
        return await ready(services.candidate if self.arm == "candidate" else services.answerer)

    async def write(self, answerer: Answerer, lane: Lane, publish: Publish) -> None:
        """Answer it, and hand over each event once it is taken down.

        Raises:
            Overloaded: the lane has no place.
            FootnoteError: the answer failed, or ended without an end.
        """
        ending = Ending()
        try:
            async with aclosing(events_of(answerer, self.question, lane, self.meter)) as events:
                async for event in events:
                    ending.see(event)
                    known = replace(event, arm=self.arm or "") if isinstance(event, Meta) else event
                    told = await self.recording.take(known)
                    publish(ServerEvent.of(*wire(told)), documents_in([told]))
        except (InvalidRequest, LimitReached, Overloaded):  # no candidate's doing
            raise
        except Exception:
            self._ended(ending)
            if self.recording.events:
                await self.recording.cut("failed")
            raise
        self._ended(ending)
        self.shadow.offer(self.question, kept=self.recording.keeping is not None)

    def _ended(self, ending: Ending) -> None:
        if self.arm is not None:
            self.canary.note(self.arm, ending, first=not self.question.history)

    async def cut(self) -> ServerEvent:
        """It was stopped; the event that tells so."""
        return ServerEvent.of(*wire(await self.recording.cut("stopped")))


async def asked(body: AnswerRequest, caller: Caller, services: Services, meter: Meter) -> Asked:
    """Check what is asked, and take the history from the conversation that it goes on with.

    Raises:
        InvalidRequest: the question, or the filters, can't be used.
        NotFound: the caller has no such conversation, or it no such answer.
    """
    owner = owner_of(caller)
    text = checked_question(body.question, services.settings.api.max_question_chars)
    filters = parse_filters(body.filters)
    kept = services.settings.conversations.keep and body.keep and owner.named
    history = tuple(Message(turn.role, turn.content) for turn in body.history)
    keeping = None
    if kept:
        continued = body.conversation_id is not None
        if continued:
            earlier = await services.lanes.conversations.run(
                lambda: _earlier(body, owner, caller.principal, services), begun=True
            )
            history = history or earlier
        elif body.replaces is not None:
            raise InvalidRequest("replaces needs the conversation_id of the conversation that the answer is in.")
        said = body.model_dump(mode="json", include={"filters", "pipeline"}, exclude_none=True)
        keeping = Keeping(owner=owner.name, continued=continued, replaces=body.replaces, asked=said)
    conversation_id = body.conversation_id or uuid.uuid4().hex
    arm = await _arm(conversation_id, services) if body.pipeline is None else None
    question = Question(
        text=text,
        principal=caller.principal,
        history=history,
        filters=filters,
        pipeline=services.settings.canary.pipeline if arm == "candidate" else body.pipeline,
        answer_id=uuid.uuid4().hex,
        conversation_id=conversation_id,
        fresh=body.replaces is not None,
    )
    recording = Recording(question, keeping, services.catalog, services.lanes.conversations)
    return Asked(question, owner, recording, meter, arm, services.canary, services.shadow)


async def _arm(conversation_id: str, services: Services) -> Arm | None:
    """Who answers; nobody is sent to a candidate that can't be had."""
    arm = services.canary.arm(conversation_id)
    if arm == "candidate":
        try:
            await ready(services.candidate)
        except FootnoteError as error:
            log.warning("canary.not_there", canary=services.canary.id, reason=error.message)
            return None
    return arm


def _earlier(body: AnswerRequest, owner: Owner, principal: Principal, services: Services) -> tuple[Message, ...]:
    catalog, conversation_id = services.catalog.get(), body.conversation_id
    assert conversation_id is not None
    catalog.conversations.get(conversation_id, owner.name)
    turns = catalog.conversations.turns(conversation_id)
    if turns and turns[-1].number >= MOST_TURNS:
        raise Conflict(f"This conversation has {MOST_TURNS} questions, the most it can hold. Begin a new one.")
    if body.replaces is not None:
        at = next((at for at, turn in enumerate(turns) if turn.answer_id == body.replaces), None)
        if at is None:
            raise NotFound(f"This conversation has no answer {body.replaces!r} that another could replace.")
        turns = turns[:at]
    return history_of(shown_turns(turns, principal, catalog, own=True))


async def events_of(answerer: Answerer, question: Question, lane: Lane, meter: Meter) -> AsyncGenerator[AnswerEvent]:
    """The answer's events, ``Done`` the last of them; it holds a place of the lane until it is closed.

    Raises:
        LimitReached: the reader had their share.
        Overloaded: the lane has no place.
        FootnoteError: the answer failed, or ended without an end.
    """
    async with meter.answer(question) as watch, lane.place(), aclosing(answerer.answer(question)) as events:
        with ANSWERS_IN_PROGRESS.track_inprogress():
            async for event in events:
                watch.see(event)
                yield event
                if isinstance(event, Done):
                    return
    raise FootnoteError("The answer ended without saying so.")
