"""A parsed document as it is kept in the blob store, between parsing, embedding, and whoever opens it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from core.metadata import Metadata
from core.place import Box, Line, PageSize, boxes
from ingestion.chunking.model import Passage, PlacedElement, cells_of
from ingestion.partitioning.port import ElementKind

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """A document's text and structure.

    Attributes:
        title: as it was known when the document was parsed; the catalog has the current one.
        metadata: facts found in the document itself.
        media_type: what the bytes turned out to be.
        text: what offsets in elements, passages and citations refer to.
        parser: name and version of what read it.
        warnings: what was left out, and why, a sentence each.
        chunking: identifies the settings that the passages were cut with.
        pages: the size of each page, where pages have one.
    """

    title: str
    metadata: Metadata
    media_type: str
    text: str
    elements: tuple[PlacedElement, ...]
    passages: tuple[Passage, ...]
    parser: str
    warnings: tuple[str, ...]
    chunking: str = ""
    pages: tuple[PageSize, ...] = ()

    def page(self, offset: int) -> int | None:
        """The page that this character of the text is on; None where that isn't known."""
        number = bisect_right(self.elements, offset, key=lambda element: element.start) - 1
        while number >= 0 and self.elements[number].page is None:
            number -= 1
        return self.elements[number].page_at(offset) if number >= 0 else None

    def boxes(self, start: int, end: int) -> tuple[Box, ...]:
        """The boxes of ``text[start:end]``, one a line that it touches, in reading order; none where unknown."""
        touched = (element for element in self.elements if element.start < end and start < element.end)
        return tuple(box for element in touched for box in boxes(element.lines, start, end))

    def cells(self, start: int, end: int) -> tuple[str, ...]:
        """The cells of a workbook that ``text[start:end]`` is in, as ``Rates!B4:C6``; none in all other documents."""
        return cells_of(self.elements, self.text, start, end)

    def to_bytes(self) -> bytes:
        """As JSON, in UTF-8."""
        values: dict[str, Any] = {
            "format": _FORMAT,
            "title": self.title,
            "metadata": self.metadata.to_json(),
            "media_type": self.media_type,
            "text": self.text,
            "elements": [_plain(element) for element in self.elements],
            "passages": [asdict(passage) for passage in self.passages],
            "parser": self.parser,
            "warnings": self.warnings,
            "chunking": self.chunking,
            "pages": [[page.width, page.height] for page in self.pages],
        }
        return orjson.dumps(values)

    @classmethod
    def from_bytes(cls, content: bytes) -> ParsedDocument:
        """The inverse of :meth:`to_bytes`."""
        values = orjson.loads(content)
        del values["format"]
        values["metadata"] = Metadata.read(values["metadata"])
        values["elements"] = tuple(_element(element) for element in values["elements"])
        values["passages"] = tuple(_passage(passage) for passage in values["passages"])
        values["warnings"] = tuple(values["warnings"])
        values["pages"] = tuple(PageSize(*size) for size in values.get("pages", ()))
        return cls(**values)


def _plain(element: PlacedElement) -> dict[str, Any]:
    return {
        "kind": element.kind,
        "start": element.start,
        "end": element.end,
        "page": element.page,
        "level": element.level,
        "lines": [line.packed() for line in element.lines],
        "place": element.place,
    }


def _element(values: dict[str, Any]) -> PlacedElement:
    lines = tuple(map(Line.unpacked, values.get("lines", ())))
    return PlacedElement(**{**values, "kind": ElementKind(values["kind"]), "lines": lines})


def _passage(values: dict[str, Any]) -> Passage:
    return Passage(**{**values, "heading_path": tuple(values["heading_path"])})
