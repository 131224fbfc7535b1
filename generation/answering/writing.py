"""A model's answer as it is being written: markers out, citations with quotes in, ``NO ANSWER`` recognised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.chunk import Chunk
from generation.answering.citation_markers import CitationParser, Piece, TextPiece
from generation.answering.link_guard import LinkGuard
from generation.answering.quotes import best_quote, cite
from generation.events import Citation, Token
from generation.models.port import Delta, FinishReason, Usage
from generation.prompts.inert import Scalars, visible
from generation.prompts.messages import NO_ANSWER

CHARS_PER_TOKEN = 10
"""No prose has as many: an answer of ``llm.max_tokens`` tokens that is longer comes from a server that ignores it."""
MAX_CITATIONS = 200
"""Of one answer; each has a quote, and is looked up in its document."""
_AROUND, _MOST_AROUND = " \t\r\n.!*_\"'`", 40


class Writing:
    """Turns deltas into events. Whatever the model sends, what goes out is bounded and can be encoded.

    Args:
        chunks: the sources that it may cite.
        max_tokens: how long the answer may be; more than :data:`CHARS_PER_TOKEN` times as many characters are cut off.

    Attributes:
        begun: whether any words have gone out; text without a word in it waits for them.
        full: the answer has reached its greatest length; the rest of the stream needn't be read.
        abstained: the answer was that there is none; nothing has gone out then.
        cited: how many citations have gone out.
    """

    def __init__(self, chunks: Sequence[Chunk], max_tokens: int) -> None:
        self.begun = False
        self.full = False
        self.abstained = False
        self.cited = 0
        self.usage: Usage | None = None
        self.finish_reason: FinishReason = "stop"
        self._chunks = chunks
        self._parser = CitationParser(range(1, len(chunks) + 1))
        self._opening: str | None = ""
        self._scalars = Scalars()
        self._links = LinkGuard(text for chunk in chunks for text in (chunk.search_text, chunk.uri))
        self._room = CHARS_PER_TOKEN * max_tokens
        self._too_many = 0
        self._unsaid: list[str] = []

    @property
    def links_removed(self) -> int:
        """Links and addresses that no source has."""
        return self._links.removed

    @property
    def dropped(self) -> int:
        """Citations of sources that weren't given, or beyond :data:`MAX_CITATIONS`."""
        return self._parser.dropped + self._too_many

    def take(self, delta: Delta) -> Iterator[Token | Citation]:
        """The events that this piece of the stream completes."""
        if delta.finish_reason is not None:
            self.finish_reason, self.usage = delta.finish_reason, delta.usage
        yield from self._add(visible(self._scalars.feed(delta.text)))

    def _add(self, text: str) -> Iterator[Token | Citation]:
        if len(text) > self._room:
            self.full, self.finish_reason, text = True, "length", text[: self._room]
        self._room -= len(text)
        if self._opening is not None:
            text = self._opening + text
            if _may_be_no_answer(text):
                self._opening = text
                return
            self._opening = None
        yield from self._read(self._links.feed(text))

    def finish(self, *, whole: bool = True) -> Iterator[Token | Citation]:
        """The last events, none where nothing was written; not ``whole``: the model broke off."""
        if not self.full:
            yield from self._add(self._scalars.feed("", final=True))
        if self._opening is not None:
            written = self._opening.strip(_AROUND)
            self.abstained = whole and written == NO_ANSWER
            if self.abstained or not whole or not written:
                return
            yield from self._read(self._links.feed(self._opening))
        yield from self._read(self._links.finish())
        yield from self._events(self._parser.finish())

    def _read(self, text: str) -> Iterator[Token | Citation]:
        yield from self._events(self._parser.feed(text))

    def _events(self, pieces: Sequence[Piece]) -> Iterator[Token | Citation]:
        for piece in pieces:
            if isinstance(piece, TextPiece):
                self._unsaid.append(piece.text)
                self.begun = self.begun or any(map(str.isalnum, piece.text))
                if self.begun:
                    yield Token(text="".join(self._unsaid))
                    self._unsaid = []
                continue
            if self.cited == MAX_CITATIONS:
                self._too_many += 1
                continue
            self.cited += 1
            quote = best_quote(piece.claim, self._chunks[piece.number - 1])
            yield cite(piece.number - 1, self._chunks, (piece.start, piece.end), quote)


def _may_be_no_answer(text: str) -> bool:
    """Whether the answer so far is ``NO ANSWER``, or the beginning of it, whatever dots and stars surround it."""
    core = text.strip(_AROUND)
    return len(text) <= len(NO_ANSWER) + _MOST_AROUND and NO_ANSWER.startswith(core)
