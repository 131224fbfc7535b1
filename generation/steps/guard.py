"""What goes into an answer and what comes out of it, whatever a model was talked into.

Questions are looked at before anything is searched for. What is written is disarmed: it can't act in a client, carry
data away, or tell our instructions. Where a policy is set, personal data is taken out, and content that isn't wanted
isn't shown. Nothing here depends on a model's good will.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from core.errors import ModelUnavailable
from core.guard_settings import SafetySettings
from core.lanes import Lane
from core.logs import get_logger
from core.telemetry import DEGRADED
from generation.answering.link_guard import LinkGuard
from generation.events import Abstain, AnswerEvent, Citation, Verdict
from generation.guarding.links import Links
from generation.guarding.markup import Markup
from generation.guarding.pii import Policy
from generation.guarding.prompt_leaks import PromptLeaks
from generation.guarding.safety import SafetyJudge, Side
from generation.guarding.sentences import Sentences
from generation.guarding.stream import filtered
from generation.steps.draft import Draft

REFUSED = "The question can't be answered here."
UNCHECKED = "The question can't be checked right now, and so it isn't answered."
WITHHELD = "The rest of the answer isn't shown: it holds what isn't shown here."
NOTHING_LEFT = "The question holds nothing but personal data, which isn't searched for here. Ask it in other words."
_PLACES = re.compile(r"\[[A-Z][A-Z0-9_]+\]|\*+")
_log = get_logger(__name__)


class _Refused(Exception):
    """Nothing more is shown; the message is what readers are told."""


class Guard:
    """A check over answers, and over questions before them.

    Args:
        modelled: whether a model writes; the markup of sentences that are the sources' own stays as it is.
        questions, answers: what is done about personal data; None: nothing.
        judges: who judges content, the quickest first.
        lane: where work that blocks waits for its turn.
        rules: what models are told by us, which no answer repeats.
    """

    def __init__(
        self,
        *,
        modelled: bool,
        lane: Lane,
        rules: str = "",
        questions: Policy | None = None,
        answers: Policy | None = None,
        judges: Sequence[SafetyJudge] = (),
        safety: SafetySettings | None = None,
    ) -> None:
        self._modelled = modelled
        self._lane = lane
        self._rules = rules
        self._questions = questions
        self._answers = answers
        self._judges = judges
        self._safety = safety or SafetySettings()

    async def close(self) -> None:
        """Let go of the judges' connections."""
        for judge in self._judges:
            await judge.close()

    async def refusal(self, draft: Draft) -> Abstain | None:
        """Look at the question, and take out of it what the policy says; why it isn't answered, if it isn't."""
        try:
            if self._safety.questions:
                await self._judged(draft.question.text, "question", draft, _Stand())
            if self._questions:
                await self._cleared(self._questions, draft)
        except _Refused as error:
            return _refused(draft, str(error))
        return None

    async def _cleared(self, policy: Policy, draft: Draft) -> None:
        question = draft.question
        found = await self._lane.run(lambda: policy.found(question.text), begun=True)
        if policy.blocks(found):
            raise _Refused(REFUSED)
        text = policy.applied(question.text, found)
        if found and not any(map(str.isalnum, _PLACES.sub("", text))):
            raise _Refused(NOTHING_LEFT)
        turns = await self._lane.run(lambda: [policy.cleared(turn.content) for turn in question.history], begun=True)
        history = [replace(turn, content=cleared) for turn, cleared in zip(question.history, turns, strict=True)]
        draft.question = replace(question, text=text, history=history)
        draft.standalone, draft.queries = text, (text,)

    async def over(self, events: AsyncGenerator[AnswerEvent], draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """See :class:`generation.steps.draft.Check`."""
        guarded = self._disarmed(events, draft) if self._modelled else events
        if self._answers or (self._judges and self._safety.answers):
            guarded = self._looked_at(guarded, draft)
        async with aclosing(guarded):
            async for event in guarded:
                yield event

    async def _disarmed(self, events: AsyncGenerator[AnswerEvent], draft: Draft) -> AsyncGenerator[AnswerEvent]:
        # The passages aren't chosen before the first event is asked for.
        sources = [text for chunk in draft.chunks for text in (chunk.search_text, chunk.uri)]
        links, leaks = Links(sources), PromptLeaks(self._rules, sources)
        guarded = filtered(filtered(filtered(events, links), leaks), Markup())
        async with aclosing(guarded):
            async for event in guarded:
                yield _reasoned(event, sources) if isinstance(event, Verdict) and event.reasons else event
        if links.removed:
            _note(draft, "links", f"{links.removed} more, cut in two, removed.")
        if leaks.removed:
            _note(draft, "instructions", "The model repeated its own; they were taken out.")

    async def _looked_at(self, events: AsyncGenerator[AnswerEvent], draft: Draft) -> AsyncGenerator[AnswerEvent]:
        stand = _Stand()

        async def look(sentence: str) -> str:
            if self._safety.answers:
                await self._judged(sentence, "answer", draft, stand)
            return await self._shown(sentence)

        guarded = filtered(events, Sentences(look))
        try:
            async with aclosing(guarded):
                async for event in guarded:
                    yield await self._quoted(event)
        except _Refused as error:
            yield _refused(draft, str(error))

    async def _shown(self, text: str) -> str:
        if self._answers is None:
            return text
        policy = self._answers
        found = await self._lane.run(lambda: policy.found(text), begun=True)
        if policy.blocks(found):
            raise _Refused(WITHHELD)
        return policy.applied(text, found)

    async def _quoted(self, event: Any) -> AnswerEvent:
        """The event with its quotes cleared as the answer is; their offsets stay those of the document."""
        if self._answers is None:
            return event  # type: ignore[no-any-return]
        policy = self._answers
        if isinstance(event, Verdict) and event.reasons:
            reasons = await self._lane.run(lambda: tuple(map(policy.cleared, event.reasons)), begun=True)
            return replace(event, reasons=reasons)
        if isinstance(event, Citation) and event.quote is not None:
            said = event.quote
            return replace(event, quote=await self._lane.run(lambda: policy.cleared(said), begun=True))
        if isinstance(event, Abstain):
            quotes = await self._lane.run(lambda: [policy.cleared(near.quote) for near in event.nearest], begun=True)
            near = (replace(near, quote=quote) for near, quote in zip(event.nearest, quotes, strict=True))
            return replace(event, nearest=tuple(near))
        return event  # type: ignore[no-any-return]

    async def _judged(self, text: str, side: Side, draft: Draft, stand: _Stand) -> None:
        """Ask the judges, each until it fails.

        Raises:
            _Refused: it isn't wanted, or nobody can tell and the setting says to refuse.
        """
        for judge in self._judges if text.strip() else ():
            if judge in stand.failed:
                continue
            try:
                judgement = await judge.judge(text, side)
            except ModelUnavailable as error:
                _log.warning("guard.unavailable", judge=judge.name, reason=error.message, side=side)
                stand.failed.append(judge)
                refuse = self._safety.on_failure == "refuse"
                _note(draft, "safety", f"{error.message} The {side} wasn't checked.")
                if refuse:
                    raise _Refused(UNCHECKED if side == "question" else WITHHELD) from error
                continue
            if judgement.categories:
                _log.info("guard.refused", judge=judge.name, categories=judgement.categories, side=side)
                raise _Refused(REFUSED if side == "question" else WITHHELD)


class _Stand:
    """Which judges have failed in this answer: each is asked until then."""

    def __init__(self) -> None:
        self.failed: list[SafetyJudge] = []


def _reasoned(verdict: Verdict, sources: Sequence[str]) -> Verdict:
    """A verdict whose reasons, which repeat the model's words, hold no link that no source has."""
    guards = [LinkGuard(sources) for _ in verdict.reasons]
    cleared = (guard.feed(why) + guard.finish() for guard, why in zip(guards, verdict.reasons, strict=True))
    return replace(verdict, reasons=tuple(cleared))


def _refused(draft: Draft, why: str) -> Abstain:
    draft.tally.outcome, draft.tally.finish_reason = "refused", "abstain" if why == NOTHING_LEFT else "content_filter"
    return Abstain(reason=why, nearest=())


def _note(draft: Draft, part: str, what: str) -> None:
    DEGRADED.labels(part).inc()
    draft.tally.degraded.append(f"{part}: {what}")
