"""Readers of Word, PowerPoint and Excel files (Office Open XML)."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, time
from itertools import groupby
from typing import Any

from core.errors import DocumentTooLarge
from core.metadata import Metadata
from ingestion.partitioning.facts import clean_tags
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import Reading, clean, convert
from ingestion.partitioning.tables import table_text

_NO_DETECTION = [""]
_MOST_UNPACKED = 1_000_000_000
"""Bytes that an Office file's parts may unpack to."""
_TEMPLATE_TITLES = frozenset({"powerpoint presentation", "presentation", "document", "untitled", "word document"})
"""Titles that the programs write themselves."""


def read_docx(content: bytes, name: str) -> Reading:
    """Word: headings by style, lists, tables. It has no pages that are the same on every machine."""
    from unstructured.partition.docx import partition_docx  # noqa: PLC0415

    _check_size(content, name)
    reading = convert(partition_docx(file=io.BytesIO(content), languages=_NO_DETECTION))
    reading.metadata = _properties(content)
    return reading


def read_pptx(content: bytes, name: str) -> Reading:
    """PowerPoint: a slide is a page, its title a heading; speaker notes are kept."""
    from unstructured.partition.pptx import partition_pptx  # noqa: PLC0415

    _check_size(content, name)
    found = partition_pptx(file=io.BytesIO(content), languages=_NO_DETECTION, strategy="fast", include_slide_notes=True)
    # Only the title placeholder has depth 0; deeper "titles" are short lines that unstructured guessed about.
    reading = convert(found, level=lambda depth: None if depth else 1, pages=True)
    reading.metadata = _properties(content)
    return reading


def read_xlsx(content: bytes, name: str) -> Reading:
    """Excel: each sheet under its name as a heading; cells that touch make a table, a row a line.

    Read with openpyxl and not through unstructured, which wants the whole sheet as a data frame and as HTML, and
    turns 1 into 1.0 where a column has a gap. Formulas give the value that was last calculated.
    """
    from openpyxl import load_workbook  # noqa: PLC0415

    _check_size(content, name)
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    reading = Reading([], _properties(content))
    try:
        for sheet in book.worksheets:
            # The dimensions that a file states are often wrong, and cells outside them would be lost.
            sheet.reset_dimensions()
            rows = ([_cell(value) for value in row] for row in sheet.iter_rows(values_only=True))
            blocks = [list(block) for filled, block in groupby(rows, key=any) if filled]
            parts = [part for block in blocks for part in _block(block)]
            if parts:
                reading.elements += [Element(kind=ElementKind.TITLE, text=clean(sheet.title), level=1), *parts]
    finally:
        book.close()
    return reading


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return clean(f"{value:.15g}" if isinstance(value, float) else str(value)).strip()


def _block(rows: list[list[str]]) -> list[Element]:
    """A run of rows without an empty one between them: lone cells above and below are text, the rest is a table."""
    lone = [sum(map(bool, row)) == 1 for row in rows]
    first = lone.index(False) if False in lone else len(rows)
    last = len(rows) - lone[::-1].index(False) if False in lone else len(rows)
    above = [Element(kind=ElementKind.TEXT, text="".join(row)) for row in rows[:first]]
    below = [Element(kind=ElementKind.TEXT, text="".join(row)) for row in rows[last:]]
    table = table_text(_without_empty_columns(rows[first:last]))
    return above + ([Element(kind=ElementKind.TABLE, text=table)] if table else []) + below


def _without_empty_columns(rows: list[list[str]]) -> list[list[str]]:
    width = max((len(row) for row in rows), default=0)
    padded = [row + [""] * (width - len(row)) for row in rows]
    kept = [column for column in range(width) if any(row[column] for row in padded)]
    return [[row[column] for column in kept] for row in padded]


def _check_size(content: bytes, name: str) -> None:
    """A few kilobytes can unpack to gigabytes; the sizes that the container states are enough to refuse that."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > _MOST_UNPACKED:
            raise DocumentTooLarge(f"{name} unpacks to more than {_MOST_UNPACKED // 1_000_000} MB. Split it.")


def _properties(content: bytes) -> Metadata:
    """The core properties, read from their own part: the same in all three formats."""
    from lxml import etree  # type: ignore[import-untyped]  # noqa: PLC0415

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if "docProps/core.xml" not in archive.namelist():
            return Metadata()
        part = archive.read("docProps/core.xml")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    root = etree.fromstring(part, parser)
    if root is None:
        return Metadata()
    values = {etree.QName(node).localname: (node.text or "").strip() for node in root if isinstance(node.tag, str)}
    title = values.get("title", "")
    return Metadata(
        title="" if title.casefold() in _TEMPLATE_TITLES else title,
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
