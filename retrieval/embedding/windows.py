"""Covering a chunk with windows that the embedder reads whole: nothing of a chunk is left without a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.chunk import Chunk, EmbeddedChunk
from core.errors import ConfigurationError
from retrieval.embedding.port import Embedder, Tokenizer

_HEAD_SHARE = 0.25
"""Titles and headings of up to this share of the window are repeated at the head of every window of their chunk."""
_OVERLAP_SHARE = 0.1
_SNAP_TOKENS = 8
"""How far a cut moves back to fall between words."""


def cut_windows(chunk: Chunk, embedder: Embedder) -> list[str]:
    """Windows that together hold every token of ``chunk.search_text``, each within ``embedder.window_tokens``.

    Neighbours share about a tenth. Every window opens with the chunk's context and with the title and headings that its
    text opens with, if both are short; or with the context, if that is; else they are cut like the rest.

    Raises:
        ConfigurationError: the embedder's window is too small to hold a word.
    """
    tokenizer, limit = embedder.tokenizer, embedder.window_tokens
    whole = chunk.search_text
    if tokenizer.count(whole) <= limit:
        return [whole]
    context = f"{chunk.context}\n" if chunk.context else ""
    for opening in dict.fromkeys((chunk.opening, 0)):
        head = context + chunk.text[:opening]
        if head and tokenizer.count(head) <= limit * _HEAD_SHARE:
            return _Cutter(chunk.text[opening:], head, tokenizer, limit).windows()
    return _Cutter(whole, "", tokenizer, limit).windows()


def embed_chunks(
    embedder: Embedder, chunks: Sequence[Chunk], progress: Callable[[int], None] | None = None
) -> list[EmbeddedChunk]:
    """Embed all windows of all chunks in one length-sorted pass. ``progress`` is told how many more windows are done.

    Raises:
        ModelUnavailable: the model can't be loaded or run.
    """
    windows = [cut_windows(chunk, embedder) for chunk in chunks]
    vectors = embedder.embed_passages([window for group in windows for window in group], progress)
    embedded, at = [], 0
    for chunk, group in zip(chunks, windows, strict=True):
        embedded.append(EmbeddedChunk(chunk, vectors[at : at + len(group)]))
        at += len(group)
    return embedded


def readable(text: str, embedder: Embedder) -> str:
    """As much of the text, from its start, as the embedder reads at once."""
    tokenizer, limit = embedder.tokenizer, embedder.window_tokens
    while (count := tokenizer.count(text)) > limit:
        offsets = tokenizer.offsets(text)
        # Cut inside a word, a text can have a token more than it had: once more then, and a token less.
        text = text[: offsets[min(len(offsets) - 1, len(offsets) * limit // count)][0]]
    return text


@dataclass(slots=True)
class _Cutter:
    """Cuts one text into windows that open with a head, as few as possible and of even size."""

    text: str
    head: str
    tokenizer: Tokenizer
    limit: int

    def windows(self) -> list[str]:
        offsets = self.tokenizer.offsets(self.text)
        room = self.limit - self.tokenizer.count(self.head)
        overlap = int(room * _OVERLAP_SHARE)
        parts: list[str] = []
        first = 0
        while True:
            last = self._fit(offsets, first, first + _share(len(offsets) - first, room, overlap))
            parts.append(self.head + self._slice(offsets, first, last))
            if last >= len(offsets):
                return parts
            first = max(first + 1, self._snap(offsets, last - overlap, first))

    def _slice(self, offsets: list[tuple[int, int]], first: int, last: int) -> str:
        """The text of tokens ``first`` to ``last - 1``, and what is before the first and after the last of all."""
        start = offsets[first][0] if first else 0
        return self.text[start : offsets[last - 1][1] if last < len(offsets) else len(self.text)]

    def _fit(self, offsets: list[tuple[int, int]], first: int, last: int) -> int:
        """The end of a window that starts at token ``first``: between words if possible, and certain to fit.

        Counted anew, because a text cut inside a word can have more tokens than the same stretch had in its place.
        """
        last = self._snap(offsets, last, first) if last < len(offsets) else last
        while True:
            over = self.tokenizer.count(self.head + self._slice(offsets, first, last)) - self.limit
            if over <= 0:
                return last
            if last <= first + 1:
                raise ConfigurationError(f"The embedder's window of {self.limit} tokens is too small to hold a word.")
            last = self._snap(offsets, max(first + 1, last - over), first)

    def _snap(self, offsets: list[tuple[int, int]], at: int, floor: int) -> int:
        """The nearest token at or before ``at`` (and after ``floor``) that begins a word; ``at`` if none is near."""
        for token in range(at, max(floor, at - _SNAP_TOKENS), -1):
            begin = offsets[token][0]
            if begin == len(self.text) or self.text[begin].isspace() or self.text[begin - 1].isspace():
                return token
        return at


def _share(remaining: int, room: int, overlap: int) -> int:
    """Tokens of the next window: as few windows as possible for what remains, and those of even size."""
    if remaining <= room:
        return remaining
    windows = -(-(remaining - overlap) // (room - overlap))
    return -(-(remaining + (windows - 1) * overlap) // windows)
