"""The check that an answer's sentences are in its sources, while they are written."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from core.lanes import Lanes
from core.telemetry import DEGRADED, VERDICTS
from core.verification_settings import VerificationSettings
from generation.answering.quote_places import Placing, nearest
from generation.answering.quotes import cite
from generation.events import Abstain, AnswerEvent, Citation, StageEvent, Token, Verdict
from generation.steps.draft import Draft
from generation.verification.claims import SentenceReader, Written
from generation.verification.port import SupportModel
from generation.verification.verifier import Judgement, Verifier

_MOST_WAITING = 64
"""Sentences that wait for their check; then the model's stream waits too."""


class Verify:
    """A check of answers: holds each sentence against what it cites, and says what came of it.

    Tokens go on at once, or, where a policy keeps unsupported sentences from readers, once their sentence is judged.
    Citations wait for the judgement of their sentence, for they may be corrected, and lose a quote that supports nothing.

    Args:
        support: judges what isn't a hard fact.
    """

    def __init__(
        self, settings: VerificationSettings, support: SupportModel | None, placing: Placing, lanes: Lanes
    ) -> None:
        self._settings = settings
        self._support = support
        self._placing = placing
        self._lanes = lanes

    def over(self, events: AsyncGenerator[AnswerEvent], draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """The events, with verdicts among them."""
        if not self._settings.enabled:
            return events
        checking = _Checking(draft, self._settings, self._support, self._lanes)
        if self._settings.policy == "mark":
            return self._marked(events, checking)
        return self._held(events, checking)

    async def _marked(self, events: AsyncGenerator[AnswerEvent], checking: _Checking) -> AsyncGenerator[AnswerEvent]:
        try:
            async with aclosing(events):
                async for event in events:
                    for started in checking.take(event):
                        yield started
                    if not isinstance(event, Citation):
                        yield event
                    for result in await checking.ready():
                        for one in await self._told(*result, checking):
                            yield one
            for result in await checking.rest():
                for one in await self._told(*result, checking):
                    yield one
            for finished in checking.finished():
                yield finished
        finally:
            checking.stop()

    async def _held(self, events: AsyncGenerator[AnswerEvent], checking: _Checking) -> AsyncGenerator[AnswerEvent]:
        """Nothing is shown before its verdict: a sentence at a time, or the answer as a whole."""
        shown = _Shown(dropping=self._settings.policy == "drop")
        held: list[AnswerEvent] = []
        try:
            async with aclosing(events):
                async for event in events:
                    for started in checking.take(event):
                        yield started
                    if not isinstance(event, Citation | Token):
                        yield event
                    for written, judgement, citations in await checking.ready():
                        told = await self._told(written, judgement, citations, checking)
                        held += shown.take(written, judgement, told)
                    if self._settings.policy == "drop":
                        for one in held:
                            yield one
                        held = []
            for written, judgement, citations in await checking.rest():
                held += shown.take(written, judgement, await self._told(written, judgement, citations, checking))
            for event in await self._ending(held, shown, checking):
                yield event
            for finished in checking.finished():
                yield finished
        finally:
            checking.stop()

    async def _ending(self, held: list[AnswerEvent], shown: _Shown, checking: _Checking) -> list[AnswerEvent]:
        """What is left to say of an answer that was held back, or that there is none."""
        draft = checking.draft
        draft.tally.sentences_dropped = shown.dropped
        share = checking.unsupported / draft.tally.claims if draft.tally.claims else 0.0
        too_much = self._settings.policy == "abstain" and share > self._settings.abstain_above
        if too_much or (shown.dropped and not shown.length):
            draft.tally.abstain()
            reason = "The sources don't support what was written." if too_much else "No source supports what was written."
            found = Abstain(reason=reason, nearest=nearest(draft.standalone, draft.chunks))
            return [await self._placing.placed(found)]
        return [*held, *([Token(text=checking.tail)] if shown.length and checking.tail else ())]

    async def _told(
        self, written: Written, judgement: Judgement, citations: Sequence[Citation], checking: _Checking
    ) -> list[AnswerEvent]:
        """The sentence's citations as they stand after the check, and its verdict."""
        chunks = checking.draft.chunks
        found: list[AnswerEvent] = []
        if judgement.corrected and judgement.quote is not None:
            number, quote = judgement.quote
            spans = dict.fromkeys((one.answer_start, one.answer_end) for one in citations)
            found += [await self._placing.placed(cite(number - 1, chunks, span, quote)) for span in spans]
        else:
            for one in citations:
                if judgement.verdict == "unsupported":
                    found.append(_unquoted(one))
                elif one.quote is None and judgement.quote is not None and judgement.quote[0] == one.number:
                    span = one.answer_start, one.answer_end
                    found.append(await self._placing.placed(cite(one.number - 1, chunks, span, judgement.quote[1])))
                else:
                    found.append(one)
        verdict = Verdict(
            answer_start=written.start,
            answer_end=written.end,
            verdict=judgement.verdict,
            numbers=judgement.numbers,
            reasons=judgement.reasons,
        )
        return [*found, verdict]


def _unquoted(citation: Citation) -> Citation:
    return replace(citation, quote=None, quote_start=None, quote_end=None, boxes=(), cells=())


class _Shown:
    """What readers have been shown of an answer that is held back until it is judged.

    Attributes:
        length: characters shown.
        dropped: sentences that weren't.
    """

    def __init__(self, *, dropping: bool) -> None:
        self.length = 0
        self.dropped = 0
        self._dropping = dropping
        self._break = ""

    def take(self, written: Written, judgement: Judgement, told: Sequence[AnswerEvent]) -> list[AnswerEvent]:
        """The events of a judged sentence, their spans those of the text that is shown; none if it is dropped."""
        lead = written.lead
        if self._break and "\n" not in lead:
            lead = self._break  # of a sentence that was dropped at a paragraph's beginning
        if self._dropping and judgement.verdict == "unsupported":
            self.dropped += 1
            self._break = lead if "\n" in lead else self._break
            return []
        self._break = ""
        if self._dropping and not self.length:
            lead = lead.lstrip("\n ")
        back = written.start - self.length - len(lead)
        self.length += len(lead) + len(written.text)
        return [Token(text=lead + written.text), *(_moved(one, back) for one in told)]


def _moved(event: AnswerEvent, back: int) -> AnswerEvent:
    if isinstance(event, Citation | Verdict):
        return replace(event, answer_start=event.answer_start - back, answer_end=event.answer_end - back)
    return event


_Result = tuple[Written, Judgement, tuple[Citation, ...]]


class _Checking:
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
        self._judged: list[_Result] = []
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

    async def ready(self) -> list[_Result]:
        """What has been judged since the last call."""
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._judge_all())
        if self._task is not None and (self._task.done() or len(self._waiting) >= _MOST_WAITING):
            task, self._task = self._task, None
            await task
        found, self._judged = self._judged, []
        return found

    async def rest(self) -> list[_Result]:
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
            self._without(f"A sentence's check took longer than {self._settings.timeout_s:g} s: words alone were compared.")
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
