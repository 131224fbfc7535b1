"""An answer is taken down while it goes out, and kept for who asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from api.schemas.answer_events import body_of
from api.schemas.answers import AnswerBody
from core.errors import FootnoteError
from core.lanes import Lane
from core.lazy import Lazy
from core.logs import get_logger
from core.telemetry import DEGRADED
from generation.caching.recording import documents_in
from generation.events import AnswerEvent, Done, Meta, Sources
from generation.question import Question
from ingestion.catalog.catalog import Catalog
from ingestion.catalog.conversation_rows import TurnState

log = get_logger(__name__)

T = TypeVar("T")

NOT_KEPT = "conversation: It could not be written down, so this answer isn't kept."


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Where an answer is kept.

    Attributes:
        continued: the conversation is there already.
        replaces: the answer that this one stands in for.
        asked: filters and pipeline, as they were sent.
    """

    owner: str
    continued: bool
    replaces: str | None
    asked: Mapping[str, Any]


@dataclass(slots=True)
class Recording:
    """Takes down one answer.

    Args:
        keeping: where it is kept; None: nowhere.
        lane: where writing it down waits for its turn.
    """

    question: Question
    keeping: Keeping | None
    catalog: Lazy[Catalog]
    lane: Lane
    events: list[AnswerEvent] = field(default_factory=list)
    _hashes: dict[str, str | None] = field(default_factory=dict)
    _failed: bool = False

    async def take(self, event: AnswerEvent) -> AnswerEvent:
        """The next event, as it goes out: what can't be written down is told at the end."""
        self.events.append(event)
        if isinstance(event, Meta) and self.keeping is not None:
            await self._begin(self.keeping)
        elif isinstance(event, Sources) and self.keeping is not None:
            await self._look_up()
        elif isinstance(event, Done):
            return await self._end("done", event)
        return event

    async def cut(self, state: TurnState) -> Done:
        """The answer ended before its end; returns what tells so."""
        done = Done(finish_reason="stopped") if state == "stopped" else Done(finish_reason="interrupted")
        return await self._end(state, done)

    def body(self) -> AnswerBody:
        """The answer as one object; it has ended."""
        return body_of(self.events)

    async def _begin(self, keeping: Keeping) -> None:
        question = self.question

        def write(catalog: Catalog) -> None:
            given = {"conversation_id": question.conversation_id} if keeping.continued else {}
            catalog.conversations.begin_turn(
                keeping.owner,
                question.answer_id,
                question.text,
                keeping.asked,
                replaces=keeping.replaces,
                new_id=question.conversation_id,
                **given,
            )

        await self._told(write)

    async def _look_up(self) -> None:
        """Which bytes of its documents the answer is made from. They may change while it is written."""
        wanted = documents_in(self.events) - self._hashes.keys()
        if wanted:
            found = await self._told(lambda catalog: catalog.documents.readable(wanted, self.question.principal))
            self._hashes.update(dict.fromkeys(wanted) | (found or {}))

    async def _end(self, state: TurnState, done: Done) -> Done:
        if self.events and isinstance(self.events[-1], Done):
            self.events.pop()
        if self.keeping is not None:
            await self._look_up()
        if self.keeping is not None and self.events:
            body = body_of([*self.events, done]).model_dump(mode="json")
            await self._told(
                lambda catalog: catalog.conversations.end_turn(self.question.answer_id, state, body, self._hashes)
            )
        if self._failed:
            done = replace(done, degraded=(*done.degraded, NOT_KEPT))
        self.events.append(done)
        return done

    async def _told(self, ask: Callable[[Catalog], T]) -> T | None:
        """What the catalog says; None where it doesn't, and the answer goes on without being kept."""
        try:
            return await self.lane.run(lambda: ask(self.catalog.get()), begun=True)
        except FootnoteError as error:
            self.keeping, self._failed = None, True
            DEGRADED.labels("conversation").inc()
            log.warning("conversation.not_kept", error=type(error).__name__, reason=error.message)
            return None
