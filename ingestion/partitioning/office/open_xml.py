"""Readers of Word and PowerPoint files, and the properties of all of Office Open XML."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

from core.errors import DocumentTooLarge
from core.metadata import Metadata
from ingestion.partitioning.facts import clean_tags
from ingestion.partitioning.reading import Reading, convert

_NO_DETECTION = [""]
_MOST_UNPACKED = 1_000_000_000
"""Bytes that an Office file's parts may unpack to."""
TEMPLATE_TITLES = frozenset(
    {"powerpoint presentation", "presentation", "document", "untitled", "untitled document", "word document"}
)
"""Titles that programs write themselves."""
_TEMPLATE_AUTHORS = frozenset({"python-docx", "openpyxl", "microsoft office user", "user", "admin", "administrator"})


def read_docx(content: bytes, name: str) -> Reading:
    """Word: headings by style, lists, tables. It has no pages that are the same on every machine."""
    from unstructured.partition.docx import partition_docx  # noqa: PLC0415

    check_size(content, name)
    reading = convert(partition_docx(file=io.BytesIO(content), languages=_NO_DETECTION))
    reading.metadata = properties(content)
    return reading


def read_pptx(content: bytes, name: str) -> Reading:
    """PowerPoint: a slide is a page, its title a heading; speaker notes are kept."""
    from unstructured.partition.pptx import partition_pptx  # noqa: PLC0415

    check_size(content, name)
    found = partition_pptx(file=io.BytesIO(content), languages=_NO_DETECTION, strategy="fast", include_slide_notes=True)
    # Only the title placeholder has depth 0; deeper "titles" are short lines that unstructured guessed about.
    reading = convert(found, level=lambda depth: None if depth else 1, pages=True)
    reading.metadata = properties(content)
    return reading


def check_size(content: bytes, name: str) -> None:
    """A few kilobytes can unpack to gigabytes; the sizes that the container states are enough to refuse that."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > _MOST_UNPACKED:
            raise DocumentTooLarge(f"{name} unpacks to more than {_MOST_UNPACKED // 1_000_000} MB. Split it.")


def properties(content: bytes) -> Metadata:
    """The core properties, read from their own part: the same in all three formats."""
    from lxml import etree  # noqa: PLC0415

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if "docProps/core.xml" not in archive.namelist():
            return Metadata()
        part = archive.read("docProps/core.xml")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    root = etree.fromstring(part, parser)
    if root is None:
        return Metadata()
    values = {etree.QName(node).localname: (node.text or "").strip() for node in root if isinstance(node.tag, str)}
    title, author = " ".join(values.get("title", "").split()), " ".join(values.get("creator", "").split())
    return Metadata(
        title="" if title.casefold() in TEMPLATE_TITLES else title,
        author=None if author.casefold() in _TEMPLATE_AUTHORS else author or None,
        tags=clean_tags(values.get("keywords", "").replace(";", ",").split(",")),
        created=_moment(values.get("created")),
        modified=_moment(values.get("modified")),
    )


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
