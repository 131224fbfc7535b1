"""What ingestion makes of one file, as values to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ingestion.chunking.model import ChunkedDocument


@dataclass(frozen=True, slots=True)
class Said:
    """A fact as one place says it; ``origin`` names the place, as ``front matter`` or ``rule finance/**``."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact about the document.

    Attributes:
        counts: what is taken for true.
        overruled: what other places say otherwise, the nearest first.
    """

    name: str
    counts: Said
    overruled: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A text that is embedded as one vector; ``tokens`` are the embedder's."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedChunk:
    """A chunk: ``text[start:end]`` of the document.

    Attributes:
        page: the page it begins on, from 1.
        context: title and headings that are searched and embedded before its text.
        tokens: of its text, in the embedder's.
        cells: the ranges of a spreadsheet that it covers.
        windows: the texts that are embedded for it.
    """

    ordinal: int
    start: int
    end: int
    page: int | None
    heading_path: tuple[str, ...]
    context: str
    tokens: int
    cells: tuple[str, ...]
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Inner:
    """A file within the document, which ingestion takes in as a document of its own; ``size`` in bytes."""

    name: str
    media_type: str | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """One file as ingestion sees it.

    Attributes:
        name: its id within its source, as ``finance/report.pdf``.
        source: where its facts were looked for: a folder.
        size: in bytes.
        readers: who may read it, as index terms.
        warnings: what was left out, and why, a sentence each.
        secrets: which secrets stand where in it, and which files in it were left out for being secret.
        timings_ms: milliseconds by stage, in the order of the stages.
    """

    name: str
    source: str
    size: int
    media_type: str
    parser: str
    facts: tuple[Fact, ...]
    readers: tuple[str, ...]
    warnings: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    document: ChunkedDocument
    chunks: tuple[InspectedChunk, ...]
    attachments: tuple[Inner, ...]
    timings_ms: Mapping[str, float]

    @property
    def title(self) -> str:
        """The document's title."""
        return next((str(fact.counts.value) for fact in self.facts if fact.name == "title"), self.name)

    def to_json(self) -> dict[str, Any]:
        """As JSON; boxes are left, top, right and bottom, in points from the top left corner of their page."""
        text = self.document.text
        return {
            "name": self.name,
            "source": self.source,
            "size": self.size,
            "media_type": self.media_type,
            "parser": self.parser,
            "facts": [_fact(fact) for fact in self.facts],
            "readers": list(self.readers),
            "warnings": list(self.warnings),
            "secrets": list(self.secrets),
            "pages": [asdict(page) for page in self.document.pages],
            "elements": [
                {
                    "kind": str(element.kind),
                    "start": element.start,
                    "end": element.end,
                    "page": element.page,
                    "level": element.level,
                    "place": element.place,
                    "boxes": [[line.page, line.left, line.top, line.right, line.bottom] for line in element.lines],
                    "text": text[element.start : element.end],
                }
                for element in self.document.elements
            ],
            "chunks": [{**asdict(chunk), "text": text[chunk.start : chunk.end]} for chunk in self.chunks],
            "attachments": [asdict(inner) for inner in self.attachments],
            "timings_ms": {name: round(ms, 1) for name, ms in self.timings_ms.items()},
        }


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "name": fact.name,
        "value": plain(fact.counts.value),
        "origin": fact.counts.origin,
        "overruled": [{"value": plain(other.value), "origin": other.origin} for other in fact.overruled],
    }


def plain(value: Any) -> Any:
    """A fact's value as JSON has it: a date in ISO 8601, tags as a list."""
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
