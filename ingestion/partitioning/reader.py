"""One document read in this process, whatever its format. Runs in a child that can be killed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import PurePosixPath

from core.errors import DocumentError, DocumentTooLarge, EmptyDocument, UnreadableDocument
from core.metadata import Metadata
from ingestion.partitioning import markup, office, pdf
from ingestion.partitioning.facts import fill
from ingestion.partitioning.media_types import MEDIA_TYPES, detect
from ingestion.partitioning.message import read_email
from ingestion.partitioning.port import Element, ElementKind, Partition
from ingestion.partitioning.reading import Reading

_FROM_TEXT: dict[str, Callable[[str, str], Reading]] = {
    "markdown": markup.read_markdown,
    "html": lambda text, _: markup.read_html(text),
    "text": lambda text, _: markup.read_text(text),
    "json": lambda text, _: markup.read_json(text),
    "xml": lambda text, _: markup.read_xml(text),
    "csv": markup.read_delimited,
    "tsv": partial(markup.read_delimited, delimiter="\t"),
}
_FROM_BYTES: dict[str, Callable[[bytes, str], Reading]] = {
    "pdf": pdf.read_pdf,
    "docx": office.read_docx,
    "pptx": office.read_pptx,
    "xlsx": office.read_xlsx,
    "email": read_email,
}
_PARSERS = {
    "pdf": "pdfminer.six",
    "xlsx": "openpyxl",
    "csv": "footnote",
    "tsv": "footnote",
    "text": "footnote",
    "json": "footnote",
}
"""What reads a kind, where it isn't unstructured."""
_LONGEST_TITLE = 300


def read_document(content: bytes, *, name: str, media_type: str | None, max_text_bytes: int) -> Partition:
    """Read one document.

    Raises:
        UnreadableDocument, EmptyDocument, DocumentTooLarge: as the port says.
    """
    detected = detect(content, name, media_type)
    reading = _read(detected.kind, content, detected.text, name)
    if not reading.elements:
        raise EmptyDocument(" ".join((f"{name} holds no text.", *reading.warnings)))
    if sum(len(element.text.encode()) for element in reading.elements) > max_text_bytes:
        limit = f"parsing.max_text_mb = {max_text_bytes / 1_000_000:g}"
        raise DocumentTooLarge(f"{name} holds more text than {limit} allows. Split it, or raise the limit.")
    facts = Metadata(title=_title(reading, detected.kind, name), document_type=detected.kind)
    return Partition(
        elements=tuple(reading.elements),
        metadata=fill(replace(reading.metadata, title=reading.metadata.title[:_LONGEST_TITLE]), facts),
        media_type=MEDIA_TYPES[detected.kind],
        parser=_parser(detected.kind),
        warnings=(*detected.warnings, *reading.warnings),
    )


def _parser(kind: str) -> str:
    package = _PARSERS.get(kind, "unstructured")
    return f"{package} {version(package)}" if package != "footnote" else package


def _read(kind: str, content: bytes, text: str | None, name: str) -> Reading:
    try:
        if kind in _FROM_BYTES:
            return _FROM_BYTES[kind](content, name)
        return _FROM_TEXT[kind](text or "", name)
    except (DocumentError, MemoryError):
        raise
    except Exception as error:  # the parsers raise anything at all on broken files
        raise _explained(error, kind, name) from error


def _explained(error: Exception, kind: str, name: str) -> UnreadableDocument:
    text = " ".join(str(error).split())
    if "password" in text.casefold() or "encrypt" in text.casefold():
        return UnreadableDocument(f"{name} is encrypted. Save a copy without a password and sync again.")
    reason = f"{type(error).__name__}: {text}"[:200]
    return UnreadableDocument(f"{name} can't be read as {kind}; it is probably corrupt ({reason}).")


def _title(reading: Reading, kind: str, name: str) -> str:
    """The first heading; else the file's name. Short of both nobody would know what a citation points at."""
    # A workbook's headings are its sheets' names, which name parts of it.
    headings = (_heading(element) for element in reading.elements if kind != "xlsx")
    first = next((heading for heading in headings if heading), None)
    stem = " ".join(re.split(r"[\s_-]+", PurePosixPath(name).stem)).strip()
    return (first or stem or name)[:_LONGEST_TITLE]


def _heading(element: Element) -> str | None:
    return " ".join(element.text.split()) if element.kind is ElementKind.TITLE else None
