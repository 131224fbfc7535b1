"""Filters over the text of an answer while it is written, and what they do to its citations."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Protocol

from generation.answering.link_guard import Piece
from generation.events import AnswerEvent, Token

_EDITS = 512
"""So many changes are remembered: a citation is of the sentence before it, never of the far past."""


class TextFilter(Protocol):
    """Changes a text that comes in pieces. What it holds back is bounded, and what comes out hangs on no cut."""

    async def feed(self, text: str) -> list[Piece]:
        """What can be told after this piece."""
        ...

    async def finish(self) -> list[Piece]:
        """What was held back. Called once, at the end."""
        ...


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    given_start: int
    given_end: int


class Offsets:
    """Where characters of the text that went in have come to lie in the text that came out."""

    def __init__(self) -> None:
        self.taken = 0
        self._given = 0
        self._edits: deque[_Edit] = deque(maxlen=_EDITS)

    def note(self, piece: Piece, *, changed: bool) -> None:
        """The next piece came out."""
        if changed:
            edit = _Edit(self.taken, self.taken + piece.taken, self._given, self._given + len(piece.text))
            self._edits.append(edit)
        self.taken += piece.taken
        self._given += len(piece.text)

    def of(self, offset: int, *, end: bool) -> int:
        """The offset in what came out; one inside of a change is at its start, or its ``end``."""
        for edit in reversed(self._edits):
            if offset >= edit.end:
                return edit.given_end + offset - edit.end
            if offset > edit.start:
                return edit.given_end if end else edit.given_start
        if self._edits:
            first = self._edits[0]
            return max(0, min(first.given_start, first.given_start - first.start + offset))
        return offset


async def filtered(events: AsyncGenerator[AnswerEvent], through: TextFilter) -> AsyncGenerator[AnswerEvent]:
    """The events with their text filtered. Others wait for the text before them, and spans are moved with it."""
    layer = _Layer()
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Token):
                layer.fed += len(event.text)
                pieces = await through.feed(event.text)
            else:
                layer.waiting.append((getattr(event, "answer_end", layer.fed), event))
                pieces = []
            for out in layer.out(pieces):
                yield out
        for out in layer.out(await through.finish(), last=True):
            yield out


class _Layer:
    def __init__(self) -> None:
        self.fed = 0
        self.waiting: deque[tuple[int, Any]] = deque()
        self._offsets = Offsets()

    def out(self, pieces: Iterable[Piece], *, last: bool = False) -> list[AnswerEvent]:
        """The events that can go out, once these pieces have."""
        out: list[AnswerEvent] = []
        for piece in pieces:
            self._offsets.note(piece, changed=piece.taken != len(piece.text))
            if piece.text:
                out.append(Token(text=piece.text))
            out.extend(self._ready())
        out.extend(self._ready(last=last))
        return out

    def _ready(self, *, last: bool = False) -> Iterable[AnswerEvent]:
        while self.waiting and (last or self.waiting[0][0] <= self._offsets.taken):
            event = self.waiting.popleft()[1]
            if not hasattr(event, "answer_start"):
                yield event
                continue
            start, end = self._offsets.of(event.answer_start, end=False), self._offsets.of(event.answer_end, end=True)
            if start < end:  # else nothing is left that it is about
                yield replace(event, answer_start=start, answer_end=end)
