"""Writes extracts out as an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from core.chunk import Chunk
from generation.answering.quotes import Quote, cite
from generation.events import Citation, Token
from generation.extractive.arrangement import Extract

_MARKED = re.compile(r"[-•*|]|\(?\d{1,3}[.)]\s")
"""A list's mark that the text has itself, or a row's first bar."""


def render_extracts(extracts: Sequence[Extract], chunks: Sequence[Chunk]) -> Iterator[Token | Citation]:
    """Each extract as a token and the citation of exactly its words; between them only breaks and list marks."""
    position = 0
    for number, extract in enumerate(extracts):
        before, after = extracts[number - 1] if number else None, extracts[number + 1 : number + 2]
        listed = (before is not None and (before.item or _announces(before))) or any(one.item for one in after)
        lead = _lead(extract, before, listed=listed)
        yield Token(text=lead + extract.text)
        start = position + len(lead)
        position = start + len(extract.text)
        quote = Quote(extract.text, extract.start, extract.start + len(extract.text))
        cited = cite(extract.source, chunks, (start, position), quote)
        yield replace(cited, key_start=extract.key[0], key_end=extract.key[1]) if extract.key else cited


def _lead(extract: Extract, before: Extract | None, *, listed: bool) -> str:
    """What stands before an extract; ``listed``: it is one of several items, or follows what announces them."""
    if before is not None and extract.joins:
        return " "
    if extract.item:
        mark = "" if not listed or _MARKED.match(extract.text) else "- "
        if before is None:
            return mark
        return ("\n" if before.item or _announces(before) else "\n\n") + mark
    if before is None:
        return ""
    return "\n\n"


def _announces(extract: Extract) -> bool:
    return extract.text.rstrip("*_ ").endswith(":")
