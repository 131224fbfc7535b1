"""The check that an answer's sentences are in its sources, while they are written."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from core.lanes import Lanes
from core.verification_settings import VerificationSettings
from generation.answering.quote_places import Placing, nearest
from generation.answering.quotes import cite
from generation.events import Abstain, AnswerEvent, Citation, Token, Verdict
from generation.steps.checking import Checking
from generation.steps.draft import Draft
from generation.verification.claims import Written
from generation.verification.port import SupportModel
from generation.verification.verifier import Judgement


class Verify:
    """A check of answers: holds each sentence against what it cites, and says what came of it.

    Tokens go on at once, or, where a policy keeps unsupported sentences from readers, once their sentence is judged.
    Citations wait for the judgement of their sentence, for they may be corrected, and lose a quote.

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
        checking = Checking(draft, self._settings, self._support, self._lanes)
        if self._settings.policy == "mark":
            return self._marked(events, checking)
        return self._held(events, checking)

    async def _marked(self, events: AsyncGenerator[AnswerEvent], checking: Checking) -> AsyncGenerator[AnswerEvent]:
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

    async def _held(self, events: AsyncGenerator[AnswerEvent], checking: Checking) -> AsyncGenerator[AnswerEvent]:
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

    async def _ending(self, held: list[AnswerEvent], shown: _Shown, checking: Checking) -> list[AnswerEvent]:
        """What is left to say of an answer that was held back, or that there is none."""
        draft = checking.draft
        draft.tally.sentences_dropped = shown.dropped
        share = checking.unsupported / draft.tally.claims if draft.tally.claims else 0.0
        too_much = self._settings.policy == "abstain" and share > self._settings.abstain_above
        if too_much or (shown.dropped and not shown.length):
            draft.tally.abstain()
            reason = (
                "The sources don't support what was written." if too_much else "No source supports what was written."
            )
            found = Abstain(reason=reason, nearest=nearest(draft.standalone, draft.chunks))
            return [await self._placing.placed(found)]
        return [*held, *([Token(text=checking.tail)] if shown.length and checking.tail else ())]

    async def _told(
        self, written: Written, judgement: Judgement, citations: Sequence[Citation], checking: Checking
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
    return replace(
        citation, quote=None, quote_start=None, quote_end=None, key_start=None, key_end=None, boxes=(), cells=()
    )


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
