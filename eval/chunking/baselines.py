"""Ways to cut that know nothing of structure or meaning: what ours are measured against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ingestion.chunking.model import ChunkedDocument, Passage
from ingestion.chunking.placing import heading_paths, page_of, place
from ingestion.chunking.tokens import TokenIndex
from ingestion.partitioning.port import Partition
from retrieval.embedding.port import Tokenizer

_SEPARATORS = ("\n\n", "\n", " ", "")
Span = tuple[int, int]


class RememberingTokenizer:
    """A tokenizer that remembers where tokens are: finding a baseline's size cuts the same texts again and again."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[tuple[int, int]]] = {}

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """See the port."""
        if text not in self._known:
            self._known[text] = self._tokenizer.offsets(text)
        return self._known[text]

    def count(self, text: str) -> int:
        """See the port."""
        return self._tokenizer.count(text)


@dataclass(frozen=True, slots=True)
class FixedChunker:
    """Passages of exactly ``size`` tokens, each sharing ``overlap`` of them with the one before."""

    tokenizer: Tokenizer
    size: int
    overlap: float = 0.1

    def chunk(self, partition: Partition) -> ChunkedDocument:
        """See the port."""
        text, _ = place(partition.elements)
        tokens = TokenIndex(text, self.tokenizer)
        shared = int(self.size * self.overlap)
        spans, start = [], 0
        while start < len(text):
            end = tokens.advance(start, self.size, len(text))
            spans.append((start, end))
            start = len(text) if end == len(text) else max(tokens.retreat(end, shared, start), start + 1)
        return _document(partition, spans, tokens)


@dataclass(frozen=True, slots=True)
class RecursiveChunker:
    """Splits at blank lines, and what is still too long at lines, words, letters; merges pieces up to ``size`` tokens.

    The algorithm of LangChain's RecursiveCharacterTextSplitter, with its default separators and its way of keeping up
    to ``overlap`` of the pieces before, counted in the embedder's tokens.
    """

    tokenizer: Tokenizer
    size: int
    overlap: float = 0.1

    def chunk(self, partition: Partition) -> ChunkedDocument:
        """See the port."""
        text, _ = place(partition.elements)
        tokens = TokenIndex(text, self.tokenizer)
        pieces = list(self._pieces(text, (0, len(text)), tokens, 0)) if text else []
        return _document(partition, self._merged(pieces, tokens), tokens)

    def _pieces(self, text: str, span: Span, tokens: TokenIndex, depth: int) -> Iterator[Span]:
        start, end = span
        if tokens.count(start, end) <= self.size:
            yield span
            return
        separator = _SEPARATORS[depth]
        while start < end:
            found = text.find(separator, start, end) if separator else -1
            stop = found + len(separator) if found >= 0 else end
            if not separator:
                stop = tokens.advance(start, self.size, end)
                yield start, stop
            else:
                yield from self._pieces(text, (start, stop), tokens, depth + 1)
            start = stop

    def _merged(self, pieces: list[Span], tokens: TokenIndex) -> list[Span]:
        spans: list[Span] = []
        first = 0
        for number, (start, _) in enumerate(pieces):
            if number > first and tokens.count(pieces[first][0], pieces[number][1]) > self.size:
                spans.append((pieces[first][0], start))
                shared = int(self.size * self.overlap)
                while first < number and (
                    tokens.count(pieces[first][0], start) > shared
                    or tokens.count(pieces[first][0], pieces[number][1]) > self.size
                ):
                    first += 1
        if pieces:
            spans.append((pieces[first][0], pieces[-1][1]))
        return spans


def _document(partition: Partition, spans: list[Span], tokens: TokenIndex) -> ChunkedDocument:
    text, elements = place(partition.elements)
    paths = heading_paths(text, elements)
    passages, number = [], 0
    for ordinal, (start, end) in enumerate(spans):
        while number + 1 < len(elements) and elements[number + 1].start <= start:
            number += 1
        passages.append(
            Passage(
                ordinal=ordinal,
                start=start,
                end=end,
                page=page_of(elements, start, number),
                heading_path=paths[number],
                tokens=tokens.count(start, end),
            )
        )
    return ChunkedDocument(text, elements, tuple(passages), partition.pages)
