"""From what a reader found to a partition: the document's facts, with their origins, and what is said of empty ones."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from core.errors import DocumentTooLarge
from core.language import detect_language
from core.metadata import Metadata
from ingestion.partitioning.media_types import Detected
from ingestion.partitioning.port import Element, ElementKind, Partition
from ingestion.partitioning.reading import Reading
from ingestion.partitioning.secrets import find_secrets

_FACTS_FROM = {"markdown": "front matter", "email": "headers", "msg": "headers"}
"""Where a reader finds a document's facts, where it isn't its properties."""
_NAMELESS_HEADINGS = ("xlsx", "xls")
"""Kinds whose headings name parts of the document: a workbook's are its sheets' names."""
_LONGEST_TITLE = 300


def finish(reading: Reading, detected: Detected, *, name: str, parser: str, text_bytes: int) -> Partition:
    """Complete a reading. One without a word in it gets its title as its only element, and a warning that says so.

    Args:
        parser: name and version of what read it.
        text_bytes: of its text in UTF-8, above which it is refused.

    Raises:
        DocumentTooLarge: more text than that.
    """
    if sum(len(element.text.encode()) for element in reading.elements) > text_bytes:
        limit = f"parsing.max_text_mb = {text_bytes / 1_000_000:g}"
        raise DocumentTooLarge(f"{name} holds more text than {limit} allows. Split it, or raise the limit.")
    metadata = _metadata(reading, detected.kind, name)
    if not reading.elements:
        reading.elements.append(Element(kind=ElementKind.OTHER, text=_facts(metadata)))
        reading.warnings.append("No text was found in it: it is indexed by its title and metadata alone.")
    return Partition(
        elements=tuple(reading.elements),
        metadata=metadata,
        media_type=detected.media_type,
        parser=parser,
        warnings=(*detected.warnings, *reading.warnings),
        secrets=(*find_secrets(reading.elements), *reading.secrets),
        attachments=tuple(reading.attachments),
        pages=reading.pages,
        readers=reading.readers,
    )


def _metadata(reading: Reading, kind: str, name: str) -> Metadata:
    """The document's own facts, then what can be told from its text and its name."""
    own = replace(reading.metadata, title=reading.metadata.title[:_LONGEST_TITLE])
    known = own.coming_from(_FACTS_FROM.get(kind, "properties"))
    heading = None if kind in _NAMELESS_HEADINGS else next(filter(None, map(_heading, reading.elements)), None)
    found = Metadata(title=(heading or "")[:_LONGEST_TITLE]).coming_from("first heading")
    told = Metadata(document_type=kind).coming_from("contents")
    if known.language is None and (language := detect_language(element.text for element in reading.elements)):
        told = told.over(Metadata(language=language).coming_from("detected"))
    stem = " ".join(re.split(r"[\s_-]+", PurePosixPath(name).stem)).strip()
    named = Metadata(title=(stem or name)[:_LONGEST_TITLE]).coming_from("file name")
    return known.over(found).over(told).over(named)


def _heading(element: Element) -> str | None:
    return " ".join(element.text.split()) if element.kind is ElementKind.TITLE else None


def _facts(metadata: Metadata) -> str:
    """What is known of a document that says nothing itself."""
    labelled = {"Author": metadata.author, "Tags": ", ".join(metadata.tags)}
    return "\n".join([metadata.title, *(f"{label}: {value}" for label, value in labelled.items() if value)])
