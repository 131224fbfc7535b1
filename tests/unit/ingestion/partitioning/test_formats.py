"""Every format through the real child process, from documents written here."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from core.errors import EmptyDocument, UnreadableDocument
from ingestion.partitioning.port import ElementKind, Partition, Partitioner

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
MARKDOWN = """---
title: Leave policy
department: HR
tags: [Leave, Benefits]
created: 2025-03-31
---
# Leave

Everybody has **30 days**.

## Parental

- first point
- second point

1. one
2. two

```python
def f():
    return 1
```

| Country | Days |
| --- | --- |
| France | 30 |
| Spain | 28 |

<details><summary>More</summary>Hidden but true.</details>

Ask <your-manager>.

x
"""


def kinds(partition: Partition) -> list[tuple[ElementKind, str]]:
    return [(element.kind, element.text) for element in partition.elements]


def text(partition: Partition) -> str:
    return "\n".join(element.text for element in partition.elements)


def docx(paragraphs: list[tuple[str, str]], title: str = "") -> bytes:
    from docx import Document

    document = Document()
    document.core_properties.title = title
    document.core_properties.created = datetime(2025, 3, 31, 12, tzinfo=UTC)
    for style, content in paragraphs:
        document.add_paragraph(content, style=style)
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("City", "Rate"), ("Rome", "90")), strict=True):
        for cell, content in zip(row.cells, cells, strict=True):
            cell.text = content
    return saved(document)


def saved(document: Any) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def pdf(pages: list[list[tuple[str, float]]], title: str | None = None, password: str | None = None) -> bytes:
    """Each page a list of lines and the size of their type, from top to bottom."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=A4, encrypt=password)
    if title:
        canvas.setTitle(title)
    for number, lines in enumerate(pages, start=1):
        height = 780.0
        for line, size in lines:
            canvas.setFont("Helvetica", size)
            canvas.drawString(72, height, line)
            height -= size * 3
        if lines:
            canvas.setFont("Helvetica", 9)
            canvas.drawString(72, 20, f"Confidential, page {number}")
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def test_markdown(partitioner: Partitioner) -> None:
    found = partitioner.partition(MARKDOWN.encode(), name="leave.md")

    assert found.metadata.title == "Leave policy"
    assert (found.metadata.department, found.metadata.tags) == ("HR", ("benefits", "leave"))
    assert found.metadata.created == datetime(2025, 3, 31, tzinfo=UTC)
    assert (found.metadata.document_type, found.media_type) == ("markdown", "text/markdown")
    assert [(e.text, e.level) for e in found.elements if e.kind is ElementKind.TITLE] == [("Leave", 1), ("Parental", 2)]
    assert (ElementKind.LIST_ITEM, "second point") in kinds(found)
    assert (ElementKind.LIST_ITEM, "two") in kinds(found)
    assert (ElementKind.CODE, "def f():\n    return 1") in kinds(found)
    assert (ElementKind.TABLE, "Country: France | Days: 30\nCountry: Spain | Days: 28") in kinds(found)
    for kept in ("Everybody has 30 days.", "More", "Hidden but true.", "x"):
        assert kept in text(found)
    assert "title:" not in text(found)


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("my-leave_policy.md", b"Just text.", "my leave policy"),
        ("x.md", b"Some\n\n## A heading\n", "A heading"),
        ("x.html", b"<html lang='de'><title>The &amp; title</title><body><h1>H</h1><p>p</p></body>", "The & title"),
        ("x.txt", b"Some text.", "x"),
    ],
)
def test_the_title_is_what_the_document_says_first(
    partitioner: Partitioner, name: str, content: bytes, title: str
) -> None:
    assert partitioner.partition(content, name=name).metadata.title == title


def test_the_heading_of_what_can_be_unfolded_is_a_button(partitioner: Partitioner) -> None:
    page = '<h3 class="accordion"><button aria-expanded="false">Step 1: Join</button></h3><div hidden>Ask Ida.</div>'
    found = partitioner.partition(page.encode(), name="a.html")
    assert kinds(found) == [(ElementKind.TITLE, "Step 1: Join"), (ElementKind.TEXT, "Ask Ida.")]


