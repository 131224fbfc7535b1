"""What questions take, of their reader's streams and tokens, and what they leave: entries in the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Request

from api.audit import actor_of
from api.auth.principal import Caller
from api.dependencies import CallerDep, ServicesDep
from api.limits.admission import subjects_in
from api.limits.subjects import Subject
from api.wiring import Services
from core.settings import Settings
from generation.events import AnswerEvent, Done, Meta, Sources, Token
from generation.models.port import Usage
from generation.question import Question
from ingestion.catalog.audit_entries import Actor, Deed

CHARACTERS_A_TOKEN = 4
"""By which tokens are estimated where nobody has counted them."""


class Watch:
    """Follows the events of one answer, to know what it took.

    Attributes:
        documents: those that its reader was shown.
        model: who writes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.documents: list[str] = []
        self.model = ""
        self._characters = 0
        self._asked = False
        self._done: Done | None = None

    def see(self, event: AnswerEvent) -> None:
        """Take note of the next event."""
        if isinstance(event, Meta):
            self.model = event.model
        elif isinstance(event, Sources):
            self._asked = bool(event.sources)
            self.documents = list(dict.fromkeys(source.document_id for source in event.sources))
        elif isinstance(event, Token):
            self._characters += len(event.text)
        elif isinstance(event, Done):
            self._done = event
            self.model = event.model or self.model

    @property
    def ended(self) -> bool:
        """Whether the answer came to its end."""
        return self._done is not None

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
        actor, caller: who asks.
    """

    def __init__(self, services: Services, subjects: Sequence[Subject], actor: Actor, caller: Caller) -> None:
        self._services = services
        self._subjects = subjects
        self._actor = actor
        self._caller = caller

    @asynccontextmanager
    async def answer(self, question: Question) -> AsyncIterator[Watch]:
        """Surround an answer, from before its search to its last event.

        Raises:
            LimitReached: the reader has as many under way as they may, or has spent their tokens.
        """
        watch = Watch(self._services.settings)
        async with self._services.limits.stream(self._subjects):
            try:
                yield watch
            finally:
                usage = watch.usage
                if usage is not None:
                    self._services.usage.note(self._caller, watch.model, usage)
                    self._services.limits.spend(self._subjects, usage.input_tokens + usage.output_tokens)
                self._note("answer.ask", question.text, watch.documents, question.answer_id, whole=watch.ended)

    def searched(self, query: str, documents: Iterable[str]) -> None:
        """Note a search, and the documents that it showed."""
        self._note("search.run", query, list(dict.fromkeys(documents)), None, whole=True)

    def _note(self, action: str, text: str, documents: list[str], object_id: str | None, *, whole: bool) -> None:
        detail = {**self._services.audit.question(text), "documents": documents}
        deed = Deed(action=action, object_id=object_id, detail=detail)
        self._services.audit.note(self._actor, deed, "done" if whole else "failed", None if whole else "unfinished")


def _meter(request: Request, asking: CallerDep, services: ServicesDep) -> Meter:
    return Meter(services, subjects_in(request), actor_of(request, asking), asking)


MeterDep = Annotated[Meter, Depends(_meter)]
"""For routes that answer questions, and search."""
