"""What an answer takes: a place among its reader's streams, and tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request

from api.dependencies import CallerDep, ServicesDep
from api.limits.admission import subjects_in
from api.limits.limits import Limits
from api.limits.subjects import Subject
from core.settings import Settings
from generation.events import AnswerEvent, Done, Sources, Token
from generation.models.port import Usage

CHARACTERS_A_TOKEN = 4
"""By which tokens are estimated where nobody has counted them."""


class Watch:
    """Follows the events of one answer, to know what it took."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._characters = 0
        self._asked = False
        self._done: Done | None = None

    def see(self, event: AnswerEvent) -> None:
        """Take note of the next event."""
        if isinstance(event, Sources):
            self._asked = bool(event.sources)
        elif isinstance(event, Token):
            self._characters += len(event.text)
        elif isinstance(event, Done):
            self._done = event

    @property
    def usage(self) -> Usage | None:
        """The model's tokens; None where no model wrote.

        An answer that was broken off, as by a reader who left, has none that are counted: its whole context and what
        was written are charged. Else leaving in time would be free.
        """
        if self._done is not None:
            return self._done.usage
        if not self._asked or self._settings.llm.provider == "none":
            return None
        return Usage(self._settings.retrieval.context_tokens, self._characters // CHARACTERS_A_TOKEN)


class Meter:
    """Meters what a request asks for.

    Args:
        subjects: whom it is counted to.
    """

    def __init__(self, settings: Settings, limits: Limits, subjects: Sequence[Subject]) -> None:
        self._settings = settings
        self._limits = limits
        self._subjects = subjects

    @asynccontextmanager
    async def answer(self) -> AsyncIterator[Watch]:
        """Surround an answer, from before its search to its last event.

        Raises:
            LimitReached: the reader has as many under way as they may, or has spent their tokens.
        """
        watch = Watch(self._settings)
        async with self._limits.stream(self._subjects):
            try:
                yield watch
            finally:
                usage = watch.usage
                if usage is not None:
                    self._limits.spend(self._subjects, usage.input_tokens + usage.output_tokens)


def _meter(request: Request, _: CallerDep, services: ServicesDep) -> Meter:
    return Meter(services.settings, services.limits, subjects_in(request))


MeterDep = Annotated[Meter, Depends(_meter)]
"""For routes that answer questions."""
