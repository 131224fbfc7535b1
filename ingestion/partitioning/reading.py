"""What a format's reader hands back, and the way from unstructured's elements to ours."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from core.metadata import Metadata
from core.place import PageSize
from ingestion.partitioning.port import Attachment, Element, ElementKind, InnerReaders
from ingestion.partitioning.tables import html_rows, table_text

_KINDS = {
    "Title": ElementKind.TITLE,
    "ListItem": ElementKind.LIST_ITEM,
    "Table": ElementKind.TABLE,
    "CodeSnippet": ElementKind.CODE,
    "FigureCaption": ElementKind.CAPTION,
    "Header": ElementKind.HEADER,
    "Footer": ElementKind.FOOTER,
    "Image": ElementKind.IMAGE,
}
_PAGE_NUMBER = re.compile(r"(page\s*)?\d{1,4}(\s*(of|/)\s*\d{1,4})?", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")


@dataclass(slots=True)
class Reading:
    """One document as its format's reader saw it.

    Attributes:
        secrets: see :class:`ingestion.partitioning.port.Partition`.
        left_out: text that is in the document and, on purpose, in no element, by the reason.
    """

    elements: list[Element]
    metadata: Metadata = field(default_factory=Metadata)
    warnings: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    pages: tuple[PageSize, ...] = ()
    left_out: dict[str, list[str]] = field(default_factory=dict)
    readers: InnerReaders | None = None


Level = Callable[[int | None], int | None]
"""From unstructured's depth of a title (from 0) to a heading's level; None: it isn't a heading."""


def heading_level(depth: int | None) -> int | None:
    """Every title is a heading; one without a depth is of the first level."""
    return (depth or 0) + 1


def convert(found: Iterable[Any], *, level: Level = heading_level, pages: bool = False) -> Reading:
    """Turn unstructured's elements into ours, without losing text but for page furniture.

    Bare page numbers, and every repetition of a running header or footer, are left out and counted in a warning.

    Args:
        pages: whether the format has pages; the numbers that unstructured gives other formats mean nothing.
    """
    elements = (_element(raw, level, pages=pages) for raw in found)
    return leave_out_furniture(element for element in elements if element is not None)


def leave_out_furniture(elements: Iterable[Element]) -> Reading:
    """Keep all but bare page numbers and the repetitions of a running header or footer."""
    reading = Reading([])
    seen: set[str] = set()
    dropped = 0
    for element in elements:
        if element.kind in (ElementKind.HEADER, ElementKind.FOOTER):
            mask = _DIGITS.sub("#", element.text)
            if mask in seen or _PAGE_NUMBER.fullmatch(element.text):
                dropped += 1
                continue
            seen.add(mask)
        reading.elements.append(element)
    if dropped:
        reading.warnings.append(f"{dropped} page numbers and repeated headers or footers were left out.")
    return reading


def _element(raw: Any, level: Level, *, pages: bool) -> Element | None:
    kind = _KINDS.get(type(raw).__name__, ElementKind.TEXT)
    text = clean(raw.text or "")
    cells = None
    if kind is ElementKind.TABLE and raw.metadata.text_as_html:
        rows = html_rows(raw.metadata.text_as_html)
        cells = tuple(map(tuple, rows))
        text = _whole(clean(table_text(rows)), text)
    if not text:
        return None
    depth = level(raw.metadata.category_depth) if kind is ElementKind.TITLE else None
    if kind is ElementKind.TITLE and depth is None:
        kind = ElementKind.TEXT
    return Element(kind=kind, text=text, page=raw.metadata.page_number if pages else None, level=depth, cells=cells)


def _whole(table: str, told: str) -> str:
    """A table's text, with the words at its end that unstructured tells but has left out of the table's cells.

    It drops a cell whose place in the grid it can't tell.
    """
    lacking = Counter(told.split()) - Counter(re.findall(r"[^\s|]+", table))
    words = []
    for word in told.split():
        if lacking[word] and word not in table:
            lacking[word] -= 1
            words.append(word)
    return "\n".join(filter(None, (table, " ".join(words))))


def clean(text: str) -> str:
    """Without what no index or screen can hold (NUL, lone surrogates), and without white space around it."""
    text = text.replace("\x00", "").strip("\n").rstrip()
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
