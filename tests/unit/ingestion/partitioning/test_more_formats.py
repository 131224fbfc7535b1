"""Kinds that other programs help to read, what lies within documents, and metadata with its origins."""

from __future__ import annotations

import io
import subprocess
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from core.errors import DocumentTooLarge, UnreadableDocument
from core.language import detect_language
from core.settings import ParsingSettings
from ingestion.partitioning.port import ElementKind, Partition, Partitioner
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner

SAMPLES = Path(__file__).parents[5] / "shared" / "data" / "samples" / "unstructured"
RST = b"""\
Leave
=====

:Author: Ann

Everybody has thirty days.

Parental
--------

* first
* second

.. include:: /etc/passwd
"""
ORG = b"#+TITLE: Leave\n#+AUTHOR: Ann\n\n* Parental\n\nEverybody has thirty days.\n\n- first\n- second\n"


def sample(name: str) -> bytes:
    if not SAMPLES.is_dir():
        pytest.skip(f"{SAMPLES} is not there")
    return (SAMPLES / name).read_bytes()


def text(partition: Partition) -> str:
    return "\n".join(element.text for element in partition.elements)


def by_pandoc(kind: str) -> bytes:
    source = b"---\ntitle: Leave\nauthor: Ann\n---\n\n# Parental\n\nEverybody has thirty days.\n\n- first\n- second\n"
    command = ["pandoc", "--from", "markdown", "--to", kind, "--standalone", "--output", "-"]
    return subprocess.run(command, input=source, capture_output=True, check=True).stdout


@pytest.mark.parametrize("kind", ["rst", "org", "rtf", "odt", "epub"])
def test_what_pandoc_reads_has_structure_and_metadata(partitioner: Partitioner, kind: str) -> None:
    content = {"rst": RST, "org": ORG}.get(kind) or by_pandoc("epub3" if kind == "epub" else kind)
    found = partitioner.partition(content, name=f"leave.{kind}")

    assert found.metadata.document_type == kind
    assert "Everybody has thirty days." in text(found)
    headings = {element.text: element.level for element in found.elements if element.kind is ElementKind.TITLE}
    assert headings.get("Parental") or kind == "rtf", headings
    assert [e.text for e in found.elements if e.kind is ElementKind.LIST_ITEM] == ["first", "second"] or kind == "rtf"
    if kind != "rtf":
        assert (found.metadata.title, found.metadata.author) == ("Leave", "Ann")
    assert "root:" not in text(found), "a document can't include files of this machine"


def test_the_information_group_of_rtf(partitioner: Partitioner) -> None:
    content = rb"{\rtf1\ansi{\info{\title Caf\'e9 rules}{\author Ann}}Be kind.\par}"
    found = partitioner.partition(content, name="a.rtf")

    assert (found.metadata.title, found.metadata.author, text(found)) == ("Caf\u00e9 rules", "Ann", "Be kind.")


@pytest.mark.parametrize(
    ("name", "says", "kind"),
    [
        ("simple.doc", "favorite things", "doc"),
        ("fake-power-point.ppt", "Bullet", "ppt"),
        ("tests-example.xls", "", "xls"),
        ("fake-email.msg", "This is a test email", "msg"),
    ],
)
def test_old_office_formats(partitioner: Partitioner, name: str, says: str, kind: str) -> None:
    found = partitioner.partition(sample(name), name=name)

    assert found.metadata.document_type == kind
    assert says in text(found)


def picture(*lines: str) -> bytes:
    image = Image.new("L", (1400, 120 * max(len(lines), 1)), 255)
    for number, line in enumerate(lines):
        font = ImageFont.load_default(48)
        ImageDraw.Draw(image).text((40, 30 + 110 * number), line, font=font, fill=0)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def test_an_image_is_read_by_its_letters(partitioner: Partitioner) -> None:
    found = partitioner.partition(picture("The travel budget for Oslo is 900 euros."), name="scan.png")

    assert text(found) == "The travel budget for Oslo is 900 euros."
    assert (found.media_type, found.elements[0].page) == ("image/png", 1)


