"""A model's answer as it is being written: markers out, citations with quotes in, ``NO ANSWER`` recognised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.chunk import Chunk
from generation.citations import CitationParser, Piece, TextPiece
from generation.events import Citation, Token
from generation.models.port import Delta, FinishReason, Usage
from generation.prompt import NO_ANSWER
from generation.quotes import best_quote
from generation.rendering import cite

_AROUND = " \t\r\n.!*_\"'`"


class Writing:
    """Turns deltas into events.

    Attributes:
        begun: whether any text has gone out.
        abstained: the answer was that there is none; nothing has gone out then.
        cited: how many citations have gone out.
    """

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.begun = False
        self.abstained = False
        self.cited = 0
        self.usage: Usage | None = None
        self.finish_reason: FinishReason = "stop"
        self._chunks = chunks
        self._parser = CitationParser(range(1, len(chunks) + 1))
        self._opening: str | None = ""

    @property
    def dropped(self) -> int:
        """Citations of sources that weren't given."""
        return self._parser.dropped

    def take(self, delta: Delta) -> Iterator[Token | Citation]:
        """The events that this piece of the stream completes."""
        if delta.finish_reason is not None:
            self.finish_reason, self.usage = delta.finish_reason, delta.usage
        text = delta.text
        if self._opening is not None:
            text = self._opening + text
            if _may_be_no_answer(text):
                self._opening = text
                return
            self._opening = None
        yield from self._events(self._parser.feed(text))

    def finish(self) -> Iterator[Token | Citation]:
        """The last events."""
        if self._opening is not None:
            self.abstained = self._opening.strip(_AROUND) in ("", NO_ANSWER)
            if self.abstained:
                return
            yield from self._events(self._parser.feed(self._opening))
        yield from self._events(self._parser.finish())

    def _events(self, pieces: Sequence[Piece]) -> Iterator[Token | Citation]:
        for piece in pieces:
            self.begun = True
            if isinstance(piece, TextPiece):
                yield Token(text=piece.text)
                continue
            self.cited += 1
            quote = best_quote(piece.claim, self._chunks[piece.number - 1])
            yield cite(piece.number - 1, self._chunks, (piece.start, piece.end), quote.text, quote.start)


def _may_be_no_answer(text: str) -> bool:
    """Whether the answer so far is ``NO ANSWER``, or the beginning of it, whatever dots and stars surround it."""
    core = text.strip(_AROUND)
    return NO_ANSWER.startswith(core) if len(text) <= len(NO_ANSWER) + 40 else False
