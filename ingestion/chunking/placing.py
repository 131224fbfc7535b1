"""Joining a document's elements to one text, and saying where each of them is in it."""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.chunking.model import PlacedElement
from ingestion.partitioning.port import Element, ElementKind

_SEPARATOR = "\n\n"
_LONGEST_HEADING = 200


def place(elements: Sequence[Element]) -> tuple[str, tuple[PlacedElement, ...]]:
    """The elements' texts joined by a blank line, and the elements with their offsets in it."""
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
                links=tuple(link.moved(position) for link in element.links),
            )
        )
        position = end + len(_SEPARATOR)
    return _SEPARATOR.join(element.text for element in elements), tuple(placed)


def heading_paths(text: str, elements: Sequence[PlacedElement]) -> list[tuple[str, ...]]:
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


def page_of(elements: Sequence[PlacedElement], start: int, number: int) -> int | None:
    """The page of the element that holds ``start``, which is element ``number`` or one before it."""
    while number > 0 and elements[number].start > start:
        number -= 1
    return elements[number].page_at(start)
