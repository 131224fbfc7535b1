"""OpenDocument: the properties of its files, and its spreadsheets, by calamine."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from core.metadata import Metadata
from ingestion.partitioning.facts import clean_tags, told_moment
from ingestion.partitioning.office.open_xml import check_size
from ingestion.partitioning.office.spreadsheets import CellCount, sheet_elements
from ingestion.partitioning.reading import Reading
from ingestion.partitioning.sandbox.programs import scratch

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_ROWS_REPEATED = f"{_TABLE}number-rows-repeated"
_COLUMNS_REPEATED = f"{_TABLE}number-columns-repeated"
_VALUE_TYPE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}value-type"
_CONTENT = "content.xml"


def read_ods(content: bytes, name: str) -> Reading:
    """A spreadsheet, as :func:`ingestion.partitioning.office.spreadsheets.read_xlsx` gives Excel's.

    Raises:
        DocumentTooLarge: more cells than are read; a few bytes can say that one is repeated a billion times.
    """
    from python_calamine import CalamineWorkbook  # noqa: PLC0415

    check_size(content, name)
    _check_cells(content, name)
    reading = Reading([], open_document_properties(content))
    count = CellCount(name)
    # By its path and not by its bytes: of those, calamine says only that they are none of the formats that it knows.
    file = scratch("sheet.ods")
    file.write_bytes(content)
    try:
        with CalamineWorkbook.from_path(file) as book:
            for title in book.sheet_names:
                rows = book.get_sheet_by_name(title).to_python(skip_empty_area=False)
                reading.elements += sheet_elements(title, count.rows(enumerate(rows, start=1)))
    finally:
        file.unlink(missing_ok=True)
    return reading


def _check_cells(content: bytes, name: str) -> None:
    """Refuse too many cells. calamine keeps each sheet as a full grid, and ends the process that has no room for it."""
    count = CellCount(name)
    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(_CONTENT) as part:
        for cells in _grids(part):
            count.check(cells)


def _grids(part: IO[bytes]) -> Iterator[int]:
    """After each row, the cells of all grids so far: each reaches to the last cell and the last row with anything."""
    from lxml import etree  # noqa: PLC0415

    before = row = rows = column = columns = 0
    filled = 0
    tags = [_TABLE + name for name in ("table", "table-row", "table-cell", "covered-table-cell")]
    events = etree.iterparse(part, ("start", "end"), tag=tags, resolve_entities=False, no_network=True, huge_tree=True)
    for event, node in events:
        kind = node.tag.removeprefix(_TABLE)
        if event == "start":
            if kind == "table":
                before, row, rows, columns = before + rows * columns, 0, 0, 0
        elif kind == "table-row":
            row += int(node.get(_ROWS_REPEATED, "1"))
            rows, columns = (row, max(columns, filled)) if filled else (rows, columns)
            column = filled = 0
            yield before + rows * columns
            _forget(node)
        elif kind != "table":
            column += int(node.get(_COLUMNS_REPEATED, "1"))
            filled = column if node.get(_VALUE_TYPE) or len(node) else filled
            node.clear()


def _forget(node: Any) -> None:
    """Free an element that was read, and those before it."""
    node.clear()
    while node.getprevious() is not None:
        del node.getparent()[0]


def open_document_properties(content: bytes) -> Metadata:
    """Title, author, tags and dates of an OpenDocument file, from its meta.xml (OpenDocument 1.3, part 3, 4.3)."""
    from lxml import etree  # noqa: PLC0415

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if "meta.xml" not in archive.namelist():
            return Metadata()
        part = archive.read("meta.xml")
    root = etree.fromstring(part, etree.XMLParser(resolve_entities=False, no_network=True, recover=True))
    if root is None:
        return Metadata()
    found: dict[str, list[str]] = {}
    for node in root.iter("{*}*"):
        found.setdefault(etree.QName(node).localname, []).append(" ".join((node.text or "").split()))
    first = {name: values[0] for name, values in found.items()}
    return Metadata(
        title=first.get("title", ""),
        author=first.get("initial-creator") or first.get("creator") or None,
        tags=clean_tags(found.get("keyword", [])),
        created=told_moment(first.get("creation-date", "")),
        modified=told_moment(first.get("date", "")),
    )
