"""Amazon Textract, boto3 and all, against a local server that answers as its API reference says."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from core.errors import (
    ConfigurationError,
    DocumentTooLarge,
    FootnoteError,
    ModelUnavailable,
    Unavailable,
    UnreadableDocument,
)
from core.place import Box, PageSize, boxes
from core.settings import ParsingSettings
from ingestion.partitioning.cloud.partitioner import CloudPartitioner
from ingestion.partitioning.cloud.textract import Textract
from ingestion.partitioning.port import ElementKind, Partitioner
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from tests.integration.cloud_server import Answer, Asked, Script, image_of, pdf_of, serving

_ids = count()
_pdfium = threading.Lock()


@pytest.fixture(scope="module")
def local() -> Iterator[ChildProcessPartitioner]:
    """One parser child for all tests."""
    partitioner = ChildProcessPartitioner(ParsingSettings())
    yield partitioner
    partitioner.close()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@contextmanager
def reader(local: ChildProcessPartitioner, script: Script, **more: Any) -> Iterator[tuple[Partitioner, list[Asked]]]:
    read_s, attempts = more.pop("read_s", 10), more.pop("attempts", 1)
    with serving(script) as (url, seen):
        settings = ParsingSettings(engine="textract", **{"textract": {"endpoint": url}, **more})
        service = Textract.connect(settings, read_s=read_s, attempts=attempts)
        yield CloudPartitioner(settings, local, service), seen
        service.close()


def block(kind: str, children: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """A block as the API reference has it: a box as shares of the page, and the ids of what is in it."""
    made = {"BlockType": kind, "Id": f"id-{next(_ids)}", "Confidence": 99.0, **more}
    made.setdefault("Geometry", {"BoundingBox": {"Left": 0.1, "Top": 0.1, "Width": 0.2, "Height": 0.05}})
    if children:
        made["Relationships"] = [{"Type": "CHILD", "Ids": [child["Id"] for child in children]}]
    return made


class Page:
    """Makes the blocks of a page."""

    def __init__(self) -> None:
        self.blocks: list[dict[str, Any]] = [block("PAGE")]

    def add(self, *blocks: dict[str, Any]) -> dict[str, Any]:
        self.blocks += blocks
        return blocks[-1]

    def line(self, text: str, top: float) -> dict[str, Any]:
        words = []
        for place, word in enumerate(text.split()):
            box = {"Left": 0.1 + 0.1 * place, "Top": top, "Width": 0.09, "Height": 0.04}
            words.append(self.add(block("WORD", Text=word, Geometry={"BoundingBox": box})))
        box = {"Left": 0.1, "Top": top, "Width": 0.8, "Height": 0.04}
        return self.add(block("LINE", words, Text=text, Geometry={"BoundingBox": box}))

    def layout(self, kind: str, *lines: dict[str, Any]) -> dict[str, Any]:
        return block(f"LAYOUT_{kind}", list(lines))

    def table(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """A table whose rows are lines, a word a cell."""
        by_id = {one["Id"]: one for one in self.blocks}
        cells = [
            self.add(block("CELL", [by_id[word]], RowIndex=row, ColumnIndex=column, RowSpan=1, ColumnSpan=1))
            for row, line in enumerate(rows, start=1)
            for column, word in enumerate(line["Relationships"][0]["Ids"], start=1)
        ]
        return self.add(block("TABLE", cells, EntityTypes=["STRUCTURED_TABLE"]))

    def answer(self) -> dict[str, Any]:
        return {"DocumentMetadata": {"Pages": 1}, "Blocks": self.blocks, "AnalyzeDocumentModelVersion": "1.0"}


def simple(text: str) -> dict[str, Any]:
    page = Page()
    page.add(page.layout("TEXT", page.line(text, 0.5)))
    return page.answer()


def whole_page() -> dict[str, Any]:
    page = Page()
    head = page.line("Internal", 0.01)
    title = page.line("Travel policy", 0.1)
    section = page.line("By train", 0.2)
    text = [page.line("Trains are reim-", 0.3), page.line("bursed in full", 0.35)]
    items = [page.line("- first class", 0.4), page.line("- sleeper cars", 0.45)]
    rows = [page.line("City Limit", 0.6), page.line("Rome 120", 0.65), page.line("Oslo 180", 0.7)]
    page.table(rows)
    number = page.line("1", 0.97)
    stray = page.line("stray words", 0.9)
    entries = [page.layout("TEXT", item) for item in items]
    page.add(
        page.layout("HEADER", head),
        page.layout("TITLE", title),
        page.layout("SECTION_HEADER", section),
        page.layout("TEXT", *text),
        page.layout("LIST", *entries),
        *entries,
        page.layout("TABLE", *rows),
        page.layout("PAGE_NUMBER", number),
    )
    assert stray
    return page.answer()


def page_texts(asked: Asked) -> list[str]:
    """The text of each page that was sent."""
    import pypdfium2

    sent = base64.b64decode(json.loads(asked.body)["Document"]["Bytes"])
    # The server answers several requests at once, and PDFium bears one thread only: more corrupt its memory.
    with _pdfium, pypdfium2.PdfDocument(sent) as document:
        return [page.get_textpage().get_text_range().strip() for page in document]


def error(code: str, status: int = 400) -> Answer:
    return Answer({"__type": code, "message": "secret contents of the page"}, status)


def always(answer: Answer) -> Script:
    return lambda asked, url: answer


def test_a_page_comes_out_with_structure_and_places(local: ChildProcessPartitioner) -> None:
    with reader(local, always(Answer(whole_page()))) as (partitioner, seen):
        found = partitioner.partition(pdf_of("anything"), name="travel.pdf")
    (asked,) = seen
    assert asked.headers["x-amz-target"] == "Textract.AnalyzeDocument"
    request = json.loads(asked.body)
    assert sorted(request["FeatureTypes"]) == ["LAYOUT", "TABLES"]
    assert base64.b64decode(request["Document"]["Bytes"]).startswith(b"%PDF-")
    assert [(one.kind, one.level, one.text) for one in found.elements] == [
        (ElementKind.TITLE, 1, "Travel policy"),
        (ElementKind.TITLE, 2, "By train"),
        (ElementKind.TEXT, None, "Trains are reimbursed in full"),
        (ElementKind.LIST_ITEM, None, "first class"),
        (ElementKind.LIST_ITEM, None, "sleeper cars"),
        (ElementKind.TABLE, None, "City: Rome | Limit: 120\nCity: Oslo | Limit: 180"),
        (ElementKind.TEXT, None, "stray words"),
    ]
    assert found.elements[5].cells == (("City", "Limit"), ("Rome", "120"), ("Oslo", "180"))
    assert found.pages == (PageSize(400, 200),)
    text = found.elements[2]
    start = text.text.index("in full")
    assert list(boxes(text.lines, start, start + 7)) == [Box(page=1, left=80, top=70, right=156, bottom=78)]
    row = found.elements[5]
    at = row.text.index("180")
    assert list(boxes(row.lines, at, at + 3)) == [Box(page=1, left=80, top=140, right=116, bottom=148)]
    assert "2 page headers, footers and page numbers were left out." in found.warnings
    assert (found.metadata.title, found.metadata.document_type) == ("Properties of it", "pdf")
    assert (found.media_type, found.parser) == ("application/pdf", "amazon-textract 2018-06-27")


def test_pages_are_sent_one_by_one_and_put_together_in_order(local: ChildProcessPartitioner) -> None:
    def script(asked: Asked, url: str) -> Answer:
        (text,) = page_texts(asked)
        return Answer(simple(f"read {text}"))

    texts = [f"page{number}" for number in range(1, 8)]
    with reader(local, script) as (partitioner, seen):
        found = partitioner.partition(pdf_of(*texts), name="long.pdf")
    assert len(seen) == 7
    assert [(one.text, one.page) for one in found.elements] == [(f"read page{n}", n) for n in range(1, 8)]


def test_an_encrypted_pdf_is_opened_here_and_sent_open(local: ChildProcessPartitioner) -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption

    locked = pdf_of("a", encrypt=StandardEncryption("open sesame", "owner", canPrint=0))
    with reader(local, always(Answer(simple("words")))) as (partitioner, seen):
        with pytest.raises(UnreadableDocument, match="encrypted"):
            partitioner.partition(locked, name="locked.pdf")
        assert seen == []
    keyed = ChildProcessPartitioner(ParsingSettings(pdf_passwords=("open sesame",)))  # type: ignore[arg-type]
    try:
        with reader(keyed, always(Answer(simple("words")))) as (partitioner, seen):
            assert partitioner.partition(locked, name="locked.pdf").elements[0].text == "words"
        assert b"/Encrypt" not in base64.b64decode(json.loads(seen[0].body)["Document"]["Bytes"])
    finally:
        keyed.close()


@pytest.mark.parametrize(("kind", "frames", "sent"), [("PNG", 1, 1), ("JPEG", 1, 1), ("TIFF", 3, 3), ("WEBP", 1, 1)])
def test_images_are_sent_in_a_form_that_it_takes(
    local: ChildProcessPartitioner, kind: str, frames: int, sent: int
) -> None:
    with reader(local, always(Answer(simple("words")))) as (partitioner, seen):
        found = partitioner.partition(image_of(kind, frames=frames), name="scan")
    starts = [base64.b64decode(json.loads(asked.body)["Document"]["Bytes"])[:4] for asked in seen]
    assert len(starts) == sent
    assert set(starts) <= {b"\x89PNG", b"\xff\xd8\xff\xe0"}
    assert [one.page for one in found.elements] == list(range(1, sent + 1))
    assert found.pages == (PageSize(300, 100),) * sent
    assert found.metadata.document_type == "image"


def test_what_it_isnt_for_stays_here(local: ChildProcessPartitioner) -> None:
    with reader(local, always(Answer(simple("words"))), cloud_kinds=("image",)) as (partitioner, seen):
        assert partitioner.partition(b"# Plain\n\nText.", name="a.md").elements[0].text == "Plain"
        assert partitioner.partition(pdf_of("local words"), name="a.pdf").elements[0].text == "local words"
        assert seen == []
        partitioner.partition(image_of(), name="misnamed.md")
        assert len(seen) == 1


def test_a_page_that_is_refused_costs_that_page(local: ChildProcessPartitioner) -> None:
    def script(asked: Asked, url: str) -> Answer:
        return error("UnsupportedDocumentException") if page_texts(asked) == ["bad"] else Answer(simple("words"))

    with reader(local, script) as (partitioner, _):
        found = partitioner.partition(pdf_of("good", "bad", "good"), name="a.pdf")
        assert [one.page for one in found.elements] == [1, 3]
        assert "Amazon Textract refuses page 2: UnsupportedDocumentException." in found.warnings
        with pytest.raises(UnreadableDocument, match=r"a\.pdf.*UnsupportedDocumentException"):
            partitioner.partition(pdf_of("bad"), name="a.pdf")


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (error("ThrottlingException"), ModelUnavailable, "concurrency"),
        (error("ProvisionedThroughputExceededException"), ModelUnavailable, "quota"),
        (error("AccessDeniedException"), ModelUnavailable, "textract:AnalyzeDocument"),
        (error("UnrecognizedClientException"), ModelUnavailable, "credentials"),
        (error("InternalServerError", 500), Unavailable, "InternalServerError"),
        (Answer(raw=b"{not json"), Unavailable, "can't be read"),
        (Answer({"Unexpected": 1}), Unavailable, "can't be read"),
        (Answer({"Blocks": [{"BlockType": "LINE"}]}), Unavailable, "can't be read"),
    ],
)
def test_refusals_are_told_apart(
    local: ChildProcessPartitioner, answer: Answer, kind: type[FootnoteError], said: str
) -> None:
    with reader(local, always(answer)) as (partitioner, _), pytest.raises(Unavailable) as raised:
        partitioner.partition(pdf_of("a"), name="a.pdf")
    assert type(raised.value) is kind
    assert said in raised.value.message
    assert "secret" not in raised.value.message


def test_a_throttled_page_is_tried_again(local: ChildProcessPartitioner) -> None:
    left = iter([error("ThrottlingException"), Answer(simple("words"))])
    with reader(local, lambda asked, url: next(left), attempts=3) as (partitioner, seen):
        assert partitioner.partition(pdf_of("a"), name="a.pdf").elements[0].text == "words"
    assert len(seen) == 2


def test_the_first_failure_stops_the_rest(local: ChildProcessPartitioner) -> None:
    more = {"textract": {"endpoint": None, "concurrency": 1}}
    with serving(always(error("AccessDeniedException"))) as (url, seen):
        more["textract"]["endpoint"] = url  # type: ignore[assignment]
        settings = ParsingSettings(engine="textract", **more)  # type: ignore[arg-type]
        service = Textract.connect(settings, attempts=1)
        with pytest.raises(ModelUnavailable):
            CloudPartitioner(settings, local, service).partition(pdf_of(*"abcdefghijkl"), name="a.pdf")
        service.close()
    assert len(seen) <= 2


def test_too_slow(local: ChildProcessPartitioner) -> None:
    hold = threading.Event()
    with reader(local, always(Answer(simple("words"), hold=hold)), read_s=0.2) as (partitioner, _):
        with pytest.raises(Unavailable, match="too slow"):
            partitioner.partition(pdf_of("a"), name="a.pdf")
        hold.set()


def test_no_page_is_begun_after_the_deadline(local: ChildProcessPartitioner) -> None:
    with reader(local, always(Answer(simple("words"))), cloud_timeout_s=1e-9) as (partitioner, seen):
        with pytest.raises(Unavailable, match=r"parsing\.cloud_timeout_s"):
            partitioner.partition(pdf_of("a"), name="a.pdf")
        assert seen == []


def test_nobody_listens(local: ChildProcessPartitioner) -> None:
    with serving(always(Answer())) as (url, _):
        pass
    settings = ParsingSettings(engine="textract", textract={"endpoint": url})  # type: ignore[arg-type]
    service = Textract.connect(settings, attempts=1)
    with pytest.raises(ModelUnavailable, match="can't be reached"):
        CloudPartitioner(settings, local, service).partition(pdf_of("a"), name="a.pdf")
    service.close()


def test_no_credentials(local: ChildProcessPartitioner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with (
        reader(local, always(Answer())) as (partitioner, _),
        pytest.raises(ModelUnavailable, match="needs AWS credentials"),
    ):
        partitioner.partition(pdf_of("a"), name="a.pdf")


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ConfigurationError, match=r"parsing\.textract\.region"):
        Textract.connect(ParsingSettings(engine="textract"))


def test_blank_pages_and_broken_files(local: ChildProcessPartitioner) -> None:
    blank = {"Blocks": [block("PAGE")]}
    with reader(local, always(Answer(blank))) as (partitioner, seen):
        assert "No text was found in it" in partitioner.partition(pdf_of("a"), name="a.pdf").warnings[-1]
        assert partitioner.partition(image_of(), name="empty_lot.png").elements[0].text == "empty lot"
        sent = len(seen)
        with pytest.raises(UnreadableDocument):
            partitioner.partition(b"%PDF-1.7\nthe rest is lost", name="a.pdf")
        with pytest.raises(UnreadableDocument):
            partitioner.partition(image_of()[:60], name="a.png")
        assert len(seen) == sent


def test_too_many_pages(local: ChildProcessPartitioner) -> None:
    with reader(local, always(Answer(simple("words"))), max_file_mb=200) as (partitioner, seen):
        small = ChildProcessPartitioner(ParsingSettings(max_pages=1))
        partitioner._local = small  # type: ignore[attr-defined]
        try:
            with pytest.raises(DocumentTooLarge, match=r"parsing\.max_pages"):
                partitioner.partition(pdf_of("a", "b"), name="a.pdf")
        finally:
            small.close()
        assert seen == []


def test_nothing_secret_is_logged(local: ChildProcessPartitioner, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with (
        reader(local, always(error("AccessDeniedException"))) as (partitioner, _),
        pytest.raises(Unavailable) as raised,
    ):
        partitioner.partition(pdf_of("a"), name="a.pdf")
    told = caplog.text + raised.value.message
    assert "very-secret-key" not in told
    assert "secret contents" not in told