def test_html(partitioner: Partitioner) -> None:
    page = (
        "<!doctype html><html lang=de><head><title>T</title><style>p{}</style></head><body><nav>Menu</nav>"
        "<h1>One</h1><p>Text of <b>one</b>.<script>bad()</script></p><h3>Three</h3><ul><li>a<li>b</ul>"
        "<table><tr><th>K<th>V</tr><tr><td>k1<td>v1</tr></table><figure><figcaption>Caption</figcaption></figure>"
        "</body></html>"
    )
    found = partitioner.partition(page.encode(), name="a.html")

    assert kinds(found) == [
        (ElementKind.TITLE, "One"),
        (ElementKind.TEXT, "Text of one."),
        (ElementKind.TITLE, "Three"),
        (ElementKind.LIST_ITEM, "a"),
        (ElementKind.LIST_ITEM, "b"),
        (ElementKind.TABLE, "K: k1 | V: v1"),
        (ElementKind.TEXT, "Caption"),
    ]
    assert found.elements[2].level == 3
    assert found.metadata.language == "de"
    assert found.warnings == ("Navigation (<nav>) was left out.",)


def test_pdf_has_pages_headings_by_size_and_no_repeated_footers(partitioner: Partitioner) -> None:
    lines = [("Travel policy", 20.0), ("Book trains before flights, and tell your lead.", 11.0)]
    more = [("Hotels", 16.0), ("The limit is 150 euros a night in every city.", 11.0)]
    found = partitioner.partition(pdf([lines, more, []], title="Travel"), name="travel.pdf")

    assert [(e.text, e.page, e.level) for e in found.elements if e.kind is ElementKind.TITLE] == [
        ("Travel policy", 1, 1),
        ("Hotels", 2, 2),
    ]
    assert (ElementKind.TEXT, more[1][0]) in kinds(found)
    assert "Confidential" not in text(found)
    assert [line.page for element in found.elements for line in element.lines] == [1, 1, 2, 2]
    assert len(found.pages) == 3
    assert found.metadata.title == "Travel"
    assert found.metadata.created is not None
    assert found.warnings == ("dropped: 2 running headers and footers ('Confidential, page #').",)


def test_a_blank_pdf_is_known_by_its_title_and_says_so(partitioner: Partitioner) -> None:
    found = partitioner.partition(pdf([[], []]), name="bridge_drawing.pdf")
    assert found.metadata.title in found.elements[0].text
    assert found.warnings == ("No text was found in it: it is indexed by its title and metadata alone.",)


def test_docx(partitioner: Partitioner) -> None:
    content = docx(
        [("Heading 1", "Rules"), ("Normal", "Be kind."), ("Heading 2", "Details"), ("List Bullet", "first")],
        "Our rules",
    )
    found = partitioner.partition(content, name="rules.docx")

    assert kinds(found) == [
        (ElementKind.TITLE, "Rules"),
        (ElementKind.TEXT, "Be kind."),
        (ElementKind.TITLE, "Details"),
        (ElementKind.LIST_ITEM, "first"),
        (ElementKind.TABLE, "City: Rome | Rate: 90"),
    ]
    assert [element.level for element in found.elements if element.level] == [1, 2]
    assert found.metadata.title == "Our rules"
    assert found.metadata.created == datetime(2025, 3, 31, 12, tzinfo=UTC)


def test_pptx(partitioner: Partitioner) -> None:
    from pptx import Presentation

    deck = Presentation()
    for title, body in (("Kick-off", "Ship it\nSoon"), ("Budget", "Ten thousand")):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
    deck.slides[1].notes_slide.notes_text_frame.text = "Say thanks to the finance team."
    found = partitioner.partition(saved(deck), name="deck.pptx")

    assert [(e.text, e.page) for e in found.elements if e.kind is ElementKind.TITLE] == [("Kick-off", 1), ("Budget", 2)]
    for kept in ("Ship it", "Soon", "Ten thousand", "Say thanks to the finance team."):
        assert kept in text(found)
    assert found.metadata.title == "Kick-off"


def test_xlsx(partitioner: Partitioner) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Rates"
    for row in (
        ["Rates of 2025"],
        [],
        ["City", "Rate", "Since"],
        ["Rome", 90, datetime(2025, 1, 1)],
        ["Oslo", 120.5, None],
    ):
        sheet.append(row)
    book.create_sheet("Empty")
    found = partitioner.partition(saved(book), name="per-diem.xlsx")

    assert kinds(found) == [
        (ElementKind.TITLE, "Rates"),
        (ElementKind.TEXT, "Rates of 2025"),
        (ElementKind.TABLE, "City: Rome | Rate: 90 | Since: 2025-01-01\nCity: Oslo | Rate: 120.5"),
    ]
    assert found.metadata.title == "per diem"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'City,Rate\nRome,90\n"Oslo, Norway",120\n'),
        ("a.csv", b"City;Rate\nRome;90\nOslo, Norway;120\n"),
        ("a.tsv", b"City\tRate\nRome\t90\nOslo, Norway\t120\n"),
        ("a.csv", 'City,Rate\nRome,90\n"Oslo, Norway",120\n'.encode("utf-16")),
    ],
)
def test_delimited(partitioner: Partitioner, name: str, content: bytes) -> None:
    found = partitioner.partition(content, name=name)

    assert text(found) == "City: Rome | Rate: 90\nCity: Oslo, Norway | Rate: 120"


