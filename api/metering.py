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
from api.watch import Watch
from api.wiring import Services
from generation.question import Question
from ingestion.catalog.audit_entries import Actor, Deed


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
