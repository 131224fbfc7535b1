"""Where quotes stand in their documents: their passages may begin on a page, and in a section, before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from core.chunk import Chunk
from core.lanes import Lanes
from core.place import Place
from generation.answering.quotes import closest_sentence
from generation.events import Abstain, AnswerEvent, Citation, Nearest, SourceRef

PlaceLookup = Callable[[str, int, int], Place | None]
"""Document id and a span of its text, in characters, to where it stands; None when that isn't known."""
_NEAREST = 3


class Placing:
    """Gives quotes their places.

    Args:
        locate: blocks, and runs in the lane for files; None: quotes keep the places of their passages.
    """

    def __init__(self, locate: PlaceLookup | None, lanes: Lanes) -> None:
        self._locate = locate
        self._lanes = lanes

    async def placed(self, event: AnswerEvent) -> AnswerEvent:
        """The event with where its quotes stand, if it has any."""
        if isinstance(event, Citation):
            if event.quote_start is None or event.quote_end is None:
                return event
            place = await self._place(event.document_id, event.quote_start, event.quote_end)
            return event if place is None else replace(event, **_fields(place))
        if isinstance(event, Abstain):
            return replace(event, nearest=tuple([await self._near(one) for one in event.nearest]))
        return event

    async def _near(self, near: Nearest) -> Nearest:
        place = await self._place(near.source.document_id, near.quote_start, near.quote_end)
        if place is None:
            return near
        source = replace(near.source, page=place.page, heading_path=place.heading_path)
        return replace(near, source=source, boxes=place.boxes, cells=place.cells)

    async def _place(self, document_id: str, start: int, end: int) -> Place | None:
        if self._locate is None:
            return None
        return await self._lanes.files.run(partial(self._locate, document_id, start, end), begun=True)


def nearest(question: str, chunks: Sequence[Chunk]) -> tuple[Nearest, ...]:
    """Of each of the best documents the best passage, with its sentence that comes closest to the question."""
    by_document: dict[str, int] = {}
    for number, chunk in enumerate(chunks, start=1):
        by_document.setdefault(chunk.document_id, number)
    found = []
    for number in list(by_document.values())[:_NEAREST]:
        chunk = chunks[number - 1]
        quote = closest_sentence(question, chunk)
        source = SourceRef.of(number, chunk)
        found.append(Nearest(source=source, quote=quote.text, quote_start=quote.start, quote_end=quote.end))
    return tuple(found)


def _fields(place: Place) -> dict[str, Any]:
    return {"page": place.page, "heading_path": place.heading_path, "boxes": place.boxes, "cells": place.cells}