def test_a_document_without_a_word_gives_its_title_and_says_so(partitioner: Partitioner) -> None:
    found = partitioner.partition(picture(), name="team-photo_2025.png")

    assert text(found) == "team photo 2025"
    assert found.warnings == ("No text was found in it: it is indexed by its title and metadata alone.",)


def test_a_missing_program_is_named_for_its_files_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    pool = ChildProcessPartitioner(ParsingSettings())
    try:
        for name, content, program in (
            ("a.rst", RST, "Pandoc"),
            ("a.png", picture("text"), "Tesseract"),
            ("a.doc", sample("simple.doc"), "LibreOffice"),
        ):
            with pytest.raises(UnreadableDocument, match=rf"{name} needs {program}.*apt-get install"):
                pool.partition(content, name=name)
        assert text(pool.partition(b"# Still read", name="a.md")) == "Still read"
    finally:
        pool.close()


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return stream.getvalue()


def test_a_zip_gives_its_members_and_lists_them(partitioner: Partitioner) -> None:
    content = archive({"a/b.txt": b"One.", "c.md": b"# Two", "__MACOSX/._c.md": b"x", "../../evil.txt": b"Three."})
    found = partitioner.partition(content, name="all.zip")

    assert {one.name: one.content for one in found.attachments} == {
        "a/b.txt": b"One.",
        "c.md": b"# Two",
        "evil.txt": b"Three.",
    }
    assert text(found) == "a/b.txt\nc.md\nevil.txt"


def test_a_damaged_office_file_is_no_archive(partitioner: Partitioner) -> None:
    content = archive({"_rels/.rels": b"<x/>", "[Co\x01tent_Types].xml": b"<x/>", "word/document.xml": b"<x/>"})
    with pytest.raises(UnreadableDocument, match="can't be read as docx"):
        partitioner.partition(content, name="a.docx")


def test_limits_on_archives() -> None:
    pool = ChildProcessPartitioner(ParsingSettings(max_attachments=3, max_unpacked_mb=2))
    try:
        for content, says in (
            (archive({f"{n}.txt": b"x" for n in range(4)}), "4 members; parsing.max_attachments = 3"),
            (archive({"a.bin": bytes(range(256)) * 12_000}), "unpacks to 3 MB; parsing.max_unpacked_mb = 2"),
            (archive({"a.bin": bytes(1_900_000)}), "times smaller than it is, as zip bombs are"),
        ):
            with pytest.raises(DocumentTooLarge, match=says):
                pool.partition(content, name="a.zip")
    finally:
        pool.close()


def message(body: str, subject: str = "Re: Kitchen", **headers: str) -> EmailMessage:
    mail = EmailMessage()
    for name, value in {"Subject": subject, "From": "Bob <bob@example.com>", **headers}.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(body)
    return mail


REPLY = """\
Eight is too late.

On Mon, 31 Mar 2025 at 12:00, Ann
<ann@example.com> wrote:

> The kitchen opens at eight.
> Bring a cup.

And the cups are dirty.
"""


def test_a_reply_is_read_without_what_it_quotes(partitioner: Partitioner) -> None:
    found = partitioner.partition(message(REPLY).as_bytes(), name="re.eml")

    assert text(found).endswith("Eight is too late.\n\nAnd the cups are dirty.".replace("\n\n", "\n"))
    assert "opens at eight" not in text(found)
    assert any("quoted from the message" in warning for warning in found.warnings)


@pytest.mark.parametrize("subject", ["Fwd: Kitchen", "Kitchen"])
def test_what_is_forwarded_or_no_reply_stays_whole(partitioner: Partitioner, subject: str) -> None:
    assert "opens at eight" in text(partitioner.partition(message(REPLY, subject).as_bytes(), name="a.eml"))


def test_a_reply_that_is_nothing_but_a_quote_stays_whole(partitioner: Partitioner) -> None:
    found = partitioner.partition(message("> The kitchen opens at eight.\n").as_bytes(), name="a.eml")

    assert "opens at eight" in text(found)


