"""A document laid out for cutting."""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.chunking.model import PlacedElement
from ingestion.chunking.tokens import TokenIndex


@dataclass(frozen=True, slots=True)
class Layout:
    """A document's text with what cutting needs to know of it.

    Attributes:
        elements: in order, placed in ``text``.
        tokens: where the text's tokens are.
        language: ISO 639-1 code, None where it isn't known.
    """

    text: str
    elements: tuple[PlacedElement, ...]
    tokens: TokenIndex
    language: str | None = None
