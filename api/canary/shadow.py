"""What readers asked is asked of the candidate too, without being shown, before anybody depends on it."""

from __future__ import annotations

import uuid
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import anyio

from api.canary.canary import Canary, Ending
from api.schemas.answer_events import body_of
from api.usage import UsageLog
from api.watch import Watch
from core.clock import Clock, SystemClock
from core.errors import FootnoteError
from core.lanes import Lanes
from core.lazy import Lazy
from core.logs import get_logger
from core.settings import Settings
from core.telemetry import CANARY_SHADOWS_DROPPED
from generation.caching.recording import documents_in
from generation.events import AnswerEvent, Done, Meta
from generation.question import Question

if TYPE_CHECKING:
    from generation.answerer import Answerer
    from ingestion.catalog.catalog import Catalog

log = get_logger(__name__)

MOST_WAITING = 8
"""Questions that wait for their turn; further ones aren't asked."""
_LONGEST_S = 300.0
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class _Offered:
    question: Question
    kept: bool


class Shadow:
    """Asks the candidate, one question at a time, in the name of who asked and after they were answered.

    No reader waits for it: it begins when nobody waits for a place, and what doesn't fit in its short queue, or in the
    day's number, is left out and counted. What it uses of the model is told under the department ``shadow``, and counts
    against nobody's limits.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        canary: Canary,
        candidate: Lazy[Answerer],
        lanes: Lanes,
        usage: UsageLog,
        catalog: Lazy[Catalog],
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._canary = canary
        self._candidate = candidate
        self._lanes = lanes
        self._usage = usage
        self._catalog = catalog
        self._clock = clock or SystemClock()
        self._waiting: deque[_Offered] = deque()
        self._offered: anyio.Event | None = None
        self._asked: tuple[date, int] = date.min, 0

    def offer(self, question: Question, *, kept: bool) -> None:
        """Have the candidate asked a question that the baseline has answered, if its conversation is one of those.

        Args:
            kept: the baseline's answer is; the candidate's is kept beside it, if it is a conversation's first. Later
                questions may repeat what earlier answers said, and who compares might not be one who may read that.
        """
        if not self._canary.shadows(question.conversation_id):
            return
        today = self._clock.now().date()
        count = self._asked[1] if self._asked[0] == today else 0
        if count >= self._settings.canary.shadow_daily:
            CANARY_SHADOWS_DROPPED.labels("day").inc()
            return
        if len(self._waiting) >= MOST_WAITING:
            CANARY_SHADOWS_DROPPED.labels("queue").inc()
            return
        self._asked = today, count + 1
        self._waiting.append(_Offered(question, kept and not question.history))
        if self._offered is not None:
            self._offered.set()

    async def run(self) -> None:
        """Ask what is offered, until it is cancelled."""
        while True:
            while self._waiting:
                while self._lanes.answers.waiting or self._lanes.searches.waiting:
                    await anyio.sleep(_LOOK_S)
                await self._try(self._waiting.popleft())
            self._offered = anyio.Event()
            await self._offered.wait()

    async def _try(self, offered: _Offered) -> None:
        if not self._canary.running:
            return
        try:
            await self._ask(offered)
        except Exception as error:
            reason = error.message if isinstance(error, FootnoteError) else type(error).__name__
            log.warning("canary.shadow_failed", reason=reason, exc_info=not isinstance(error, FootnoteError))

    async def _ask(self, offered: _Offered) -> None:
        asked = offered.question
        question = replace(
            asked,
            answer_id=uuid.uuid4().hex,
            pipeline=self._settings.canary.pipeline,
            fresh=True,  # an answer that is given again would tell neither times nor costs
        )
        answerer = self._candidate.built or await self._candidate.soon()
        ending, watch, events = Ending(), Watch(self._settings), list[AnswerEvent]()
        try:
            with anyio.fail_after(_LONGEST_S):
                async with aclosing(answerer.answer(question)) as found:
                    async for event in found:
                        ending.see(event)
                        watch.see(event)
                        events.append(replace(event, arm="candidate") if isinstance(event, Meta) else event)
                        if isinstance(event, Done):
                            break
        finally:
            self._canary.note("shadow", ending, first=not asked.history)
            if watch.usage is not None:
                self._usage.note_shadow(watch.model, watch.usage)
        if offered.kept and watch.ended:
            body = body_of(events).model_dump(mode="json")
            wanted = documents_in(events)

            def keep(catalog: Catalog) -> None:
                hashes = catalog.documents.readable(wanted, asked.principal)
                catalog.shadows.keep(self._canary.id, asked.answer_id, body, dict.fromkeys(wanted) | hashes)

            catalog = self._catalog.built or await self._catalog.soon()
            await self._lanes.conversations.run(lambda: keep(catalog), begun=True)