def mail(**parts: Any) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Kitchen hours ☕"
    message["From"] = "Ann <ann@example.com>"
    message["Date"] = "Mon, 31 Mar 2025 12:00:00 +0200"
    message.set_content("The kitchen opens at eight.\n\nBring a cup.")
    return message


def test_email_with_a_picture_attached(partitioner: Partitioner) -> None:
    message = mail()
    message.add_alternative("<html><body><p>The kitchen opens at <b>eight</b>.</p></body></html>", subtype="html")
    message.add_attachment(PNG, maintype="image", subtype="png", filename="cup.png")
    found = partitioner.partition(message.as_bytes(), name="kitchen.eml")

    assert found.metadata.title == "Kitchen hours ☕"
    assert found.metadata.created == datetime(2025, 3, 31, 10, tzinfo=UTC)
    assert "From: Ann <ann@example.com>" in text(found)
    assert "The kitchen opens at eight." in text(found)
    assert [(one.name, one.media_type, one.content) for one in found.attachments] == [("cup.png", "image/png", PNG)]
    assert found.metadata.author == "Ann <ann@example.com>"
    assert found.metadata.origins["title"] == "headers"


def test_email_is_known_by_its_headers_and_not_its_name(partitioner: Partitioner) -> None:
    assert partitioner.partition(mail().as_bytes(), name="kitchen.txt").media_type == "message/rfc822"


def test_json_and_xml_and_text_keep_what_they_say(partitioner: Partitioner) -> None:
    assert text(partitioner.partition(b'[{"type": "Title", "text": "a"}]', name="a.json")).startswith("[{")
    assert text(partitioner.partition(b"<?xml version='1.0'?><a><b>one</b><b>two</b></a>", name="a.xml")) == "one\ntwo"
    assert kinds(partitioner.partition(b"One\nline.\r\n\r\nTwo.", name="a.txt")) == [
        (ElementKind.TEXT, "One\nline."),
        (ElementKind.TEXT, "Two."),
    ]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("really-a.docx", pdf([[("A page of text in it.", 11.0)]]), "pdf"),
        ("really-a.pdf", b"Just some text.", "text"),
        ("really-a.pdf", docx([("Normal", "Text.")]), "docx"),
        ("really-a.html", b"No tag in here.", "text"),
        ("really-an.eml", b"Dear all, no headers here.", "text"),
    ],
)
def test_what_is_named_wrongly_is_read_as_what_it_is_with_a_warning(
    partitioner: Partitioner, name: str, content: bytes, kind: str
) -> None:
    found = partitioner.partition(content, name=name)

    assert found.metadata.document_type == kind
    assert any("is named like" in warning for warning in found.warnings)


def zipped(names: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return stream.getvalue()


GOOD = docx([("Normal", "Text.")])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.pdf", bytes(range(256)) * 40, "not text"),
        ("a.pdf", b"%PDF-1.7\n" + bytes(range(256)), "can't be read as pdf"),
        ("a.docx", GOOD[: len(GOOD) // 2], "corrupt"),
        ("a.docx", GOOD[:2000] + b"\x00" * 3000 + GOOD[5000:], "corrupt|can't be read"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "corrupt"),
        ("a.pdf", pdf([[("Secret.", 11.0)]], password="swordfish"), "encrypted"),
        ("a.xlsx", zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), "can't be read as xlsx"),
        ("a.png", PNG, "broken image"),
        ("a.md", b"---\nacl: [hr]\n---\ntext", "not an access term"),
        (
            "a.eml",
            b"From: a\nSubject: b\nContent-Type: multipart/encrypted; boundary=x\n\n--x\n\nhi\n--x--",
            "encrypted",
        ),
    ],
)
def test_what_cannot_be_read_says_why(partitioner: Partitioner, name: str, content: bytes, says: str) -> None:
    with pytest.raises(UnreadableDocument, match=says) as caught:
        partitioner.partition(content, name=name)

    assert caught.value.message.startswith(name)


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", b"\x00\x00", "\ufeff \u00a0".encode()])
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.pdf", "a.docx"])
def test_what_is_empty_says_so(partitioner: Partitioner, content: bytes, name: str) -> None:
    with pytest.raises(EmptyDocument, match=name):
        partitioner.partition(content, name=name)


def test_old_encodings_are_read_with_a_warning(partitioner: Partitioner) -> None:
    found = partitioner.partition("Müller können größer – süß “so”.".encode("cp1252"), name="a.txt")

    assert text(found) == "Müller können größer – süß “so”."
    assert any("not UTF-8" in warning for warning in found.warnings)
