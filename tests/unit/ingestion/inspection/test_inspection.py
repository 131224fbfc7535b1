"""Inspecting real files with the real parser and chunker: what is shown is what ingestion sees."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from lxml import html as parser
from openpyxl import Workbook
from reportlab.pdfgen.canvas import Canvas
from rich.console import Console

from api.cli.inspection import show
from core.clock import SystemClock
from core.errors import NotFound, SecretFile, UnreadableDocument
from core.settings import Settings
from ingestion.catalog.build import open_catalog
from ingestion.connectors.port import Upsert
from ingestion.connectors.registry import open_connector
from ingestion.inspection.build import folder_sources, open_inspector
from ingestion.inspection.inspector import Inspector
from ingestion.inspection.model import Fact, Inspection
from ingestion.inspection.origin import locate
from ingestion.inspection.report import page_images, to_html
from ingestion.page_images.renderer import PageRenderer
from tests.listings import read
from tests.secrets import GITHUB_TOKEN, private_key

NASTY = "<script>alert('x')</script> & \"quotes\""
SENTENCE = "The bridge on page two carries nine tonnes and not one more."


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def inspector(settings: Settings) -> Iterator[Inspector]:
    with open_inspector(settings) as made:
        yield made


@pytest.fixture(scope="module")
def renderer() -> Iterator[PageRenderer]:
    made = PageRenderer()
    yield made
    made.close()


def write_pdf(file: Path, **options: str) -> Path:
    canvas = Canvas(str(file), pagesize=(400, 300), **options)
    for page in range(1, 4):
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(40, 250, f"Chapter {page}")
        canvas.setFont("Helvetica", 10)
        canvas.drawString(40, 220, SENTENCE if page == 2 else f"Text of page {page}, and {NASTY}.")
        canvas.showPage()
    canvas.save()
    return file


def configs(settings: Settings) -> list[Any]:
    return [source.config for source in folder_sources(settings)]


def look(inspector: Inspector, file: Path, settings: Settings, *configs: dict[str, Any]) -> Inspection:
    return inspector.inspect(locate(file, configs, settings))


def fact(inspection: Inspection, name: str) -> Fact:
    return next(one for one in inspection.facts if one.name == name)


def test_a_pdf_with_its_boxes_chunks_and_windows(inspector: Inspector, settings: Settings, tmp_path: Path) -> None:
    seen = look(inspector, write_pdf(tmp_path / "bridge.pdf"), settings)
    text = seen.document.text
    found = next(one for one in seen.document.elements if text[one.start : one.end] == SENTENCE)
    (line,) = found.lines
    assert (found.page, line.page) == (2, 2)
    assert line.left == pytest.approx(40, abs=2)
    assert line.top < 300 - 220 < line.bottom + 3
    assert [page.width for page in seen.document.pages] == [400, 400, 400]
    for chunk in seen.chunks:
        assert chunk.windows
        assert all(0 < window.tokens <= 254 for window in chunk.windows)
    assert list(seen.timings_ms) == ["fetch", "start the parser", "parse", "chunk", "cut windows"]
    assert (seen.media_type, seen.name, seen.source) == ("application/pdf", "bridge.pdf", str(tmp_path))


def test_the_later_of_two_rules_counts_and_the_other_is_shown(
    inspector: Inspector, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "finance").mkdir()
    file = tmp_path / "finance" / "plan.md"
    file.write_text("---\nowner: Ida\n---\n# A plan\n\nWe save.\n")
    (tmp_path / "finance" / "_folder.meta.yaml").write_text("language: en\nacl: ['group:finance']\n")
    rules = [
        {"match": "finance/**", "department": "Finance", "owner": "Jonas"},
        {"match": "**/*.md", "department": "Writing"},
    ]
    seen = look(inspector, file, settings, {"path": str(tmp_path), "rules": rules, "department": "Nobody's"})
    department, owner = fact(seen, "department"), fact(seen, "owner")
    assert (department.counts.value, department.counts.origin) == ("Writing", "rule **/*.md")
    assert [(other.value, other.origin) for other in department.overruled] == [
        ("Finance", "rule finance/**"),
        ("Nobody's", "source settings"),
    ]
    assert (owner.counts.value, owner.counts.origin) == ("Ida", "front matter")
    assert [(other.value, other.origin) for other in owner.overruled] == [("Jonas", "rule finance/**")]
    assert fact(seen, "title").counts.origin == "first heading"
    assert fact(seen, "language").counts.origin == "sidecar finance/_folder.meta.yaml"
    assert seen.readers == ("group:finance",)
    assert seen.name == "finance/plan.md"


def test_a_spreadsheet_shows_its_cells(inspector: Inspector, settings: Settings, tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "Rates"
    for row in (("Country", "Night"), ("Norway", 1900), ("Denmark", 1450)):
        book.active.append(row)
    book.save(tmp_path / "rates.xlsx")
    seen = look(inspector, tmp_path / "rates.xlsx", settings)
    assert {cells for chunk in seen.chunks for cells in chunk.cells} == {"Rates!A2:B3"}
    assert "Rates!A2:B3" in to_html(seen, {}, [])


def test_attachments_are_named(inspector: Inspector, settings: Settings, tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Rail first", "a@halden.example", "b@halden.example"
    message.set_content("Take the train.")
    message.add_attachment("Stops: Oslo, Hamar.", filename="stops.txt")
    (tmp_path / "rail.eml").write_bytes(message.as_bytes())
    seen = look(inspector, tmp_path / "rail.eml", settings)
    assert [inner.name for inner in seen.attachments] == ["stops.txt"]
    assert "stops.txt" in to_html(seen, {}, [])


def test_the_report_needs_nothing_else_and_runs_nothing(
    inspector: Inspector, settings: Settings, renderer: PageRenderer, tmp_path: Path
) -> None:
    file = write_pdf(tmp_path / "bridge.pdf")
    seen = look(inspector, file, settings)
    done: list[int] = []
    images, missing = page_images(seen, file.read_bytes(), renderer, 2, done.append)
    page = parser.fromstring(to_html(seen, images, missing))
    assert done == [1, 2]
    assert not page.xpath("//script | //link | //iframe | //object")
    assert all(source.startswith("data:image/png;base64,") for source in page.xpath("//@src"))
    assert len(page.xpath("//img[@alt]")) == 2
    assert NASTY in page.text_content()
    ids, links = page.xpath("//@id"), page.xpath("//@href")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in links} <= set(ids), "every link leads somewhere, and nowhere else"
    assert len(page.xpath("//g[@class='by-kind']/a")) == len(seen.document.elements)
    assert "Of 3 pages the first 2 are shown" in page.text_content()


def test_a_page_without_its_image_says_why(
    inspector: Inspector, settings: Settings, renderer: PageRenderer, tmp_path: Path
) -> None:
    seen = look(inspector, write_pdf(tmp_path / "bridge.pdf"), settings)
    images, missing = page_images(seen, b"something else by now", renderer, 1, lambda _: None)
    assert images == {}
    assert "Page 1 is shown without its image: bridge.pdf can't be rendered" in missing[0]
    assert missing[0] in parser.fromstring(to_html(seen, images, missing)).text_content()


def test_what_ingestion_refuses_is_refused_with_its_reason(
    inspector: Inspector, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="isn't there"):
        look(inspector, tmp_path / "missing.pdf", settings)
    with pytest.raises(UnreadableDocument, match="not a file"):
        look(inspector, tmp_path, settings)
    with pytest.raises(UnreadableDocument, match="is encrypted"):
        look(inspector, write_pdf(tmp_path / "secret.pdf", encrypt="sesame"), settings)
    (tmp_path / "program.exe").write_bytes(b"MZ\x90\x00" + bytes(range(256)) * 20)
    with pytest.raises(UnreadableDocument, match=r"program\.exe"):
        look(inspector, tmp_path / "program.exe", settings)
    (tmp_path / "note.md").write_text("A note.")
    (tmp_path / "note.md.meta.yaml").write_text("departement: HR")
    with pytest.raises(UnreadableDocument, match="sidecar"):
        look(inspector, tmp_path / "note.md", settings)
    with pytest.raises(UnreadableDocument, match="is no document"):
        look(inspector, tmp_path / "note.md.meta.yaml", settings)


def test_it_agrees_with_ingestion_on_readers_that_a_folder_above_names(
    inspector: Inspector, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "leadership" / "sub" / "plan.txt"
    file.parent.mkdir(parents=True)
    file.write_text("The plan for next year.")
    (tmp_path / "leadership" / "_folder.meta.yaml").write_text("acl: ['group:leadership']\n")

    [listed] = read(open_connector("folder", {"path": str(file.parent)}, settings, "")).changes

    assert isinstance(listed, Upsert)
    assert listed.acl.terms() == look(inspector, file, settings).readers == ("group:leadership",)


def test_an_archive_that_more_may_read_than_its_members_allow_is_refused(
    inspector: Inspector, settings: Settings, tmp_path: Path
) -> None:
    with ZipFile(tmp_path / "inner.zip", "w") as inner:
        inner.writestr("pay.md", "---\nacl: [group:hr]\n---\nAnn earns ninety.")
    with ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("open.txt", "Anybody may know.")
        archive.write(tmp_path / "inner.zip", "inner.zip")

    with pytest.raises(UnreadableDocument, match=r"inner\.zip!/pay\.md in it may be read by fewer"):
        look(inspector, tmp_path / "all.zip", settings)
    (tmp_path / "all.zip.meta.yaml").write_text("acl: [group:hr]")
    assert look(inspector, tmp_path / "all.zip", settings).readers == ("group:hr",)
    with ZipFile(tmp_path / "all.zip", "a") as archive:
        archive.writestr("_folder.meta.yaml", "acl: [group:hr")
    with pytest.raises(UnreadableDocument, match="can't be understood, and may restrict"):
        look(inspector, tmp_path / "all.zip", settings)


def test_the_folder_source_that_holds_the_file_is_found(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert folder_sources(settings) == []
    assert not (tmp_path / "data").exists(), "looking makes nothing"

    folder = tmp_path / "files"
    (folder / "hr").mkdir(parents=True)
    (folder / "hr" / "leave.txt").write_text("28 days.")
    catalog = open_catalog(settings, SystemClock())
    for name, path in (("other", tmp_path / "elsewhere"), ("files", folder)):
        catalog.sources.create(kind="folder", name=name, config={"path": str(path)}, interval_s=3600)
    catalog.close()

    located = locate(folder / "hr" / "leave.txt", configs(settings), settings)
    assert (located.external_id, located.source) == ("hr/leave.txt", str(folder))
    roundabout = locate(folder / "hr" / ".." / "hr" / "leave.txt", configs(settings), settings)
    assert roundabout.external_id == "hr/leave.txt"
    (tmp_path / "alone.txt").write_text("Alone.")
    assert locate(tmp_path / "alone.txt", configs(settings), settings).external_id == "alone.txt"


def test_json_has_all_of_it(inspector: Inspector, settings: Settings, tmp_path: Path) -> None:
    seen = look(inspector, write_pdf(tmp_path / "bridge.pdf"), settings).to_json()
    element = next(one for one in seen["elements"] if one["text"] == SENTENCE)
    assert element["boxes"][0][0] == 2
    assert seen["pages"][0] == {"width": 400, "height": 300}
    assert seen["chunks"][0]["windows"][0]["tokens"] > 0
    assert seen["facts"][0]["name"] == "title"


@pytest.mark.parametrize("name", ["id_rsa", ".env", "data/logs/api.log", "notes.txt"])
def test_a_secret_file_is_refused_with_the_reason(inspector: Inspector, tmp_path: Path, name: str) -> None:
    made = Settings(data_dir=tmp_path / "data")
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(private_key())
    with pytest.raises(SecretFile, match="is never a document: "):
        look(inspector, file, made)


def test_secrets_in_a_document_are_named_and_not_shown(
    inspector: Inspector, settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "keys.md"
    file.write_text(f"# Keys\n\nThe token is {GITHUB_TOKEN}.\n")
    seen = look(inspector, file, settings)
    said = "It holds a GitHub token: line 3 of its text."
    assert seen.secrets == (said,)
    assert seen.to_json()["secrets"] == [said]
    assert said in to_html(seen, {}, [])
    printed = io.StringIO()
    show(seen, Console(file=printed, width=200))
    assert f"Warning: {said}" in printed.getvalue()

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("home/.env", "TOKEN=1")
        archive.writestr("a.md", "words")
    seen = look(inspector, tmp_path / "a.zip", settings)
    assert [inner.name for inner in seen.attachments] == ["a.md"]
    assert seen.secrets == ("home/.env in it was left out, for it is never a document: a file of passwords or tokens.",)
