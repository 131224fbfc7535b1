"""Spreadsheets of OpenDocument."""

from __future__ import annotations

import io
import sys
import zipfile

import pytest

from core.errors import DocumentTooLarge, UnreadableDocument
from ingestion.partitioning.port import Partitioner
from ingestion.partitioning.reader import Limits, read_document

SPACES = ("office", "table", "text", "meta", "manifest")
CITY = "<table:table-cell office:value-type='string'><text:p>%s</text:p></table:table-cell>"
RATE = "<table:table-cell office:value-type='float' office:value='%s'><text:p>x</text:p></table:table-cell>"


def ods(sheet: str, *, manifest: str = "") -> bytes:
    """A workbook with one sheet, in the terms of OpenDocument 1.3, part 3."""
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in SPACES)
    table = f'<table:table table:name="Rates">{sheet}</table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    meta = "<office:meta><meta:initial-creator>Ann</meta:initial-creator></office:meta>"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", f"<office:document-content {spaces}>{body}</office:document-content>")
        archive.writestr("meta.xml", f"<office:document-meta {spaces}>{meta}</office:document-meta>")
        entry = "<manifest:file-entry manifest:full-path='content.xml' manifest:media-type='text/xml'>"
        archive.writestr(
            "META-INF/manifest.xml",
            f"<manifest:manifest {spaces}>{entry}{manifest}</manifest:file-entry></manifest:manifest>",
        )
    return stream.getvalue()


def test_a_spreadsheet_of_opendocument_knows_its_cells(partitioner: Partitioner) -> None:
    rows = [
        CITY % "City" + CITY % "Rate",
        CITY % "Rome" + RATE % 90,
        CITY % "Oslo" + RATE % 9.5,
    ]
    gap = "<table:table-row table:number-rows-repeated='3'><table:table-cell/></table:table-row>"
    found = partitioner.partition(
        ods(gap + "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)), name="a.ods"
    )

    assert [(one.text, one.place) for one in found.elements] == [
        ("Rates", None),
        ("City: Rome | Rate: 90\nCity: Oslo | Rate: 9.5", "Rates!A4:B6"),
    ]
    assert (found.metadata.document_type, found.metadata.author) == ("ods", "Ann")
    assert found.media_type == "application/vnd.oasis.opendocument.spreadsheet"


@pytest.mark.parametrize("repeated", [1_000, 1_048_576])
def test_a_spreadsheet_of_billions_of_cells_is_refused(partitioner: Partitioner, repeated: int) -> None:
    cell = CITY.replace("<table:table-cell", "<table:table-cell table:number-columns-repeated='16384'") % "x"
    row = f"<table:table-row table:number-rows-repeated='{repeated}'>{cell}</table:table-row>"
    with pytest.raises(DocumentTooLarge, match="more than 5 million cells"):
        partitioner.partition(ods(row), name="a.ods")


def test_an_encrypted_file_of_opendocument_says_so(partitioner: Partitioner) -> None:
    encrypted = "<manifest:encryption-data manifest:checksum='x'/>"
    with pytest.raises(UnreadableDocument, match=r"a\.ods is encrypted"):
        partitioner.partition(ods("", manifest=encrypted), name="a.ods")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    limits = Limits(text_bytes=1_000, attachments=1, unpacked_bytes=1_000)
    with pytest.raises(UnreadableDocument, match="needs the Python package python_calamine"):
        read_document(ods(""), name="a.ods", media_type=None, limits=limits)
