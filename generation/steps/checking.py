"""An answer's sentences on their way through the check."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial

from core.lanes import Lanes
from core.telemetry import DEGRADED, VERDICTS
from core.verification_settings import VerificationSettings
from generation.events import AnswerEvent, Citation, StageEvent, Token
from generation.steps.draft import Draft
from generation.verification.claims import SentenceReader, Written
from generation.verification.port import SupportModel
from generation.verification.verifier import Judgement, Verifier

_MOST_WAITING = 64
"""Sentences that wait for their check; then the model's stream waits too."""

Result = tuple[Written, Judgement, tuple[Citation, ...]]


class Checking:
    """The sentences of one answer on their way through the check, one at a time and in their order.

    Attributes:
        unsupported: claims that no source supports.
    """

    def __init__(
        self, draft: Draft, settings: VerificationSettings, support: SupportModel | None, lanes: Lanes
    ) -> None:
        self.draft = draft
        self.unsupported = 0
        self._settings = settings
        self._support = support
        self._lanes = lanes
        self._reader = SentenceReader()
        self._citations: deque[Citation] = deque()
        self._waiting: deque[tuple[Written, tuple[Citation, ...]]] = deque()
        self._judged: list[Result] = []
        self._task: asyncio.Task[None] | None = None
        self._verifier: Verifier | None = None
        self._late = False
        self._spent = 0.0

    @property
    def tail(self) -> str:
        """What stands after the last sentence."""
        return self._reader.rest

    def take(self, event: AnswerEvent) -> Iterator[StageEvent]:
        """Look at an event of the answer; the stage begins with its first words."""
        if isinstance(event, Citation):
            self._citations.append(event)
        elif isinstance(event, Token):
            if self._verifier is None:
                self._verifier = Verifier(self.draft.chunks, self._support)
                yield StageEvent(name="verify", state="started")
            self._queue(self._reader.feed(event.text))

    async def ready(self) -> list[Result]:
        """What has been judged since the last call."""
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._judge_all())
        if self._task is not None and (self._task.done() or len(self._waiting) >= _MOST_WAITING):
            task, self._task = self._task, None
            await task
        found, self._judged = self._judged, []
        return found

    async def rest(self) -> list[Result]:
        """What hasn't been told yet, once the answer has ended."""
        self._queue(self._reader.finish())
        if self._task is not None:
            await self._task
        await self._judge_all()
        found, self._judged = self._judged, []
        return found

    def finished(self) -> Iterator[StageEvent]:
        """The end of the stage, if it began; its time is that of the checks alone."""
        if self._verifier is not None:
            tally = self.draft.tally
            yield tally.finished("verify", time.perf_counter() - self._spent)

    def stop(self) -> None:
        """Let go of what is still being checked."""
        if self._task is not None:
            self._task.cancel()

    def _queue(self, sentences: Sequence[Written]) -> None:
        for written in sentences:
            mine = []
            while self._citations and self._citations[0].answer_start < written.end:
                mine.append(self._citations.popleft())
            self._waiting.append((written, tuple(mine)))

    async def _judge_all(self) -> None:
        while self._waiting:
            written, citations = self._waiting.popleft()
            began = time.perf_counter()
            judgement = await self._judged_in_time(written, citations)
            self._spent += time.perf_counter() - began
            self._count(judgement)
            self._judged.append((written, judgement, citations))

    async def _judged_in_time(self, written: Written, citations: Sequence[Citation]) -> Judgement:
        assert self._verifier is not None
        numbers = [one.number for one in citations]
        quotes = [one.quote for one in citations if one.quote and _word_for_word(one, written)]
        found = self._verifier.by_string(written, numbers, quotes)
        if found is not None:
            return found
        if not self._late:
            work = partial(self._verifier.judge, written, numbers)
            task = asyncio.ensure_future(self._lanes.searches.run(work, begun=True))
            await asyncio.wait({task}, timeout=self._settings.timeout_s)
            if task.done():
                return task.result()
            task.add_done_callback(_forget)
            task.cancel()
            self._late = True
            self._without(
                f"A sentence's check took longer than {self._settings.timeout_s:g} s: words alone were compared."
            )
            self._verifier = Verifier(self.draft.chunks)  # the other one may still be at work
        return self._verifier.judge(written, numbers, words_only=True)

    def _count(self, judgement: Judgement) -> None:
        VERDICTS.labels(judgement.verdict).inc()
        tally = self.draft.tally
        if judgement.degraded:
            self._without(judgement.degraded)
        if judgement.verdict != "not_a_claim":
            tally.claims += 1
            tally.claims_supported += judgement.verdict == "supported"
            self.unsupported += judgement.verdict == "unsupported"
        tally.citations_corrected += judgement.corrected

    def _without(self, why: str) -> None:
        said = f"verify: {why}"
        if said not in self.draft.tally.degraded:
            DEGRADED.labels("verify").inc()
            self.draft.tally.degraded.append(said)


def _word_for_word(citation: Citation, written: Written) -> bool:
    """Whether the citation's quote is the answer's own text where the sentence stands."""
    long = citation.quote is not None and len(citation.quote) == citation.answer_end - citation.answer_start
    return long and citation.answer_start <= written.start and written.end <= citation.answer_end


def _forget(task: asyncio.Future[Judgement]) -> None:
    """Look at what a check that came too late has raised, so that nobody warns of it."""
    if not task.cancelled():
        task.exception()
