"""PDFs that want to do harm: each is read as far as it can be, or ends with a reason."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

import pytest

from core.errors import DocumentError, DocumentTooLarge
from core.settings import ParsingSettings
from ingestion.partitioning.port import Partitioner
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
SAID = b"BT /F 12 Tf 72 700 Td (Twenty days a year.) Tj ET"


@pytest.fixture(scope="module")
def partitioner() -> Iterator[Partitioner]:
    pool = ChildProcessPartitioner(ParsingSettings())
    yield pool
    pool.close()


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), entries, content)


def pdf(*objects: bytes, trailer: bytes = b"") -> bytes:
    """A file of these objects, numbered from 1, with a table of where they are; the first is the catalog."""
    written = bytearray(b"%PDF-1.7\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    written += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, table)
    return bytes(written)


def one_page(content: bytes, *more: bytes, resources: bytes = b"") -> bytes:
    """A page with this content stream (an object); ``more`` are objects 6 and on."""
    box = b"/MediaBox [0 0 612 792]"
    page = b"<< /Type /Page /Parent 2 0 R %s /Contents 5 0 R /Resources << /Font << /F 4 0 R >> %s >> >>"
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page % (box, resources),
        FONT,
        content,
        *more,
    )


def text_of(partitioner: Partitioner, content: bytes) -> str:
    return " ".join(element.text for element in partitioner.partition(content, name="harm.pdf").elements)


def test_what_does_no_harm_is_read(partitioner: Partitioner) -> None:
    assert text_of(partitioner, one_page(stream(SAID))) == "Twenty days a year."


def test_a_million_objects_are_refused(partitioner: Partitioner) -> None:
    with pytest.raises(DocumentTooLarge, match="500,000 objects"):
        partitioner.partition(one_page(stream(SAID), *[b"null"] * 1_000_000), name="harm.pdf")


def test_pages_that_hold_themselves_are_read_once(partitioner: Partitioner) -> None:
    content = one_page(stream(SAID)).replace(b"/Kids [3 0 R] /Count 1", b"/Kids [3 0 R 2 0 R 3 0 R 2 0 R]")

    assert text_of(partitioner, content) == "Twenty days a year."


def test_pages_without_end_are_refused(partitioner: Partitioner) -> None:
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>"
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 5004))
    tree = b"<< /Type /Pages /Kids [%s] /Count 5001 >>" % kids
    with pytest.raises(DocumentTooLarge, match="max_pages = 5000"):
        partitioner.partition(pdf(b"<< /Type /Catalog /Pages 2 0 R >>", tree, *[page] * 5001), name="harm.pdf")


def test_a_table_of_objects_that_leads_back_to_itself_is_followed_once(partitioner: Partitioner) -> None:
    content = one_page(stream(SAID))
    at = int(re.findall(rb"startxref\n(\d+)", content)[0])

    assert text_of(partitioner, content.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % at)) == "Twenty days a year."


def test_a_form_that_draws_itself_is_drawn_once(partitioner: Partitioner) -> None:
    resources = b"/Resources << /Font << /F 4 0 R >> /XObject << /X 6 0 R >> >>"
    form = stream(SAID + b" /X Do", b"/Type /XObject /Subtype /Form /BBox [0 0 612 792] " + resources)
    content = one_page(stream(b"/X Do"), form, resources=b"/XObject << /X 6 0 R >>")

    assert "Twenty days a year." in text_of(partitioner, content)


def test_a_stream_that_unpacks_to_a_gigabyte_is_refused() -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(10_000_000)) for _ in range(100)) + packer.flush()
    narrow = ChildProcessPartitioner(ParsingSettings(memory_mb=300))
    try:
        with pytest.raises(DocumentTooLarge, match=r"parsing\.memory_mb = 300"):
            narrow.partition(one_page(stream(packed, b"/Filter /FlateDecode")), name="harm.pdf")
        assert text_of(narrow, one_page(stream(SAID))) == "Twenty days a year."
    finally:
        narrow.close()


@pytest.mark.parametrize("nested", [b"[" * 100_000, b"<<" * 100_000, b"q " * 300_000, b"(" * 300_000])
def test_what_is_nested_without_end_is_read_around_or_refused(partitioner: Partitioner, nested: bytes) -> None:
    reason = "a reason of its own"
    try:
        text_of(partitioner, one_page(stream(nested + SAID)))
    except DocumentError as error:
        reason = error.message

    assert len(reason) > 15
    assert text_of(partitioner, one_page(stream(SAID))) == "Twenty days a year."
