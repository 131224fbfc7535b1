"""What an answer may not do, whatever a model was talked into: act in a client, carry data away, tell our instructions.

Nothing here depends on a model's good will.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from core.telemetry import DEGRADED
from generation.events import AnswerEvent
from generation.guarding.links import Links
from generation.guarding.markup import Markup
from generation.guarding.prompt_leaks import PromptLeaks
from generation.guarding.stream import filtered
from generation.prompts.messages import SYSTEM_PROMPTS
from generation.steps.draft import Draft


class Guard:
    """A check over what a model writes, as it is written.

    Args:
        modelled: whether a model writes; sentences of the sources stay as they are.
    """

    def __init__(self, *, modelled: bool) -> None:
        self._modelled = modelled

    async def over(self, events: AsyncGenerator[AnswerEvent], draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """See :class:`generation.steps.draft.Check`."""
        guarded = self._disarmed(events, draft) if self._modelled else events
        async with aclosing(guarded):
            async for event in guarded:
                yield event

    async def _disarmed(self, events: AsyncGenerator[AnswerEvent], draft: Draft) -> AsyncGenerator[AnswerEvent]:
        # The passages aren't chosen before the first event is asked for.
        sources = [text for chunk in draft.chunks for text in (chunk.search_text, chunk.uri)]
        links, leaks = Links(sources), PromptLeaks(SYSTEM_PROMPTS, sources)
        guarded = filtered(filtered(filtered(events, links), leaks), Markup())
        async with aclosing(guarded):
            async for event in guarded:
                yield event
        if links.removed:
            _note(draft, "links", f"{links.removed} more, cut in two, removed.")
        if leaks.removed:
            _note(draft, "instructions", "The model repeated its own; they were taken out.")


def _note(draft: Draft, part: str, what: str) -> None:
    DEGRADED.labels(part).inc()
    draft.tally.degraded.append(f"{part}: {what}")
