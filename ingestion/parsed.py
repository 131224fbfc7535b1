"""A parsed document as it is kept in the blob store, between parsing, embedding, and whoever opens it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import orjson

from core.metadata import Metadata
from ingestion.catalog.rows import metadata_from_json, metadata_to_json
from ingestion.chunking.model import Passage, PlacedElement
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

    def to_bytes(self) -> bytes:
        """As JSON, in UTF-8."""
        values: dict[str, Any] = {
            "format": _FORMAT,
            "title": self.title,
            "metadata": metadata_to_json(self.metadata),
            "media_type": self.media_type,
            "text": self.text,
            "elements": [asdict(element) for element in self.elements],
            "passages": [asdict(passage) for passage in self.passages],
            "parser": self.parser,
            "warnings": self.warnings,
            "chunking": self.chunking,
        }
        return orjson.dumps(values)

    @classmethod
    def from_bytes(cls, content: bytes) -> ParsedDocument:
        """The inverse of :meth:`to_bytes`."""
        values = orjson.loads(content)
        del values["format"]
        values["metadata"] = metadata_from_json(values["metadata"])
        values["elements"] = tuple(_element(element) for element in values["elements"])
        values["passages"] = tuple(_passage(passage) for passage in values["passages"])
        values["warnings"] = tuple(values["warnings"])
        return cls(**values)


def _element(values: dict[str, Any]) -> PlacedElement:
    return PlacedElement(**{**values, "kind": ElementKind(values["kind"])})


def _passage(values: dict[str, Any]) -> Passage:
    return Passage(**{**values, "heading_path": tuple(values["heading_path"])})
