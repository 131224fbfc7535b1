"""Structural chunking: passages that follow a document's headings, lists, tables and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from core.settings import ChunkingSettings
from core.telemetry import stage
from ingestion.chunking.model import ChunkedDocument, Passage, PlacedElement
from ingestion.chunking.packing import Packer
from ingestion.chunking.tokens import TokenIndex
from ingestion.chunking.units import BY_LINE, Unit, line_starts, make_units, sentence_starts, word_start
from ingestion.partitioning.port import Element, ElementKind, Partition
from retrieval.embedding.port import Tokenizer

_SEPARATOR = "\n\n"
_LONGEST_HEADING = 200


def chunk(partition: Partition, tokenizer: Tokenizer, settings: ChunkingSettings) -> ChunkedDocument:
    """Cut a document into passages.

    Sections that are short share a passage with their neighbours until it has ``min_tokens``; lists, tables and code
    are cut only if they don't fit into ``max_tokens``, and then between items or lines; other text is cut between
    sentences, words, letters, in this order. Each passage but the first begins with the end of the one before it, up
    to ``overlap`` of ``max_tokens``, from the start of a sentence or an element.

    The same document, tokenizer and settings give the same passages. Time and memory grow linearly.

    Returns:
        Passages of at most ``max_tokens`` that together cover every character of every element.
    """
    with stage("ingest.chunk", elements=len(partition.elements)):
        text, elements = _place(partition.elements)
        index = TokenIndex(text, tokenizer)
        overlap = int(settings.max_tokens * settings.overlap)
        packer = Packer(index, settings.min_tokens, settings.max_tokens - overlap, settings.max_tokens)
        groups = packer.pack(make_units(text, elements, index, settings.max_tokens))
        paths = _heading_paths(text, elements)
        starts = _overlapping_starts(text, elements, groups, index, (overlap, settings.max_tokens))
        passages = tuple(
            Passage(
                ordinal=ordinal,
                start=start,
                end=group[-1].end,
                page=_page(elements, start, group[0].element),
                heading_path=paths[group[0].element],
                tokens=index.count(start, group[-1].end),
            )
            for ordinal, (group, start) in enumerate(zip(groups, starts, strict=True))
        )
        return ChunkedDocument(text, elements, passages, partition.pages)


def _place(elements: Sequence[Element]) -> tuple[str, tuple[PlacedElement, ...]]:
    placed, position = [], 0
    for element in elements:
        end = position + len(element.text)
        placed.append(
            PlacedElement(
                kind=element.kind,
                start=position,
                end=end,
                page=element.page,
                level=element.level,
                lines=tuple(line.moved(position) for line in element.lines),
                place=element.place,
            )
        )
        position = end + len(_SEPARATOR)
    return _SEPARATOR.join(element.text for element in elements), tuple(placed)


def _heading_paths(text: str, elements: Sequence[PlacedElement]) -> list[tuple[str, ...]]:
    """For each element the headings above it, outermost first; a heading is in its own path."""
    paths: list[tuple[str, ...]] = []
    stack: list[tuple[int, str]] = []
    path: tuple[str, ...] = ()
    for element in elements:
        if element.kind is ElementKind.TITLE:
            level = element.level or 1
            while stack and stack[-1][0] >= level:
                stack.pop()
            heading = " ".join(text[element.start : element.end].split())[:_LONGEST_HEADING]
            stack.append((level, heading))
            path = tuple(heading for _, heading in stack)
        paths.append(path)
    return paths


def _overlapping_starts(
    text: str,
    elements: Sequence[PlacedElement],
    groups: Sequence[Sequence[Unit]],
    index: TokenIndex,
    limits: tuple[int, int],
) -> list[int]:
    """Where each group's passage starts: in the group before it, if there is room and a place.

    ``limits``: the overlap's tokens, and a passage's, at most.
    """
    overlap, max_tokens = limits
    starts = [group[0].start for group in groups[:1]]
    for before, group in pairwise(groups):
        start, end = group[0].start, group[-1].end
        room = min(overlap, max_tokens - index.count(start, end))
        if room <= 0:
            starts.append(start)
            continue
        # At least one behind the start of the group before: repeating all of a short one gains nothing.
        furthest = max(index.retreat(start, room, before[0].start), before[0].start + 1)
        rows = elements[before[-1].element].kind in BY_LINE
        starts.append(_overlap_start(text, before, furthest, start, rows=rows))
    return starts


def _overlap_start(text: str, before: Sequence[Unit], furthest: int, start: int, *, rows: bool) -> int:
    """The first place from ``furthest`` on where a unit or a sentence begins, else a word, else no overlap.

    ``rows``: the overlap is in a table or code, of which a piece of a line is worth nothing.
    """
    units = (unit.start for unit in before if furthest <= unit.start < start)
    inner = line_starts(text, furthest, start) if rows else sentence_starts(text, furthest, start)
    candidates = [place for place in (next(units, None), next(inner, None)) if place is not None]
    if candidates:
        return min(candidates)
    return start if rows else word_start(text, furthest, start) or start


def _page(elements: Sequence[PlacedElement], start: int, number: int) -> int | None:
    """The page of the element that holds ``start``, which the overlap may have moved before element ``number``."""
    while number > 0 and elements[number].start > start:
        number -= 1
    return elements[number].page_at(start)
