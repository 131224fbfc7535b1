"""The unit of search: a passage of a document."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.metadata import Metadata

Vector = NDArray[np.float32]
"""Shape (dimensions,), unit length."""
Vectors = NDArray[np.float32]
"""Shape (n, dimensions), rows of unit length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage: a span of its document's text, with what is needed to rank, filter, cite and open it.

    ``text`` is ``document_text[start:end]`` to the letter: that is what makes a quote from it checkable.

    Attributes:
        id: deterministic: the same document, bytes and chunking give the same id.
        ordinal: its place among the document's chunks, from 0.
        start, end: character offsets into the document's text.
        page: the page it begins on, from 1; None where the format has no pages.
        heading_path: the headings above it, outermost first.
        tokens: its length in the embedder's tokens.
        acl: index terms; see :mod:`core.principal`.
        version: the document version that it was written for.
    """

    id: str
    document_id: str
    source_id: str
    uri: str
    ordinal: int
    text: str
    start: int
    end: int
    page: int | None = None
    heading_path: tuple[str, ...] = ()
    tokens: int = 0
    metadata: Metadata = field(default_factory=Metadata)
    acl: tuple[str, ...] = ()
    version: int = 1

    @property
    def context(self) -> str:
        """Title and headings that the text doesn't already open with: searched and embedded before the text."""
        opening = self.text[:400].casefold()
        lines = dict.fromkeys((self.metadata.title, *self.heading_path))
        return "\n".join(line for line in lines if line and line.casefold() not in opening)

    @property
    def search_text(self) -> str:
        """What the lexical leg indexes and what windows are cut from: the context, then the text."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    @property
    def opening(self) -> int:
        """So many characters of the text, from its start, are lines that repeat its title or a heading above it."""
        headings = {line.strip().casefold() for line in (self.metadata.title, *self.heading_path)} - {""}
        end, found = 0, False
        for line in self.text.splitlines(keepends=True):
            if line.strip().casefold() in headings:
                found = True
            elif line.strip():
                break
            end += len(line)
        return end if found else 0


@dataclass(frozen=True, slots=True)
class EmbeddedChunk:
    """A chunk and the vectors of the windows that cover it, shape (windows, dimensions), at least one."""

    chunk: Chunk
    windows: Vectors
