"""Azure AI Document Intelligence, its SDK and all, against a local server that answers as its API reference says."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
from core.settings import ParsingSettings, Settings
from ingestion.partitioning.build import build_partitioner, build_service
from ingestion.partitioning.cloud.document_intelligence import DocumentIntelligence
from ingestion.partitioning.cloud.partitioner import CloudPartitioner
from ingestion.partitioning.port import ElementKind, Partitioner
from ingestion.partitioning.sandbox.pool import ChildProcessPartitioner
from tests.integration.cloud_server import Answer, Asked, Script, image_of, pdf_of, serving

KEY = "0123456789abcdef-very-secret"
RESULTS = "/documentintelligence/documentModels/prebuilt-layout/analyzeResults/42?api-version=2024-11-30"


@pytest.fixture(scope="module")
def local() -> Iterator[ChildProcessPartitioner]:
    """One parser child for all tests."""
    partitioner = ChildProcessPartitioner(ParsingSettings())
    yield partitioner
    partitioner.close()


def settings_for(url: str | None, **more: Any) -> ParsingSettings:
    azure = {"endpoint": url, "key": KEY}
    return ParsingSettings(engine="document_intelligence", **{"document_intelligence": azure, **more})


@contextmanager
def reader(local: ChildProcessPartitioner, script: Script, **more: Any) -> Iterator[tuple[Partitioner, list[Asked]]]:
    read_s, attempts = more.pop("read_s", 10), more.pop("attempts", 1)
    with serving(script) as (url, seen):
        settings = settings_for(url, **more)
        service = DocumentIntelligence.connect(settings, read_s=read_s, attempts=attempts, poll_s=0.02)
        yield CloudPartitioner(settings, local, service), seen
        service.close()


def answering(*results: Answer, accepted: Answer | None = None) -> Script:
    """Accepts a document, and answers each question for its result with the next of these; the last one stays."""
    left = list(results)

    def script(asked: Asked, url: str) -> Answer:
        if asked.method == "POST":
            return accepted or Answer(raw=b"", status=202, headers={"Operation-Location": url + RESULTS})
        return left.pop(0) if len(left) > 1 else left[0]

    return script


class Layout:
    """Writes an analyzeResult: words go into one text and onto pages, and everything else points into that text."""

    def __init__(self, unit: str = "inch", pages: int = 1) -> None:
        width, height = (5.5, 3.0) if unit == "inch" else (300, 100)
        self.content = ""
        self.pages: list[dict[str, Any]] = [
            {"pageNumber": n, "angle": 0, "width": width, "height": height, "unit": unit, "words": [], "lines": []}
            for n in range(1, pages + 1)
        ]
        self.paragraphs: list[dict[str, Any]] = []
        self.tables: list[dict[str, Any]] = []

    def line(self, text: str, top: float, *, left: float = 0.5, page: int = 1) -> dict[str, int]:
        """A line of words, each 0.45 wide and 0.2 high; the span that it has in the text."""
        start = len(self.content)
        for place, word in enumerate(text.split()):
            at, x = len(self.content), left + 0.5 * place
            self.content += word + " "
            polygon = [x, top, x + 0.45, top, x + 0.45, top + 0.2, x, top + 0.2]
            span = {"offset": at, "length": len(word)}
            self.pages[page - 1]["words"].append(
                {"content": word, "polygon": polygon, "confidence": 0.99, "span": span}
            )
        span = {"offset": start, "length": len(self.content) - 1 - start}
        self.pages[page - 1]["lines"].append({"content": text, "polygon": [left, top] * 4, "spans": [span]})
        return span

    def paragraph(self, *lines: dict[str, int], role: str | None = None) -> None:
        start = lines[0]["offset"]
        span = {"offset": start, "length": lines[-1]["offset"] + lines[-1]["length"] - start}
        made: dict[str, Any] = {"spans": [span], "content": self.content[start : start + span["length"]]}
        self.paragraphs.append(made | ({"role": role} if role else {}))

    def table(self, rows: list[list[str]], top: float) -> None:
        cells = []
        begin = len(self.content)
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                span = self.line(text, top + 0.3 * row, left=0.5 + column)
                self.paragraph(span)
                kind = {"kind": "columnHeader"} if row == 0 else {}
                cells.append({"rowIndex": row, "columnIndex": column, "content": text, "spans": [span], **kind})
        span = {"offset": begin, "length": len(self.content) - begin}
        self.tables.append({"rowCount": len(rows), "columnCount": len(rows[0]), "cells": cells, "spans": [span]})

    def answer(self) -> Answer:
        result = {
            "apiVersion": "2024-11-30",
            "modelId": "prebuilt-layout",
            "stringIndexType": "unicodeCodePoint",
            "content": self.content,
            "pages": self.pages,
            "paragraphs": self.paragraphs,
            "tables": self.tables,
        }
        times = {"createdDateTime": "2025-01-01T00:00:00Z", "lastUpdatedDateTime": "2025-01-01T00:00:01Z"}
        return Answer({"status": "succeeded", **times, "analyzeResult": result})


def simple(text: str = "words") -> Answer:
    layout = Layout()
    layout.paragraph(layout.line(text, 1.0))
    return layout.answer()


RUNNING = Answer({"status": "running"})


def failed(code: str, inner: str | None = None) -> Answer:
    told: dict[str, Any] = {"code": code, "message": "secret contents of the page"}
    if inner:
        told["innererror"] = {"code": inner, "message": "secret contents of the page"}
    return Answer({"status": "failed", "error": told})


def refused(status: int, code: str, **headers: str) -> Answer:
    return Answer({"error": {"code": code, "message": "secret contents"}}, status, headers=headers)


def test_a_document_comes_out_with_structure_and_places(local: ChildProcessPartitioner) -> None:
    layout = Layout(pages=2)
    layout.paragraph(layout.line("Internal", 0.1), role="pageHeader")
    layout.paragraph(layout.line("Travel policy", 0.4), role="title")
    layout.paragraph(layout.line("By train", 0.7), role="sectionHeading")
    layout.paragraph(layout.line("Trains are reim-", 1.0), layout.line("bursed in full", 1.25))
    layout.table([["City", "Limit"], ["Rome", "120"], ["Oslo", "180"]], 1.6)
    layout.line("stray words", 2.6)
    layout.paragraph(layout.line("1", 2.8), role="pageNumber")
    layout.paragraph(layout.line("* first class", 0.4, page=2))
    layout.paragraph(layout.line("a note", 0.9, page=2), role="footnote")
    with reader(local, answering(RUNNING, RUNNING, layout.answer())) as (partitioner, seen):
        found = partitioner.partition(pdf_of("one", "two", size=(396, 216)), name="travel.pdf")
    assert [asked.method for asked in seen] == ["POST", "GET", "GET", "GET"]
    assert seen[0].path.startswith("/documentintelligence/documentModels/prebuilt-layout:analyze?")
    assert seen[0].body.startswith(b"%PDF-")
    assert seen[0].headers["ocp-apim-subscription-key"] == KEY
    assert [(one.kind, one.level, one.page, one.text) for one in found.elements] == [
        (ElementKind.TITLE, 1, 1, "Travel policy"),
        (ElementKind.TITLE, 2, 1, "By train"),
        (ElementKind.TEXT, None, 1, "Trains are reimbursed in full"),
        (ElementKind.TABLE, None, 1, "City: Rome | Limit: 120\nCity: Oslo | Limit: 180"),
        (ElementKind.TEXT, None, 1, "stray words"),
        (ElementKind.LIST_ITEM, None, 2, "first class"),
        (ElementKind.TEXT, None, 2, "a note"),
    ]
    assert found.elements[3].cells == (("City", "Limit"), ("Rome", "120"), ("Oslo", "180"))
    assert found.pages == (PageSize(396, 216),) * 2
    text = found.elements[2]
    start = text.text.index("in full")
    assert list(boxes(text.lines, start, start + 7)) == [Box(page=1, left=72, top=90, right=140.4, bottom=104.4)]
    row = found.elements[3]
    at = row.text.index("180")
    assert [box.left for box in boxes(row.lines, at, at + 3)] == [108]
    assert "2 page headers, footers and page numbers were left out." in found.warnings
    assert (found.metadata.title, found.metadata.document_type) == ("Properties of it", "pdf")
    assert found.parser == "azure-document-intelligence 2024-11-30"


def test_an_image_counts_in_pixels(local: ChildProcessPartitioner) -> None:
    layout = Layout("pixel")
    layout.paragraph(layout.line("words", 10, left=20))
    with reader(local, answering(layout.answer())) as (partitioner, seen):
        found = partitioner.partition(image_of(), name="scan.png")
        partitioner.partition(image_of("WEBP"), name="scan.webp")
    assert found.pages == (PageSize(300, 100),)
    assert [box.left for box in boxes(found.elements[0].lines, 0, 5)] == [20]
    assert [asked.body[:4] for asked in seen if asked.method == "POST"] == [b"\x89PNG"] * 2


def test_an_encrypted_pdf_is_opened_here_and_sent_open() -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption

    locked = pdf_of("a", encrypt=StandardEncryption("open sesame", "owner", canPrint=0))
    keyed = ChildProcessPartitioner(ParsingSettings(pdf_passwords=("open sesame",)))  # type: ignore[arg-type]
    try:
        with reader(keyed, answering(simple())) as (partitioner, seen):
            assert partitioner.partition(locked, name="locked.pdf").elements[0].text == "words"
        assert b"/Encrypt" not in seen[0].body
    finally:
        keyed.close()


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        (answering(failed("InvalidRequest", "InvalidContent")), UnreadableDocument, "InvalidContent"),
        (answering(failed("InternalServerError")), Unavailable, "InternalServerError"),
        (answering(RUNNING, Answer(raw=b"{not json")), Unavailable, "failed"),
        (answering(Answer({"status": "succeeded", "analyzeResult": {"pages": [{"words": 3}]}})), Unavailable, "answer"),
        (answering(accepted=refused(401, "401")), ModelUnavailable, r".key"),
        (answering(accepted=refused(403, "AuthorizationFailed")), ModelUnavailable, r".key"),
        (answering(accepted=refused(404, "404")), ModelUnavailable, "endpoint"),
        (answering(accepted=refused(429, "429")), ModelUnavailable, "quota"),
        (answering(accepted=refused(400, "InvalidRequest")), UnreadableDocument, "InvalidRequest"),
        (answering(accepted=refused(413, "InvalidContentLength")), DocumentTooLarge, "Split"),
        (answering(accepted=refused(500, "InternalServerError")), Unavailable, "InternalServerError"),
        (answering(RUNNING, refused(503, "ServiceUnavailable")), Unavailable, "ServiceUnavailable"),
    ],
)
def test_refusals_are_told_apart(
    local: ChildProcessPartitioner, script: Script, kind: type[FootnoteError], said: str
) -> None:
    with reader(local, script) as (partitioner, _), pytest.raises(FootnoteError) as raised:
        partitioner.partition(pdf_of("a"), name="a.pdf")
    assert type(raised.value) is kind
    assert said in raised.value.message
    assert "secret" not in raised.value.message


def test_a_throttled_request_is_tried_again(local: ChildProcessPartitioner) -> None:
    told = iter([refused(429, "429", **{"Retry-After": "0"})])
    accepts = answering(RUNNING, simple())

    def script(asked: Asked, url: str) -> Answer:
        return (next(told, None) if asked.method == "POST" else None) or accepts(asked, url)

    with reader(local, script, attempts=3) as (partitioner, seen):
        assert partitioner.partition(pdf_of("a"), name="a.pdf").elements[0].text == "words"
    bodies = [asked.body for asked in seen if asked.method == "POST"]
    assert len(bodies) == 2
    assert bodies[0] == bodies[1]


def test_an_analysis_that_never_ends_is_given_up(local: ChildProcessPartitioner) -> None:
    with reader(local, answering(RUNNING), cloud_timeout_s=0.3) as (partitioner, _):
        with pytest.raises(Unavailable, match=r"parsing\.cloud_timeout_s"):
            partitioner.partition(pdf_of("a"), name="a.pdf")
        for thread in threading.enumerate():
            if "LROPoller" in thread.name:
                thread.join(5)
                assert not thread.is_alive()


def test_too_slow(local: ChildProcessPartitioner) -> None:
    hold = threading.Event()
    slow = Answer(raw=b"", status=202, hold=hold)
    with reader(local, answering(accepted=slow), read_s=0.2) as (partitioner, _):
        with pytest.raises(Unavailable, match="no answer"):
            partitioner.partition(pdf_of("a"), name="a.pdf")
        hold.set()


def test_nobody_listens(local: ChildProcessPartitioner) -> None:
    with serving(answering()) as (url, _):
        pass
    settings = settings_for(url)
    service = DocumentIntelligence.connect(settings, attempts=1)
    with pytest.raises(ModelUnavailable, match="can't be reached"):
        CloudPartitioner(settings, local, service).partition(pdf_of("a"), name="a.pdf")


def test_a_blank_document(local: ChildProcessPartitioner) -> None:
    with reader(local, answering(Layout().answer())) as (partitioner, _):
        assert "No text was found in it" in partitioner.partition(pdf_of("a"), name="a.pdf").warnings[-1]


def test_a_key_is_never_sent_in_the_clear_nor_logged(
    local: ChildProcessPartitioner, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError, match="https://"):
        build_service(settings_for("http://somewhere.example"))
    caplog.set_level(logging.DEBUG)
    with reader(local, answering(failed("InvalidRequest"))) as (partitioner, _), pytest.raises(FootnoteError) as raised:
        partitioner.partition(pdf_of("a"), name="a.pdf")
    told = caplog.text + raised.value.message
    assert KEY not in told
    assert "secret contents" not in told


def test_the_settings_choose_the_engine() -> None:
    with pytest.raises(ValueError, match=r"parsing\.document_intelligence\.endpoint"):
        ParsingSettings(engine="document_intelligence")
    partitioner = build_partitioner(Settings(parsing=settings_for("https://name.example")))
    assert isinstance(partitioner, CloudPartitioner)
    assert isinstance(partitioner, Partitioner)
    partitioner.close()
    assert isinstance(build_partitioner(Settings()), ChildProcessPartitioner)


def test_without_the_extra_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ingestion.partitioning.cloud.document_intelligence")
    monkeypatch.setitem(sys.modules, "azure.ai.documentintelligence", None)
    with pytest.raises(ConfigurationError, match=r"pip install .*azure"):
        build_service(settings_for("https://name.example"))