def test_an_html_reply_is_read_without_its_quote(partitioner: Partitioner) -> None:
    mail = message("Agreed.")
    page = (
        "<p>Agreed.</p><div class='gmail_quote'>On Monday Ann wrote:<blockquote>It opens at eight.</blockquote></div>"
    )
    mail.add_alternative(f"<html><body>{page}</body></html>", subtype="html")
    found = partitioner.partition(mail.as_bytes(), name="a.eml")

    assert "Agreed." in text(found)
    assert "opens at eight" not in text(found)


def test_attachments_of_the_same_name_are_told_apart(partitioner: Partitioner) -> None:
    mail = message("See both.", "Two files")
    for content in (b"one", b"two"):
        mail.add_attachment(content, maintype="text", subtype="plain", filename="notes.txt")
    inner = message("Inside.", "Inner")
    mail.add_attachment(inner)
    found = partitioner.partition(mail.as_bytes(), name="a.eml")

    assert [one.name for one in found.attachments] == ["notes.txt", "notes (2).txt", "part-3.eml"]
    assert [one.content.strip() for one in found.attachments[:2]] == [b"one", b"two"]
    assert "Inside." in text(partitioner.partition(found.attachments[2].content, name="part-3.eml"))


def test_cells_know_their_sheet_and_place(partitioner: Partitioner) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Rates"
    sheet["B2"] = "Rates of 2025"
    for row, cells in enumerate((("City", "Rate"), ("Rome", 90), ("Oslo", 120)), start=4):
        sheet.cell(row, 2, cells[0])
        sheet.cell(row, 28, cells[1])
    stream = io.BytesIO()
    book.save(stream)
    found = partitioner.partition(stream.getvalue(), name="rates.xlsx")

    assert [element.place for element in found.elements] == [None, "Rates!B2", "Rates!B4:AB6"]
    assert found.elements[2].cells == (("City", "Rate"), ("Rome", "90"), ("Oslo", "120"))


def test_each_fact_keeps_its_origin(partitioner: Partitioner) -> None:
    page = (
        "<html><head><meta name='author' content='Ann'><meta property='article:published_time' content='2025-03-31'>"
        "</head><body><h1>The kitchen rules</h1><p>Everybody washes their own cups after the meeting, please.</p>"
        "</body></html>"
    )
    found = partitioner.partition(page.encode(), name="rules.html").metadata

    assert (found.title, found.author, found.language) == ("The kitchen rules", "Ann", "en")
    assert found.created == datetime(2025, 3, 31, tzinfo=UTC)
    assert found.modified is None, "a document without a date says none"
    assert found.origins == {
        "title": "first heading",
        "author": "properties",
        "created": "properties",
        "document_type": "contents",
        "language": "detected",
    }


def test_front_matter_that_is_not_yaml_stays_text_with_a_warning(partitioner: Partitioner) -> None:
    found = partitioner.partition(b"---\ntitle: [broken\n---\n\nText.", name="a.md")

    assert "broken" in text(found)
    assert any("front matter is not YAML" in warning for warning in found.warnings)


def test_a_few_zero_bytes_do_not_make_a_text_unreadable(partitioner: Partitioner) -> None:
    found = partitioner.partition(b"A log line.\n" * 100 + b"\x00\x00 and more", name="a.txt")

    assert "and more" in text(found)
    assert any("zero bytes" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("content", "language"),
    [
        ("Die Küche öffnet um acht Uhr, und jeder bringt seine eigene Tasse mit.", "de"),
        ("The kitchen opens at eight, and everybody brings a cup of their own.", "en"),
        ("La cuisine ouvre à huit heures et chacun apporte sa propre tasse.", "fr"),
        ("Acht Uhr.", None),
        ("4711 0815 12,5 %", None),
    ],
)
def test_language(content: str, language: str | None) -> None:
    assert detect_language([content]) == language
