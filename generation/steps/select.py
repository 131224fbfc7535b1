"""The choice of the passages that an answer is made from."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from core.settings import RetrievalSettings
from generation.events import AnswerEvent, SourceRef, Sources
from generation.steps.draft import Draft
from retrieval.selection import select_context


class Select:
    """Takes the best passages that add something, and fit."""

    def __init__(self, limits: RetrievalSettings) -> None:
        self._limits = limits

    async def run(self, draft: Draft) -> AsyncGenerator[AnswerEvent]:
        """Number the passages."""
        assert draft.found is not None
        hits = select_context(
            draft.found.hits, max_chunks=self._limits.context_chunks, max_tokens=self._limits.context_tokens
        )
        draft.chunks = [hit.chunk for hit in hits]
        sources = tuple(SourceRef.of(number, chunk) for number, chunk in enumerate(draft.chunks, start=1))
        yield Sources(sources=sources, index_generation=draft.found.index_generation)
