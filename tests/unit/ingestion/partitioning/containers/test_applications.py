"""Files of programs that are ZIP containers: one document or one failure each, whatever lies in them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest

from core.errors import DocumentTooLarge, UnreadableDocument
from ingestion.partitioning.port import Partitioner
from tests.unit.ingestion.partitioning.pdf_writing import drawn, put

PREVIEW = drawn(
    lambda canvas: put(canvas, 72, 72, "Everybody has thirty days of leave."),
    lambda canvas: put(canvas, 72, 72, "Parents have twenty weeks more."),
)
IWA = {
    "Index/Document.iwa": b"\x00snappy",
    "Index/Tables/DataList.iwa": b"\x00",
    "Metadata/Properties.plist": b"bplist00",
}
OLD = {"index.xml.gz": b"\x1f\x8b", "buildVersionHistory.plist": b"<plist/>", "thumbs/st0.tiff": b"II*"}
PACKAGE = {"Index.zip": b"PK\x05\x06" + bytes(18), "Data/photo.jpg": b"\xff\xd8\xff"}
SECRET = b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----\n"


def zipped(parts: Mapping[str, bytes], folder: str = "") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(folder + name, content)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["pages", "numbers", "keynote"])
@pytest.mark.parametrize(
    ("parts", "preview"), [(IWA, "preview.pdf"), (OLD, "QuickLook/Preview.pdf"), (PACKAGE, "QuickLook/Preview.pdf")]
)
@pytest.mark.parametrize("in_folder", [False, True])
def test_an_iwork_file_is_read_by_its_preview(
    partitioner: Partitioner, kind: str, parts: dict[str, bytes], preview: str, in_folder: bool
) -> None:
    name = f"leave.{'key' if kind == 'keynote' else kind}"
    folder = f"{name}/" if in_folder else ""
    found = partitioner.partition(zipped(parts | {preview: PREVIEW}, folder), name=name)

    assert [(element.text, element.page) for element in found.elements] == [
        ("Everybody has thirty days of leave.", 1),
        ("Parents have twenty weeks more.", 2),
    ]
    assert (found.metadata.document_type, found.attachments) == (kind, ())
    assert found.media_type == f"application/vnd.apple.{kind}"
    assert found.warnings == (f"It was read by the PDF in it ({folder}{preview}), as last saved.",)


@pytest.mark.parametrize("parts", [IWA, OLD, PACKAGE])
@pytest.mark.parametrize("preview", [{}, {"preview.jpg": b"\xff\xd8\xff"}, {"preview.pdf": b"\xff\xd8\xff"}])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.pages", "a.pages is a Pages document .* Export it as PDF or Word."),
        ("a.numbers", "a.numbers is a Numbers document .* Export it as PDF or Excel."),
        ("a.key", "a.key is a Keynote document .* Export it as PDF or PowerPoint."),
        ("a.zip", "a.zip is a Pages document"),
    ],
)
def test_an_iwork_file_without_a_preview_is_one_failure(
    partitioner: Partitioner, parts: dict[str, bytes], preview: dict[str, bytes], name: str, says: str
) -> None:
    with pytest.raises(UnreadableDocument, match=says):
        partitioner.partition(zipped(parts | preview), name=name)


def test_a_presentation_is_known_by_its_slides(partitioner: Partitioner) -> None:
    with pytest.raises(UnreadableDocument, match="is a Keynote document"):
        partitioner.partition(zipped(IWA | {"Index/Slide-12.iwa": b"\x00"}), name="a.zip")


def test_a_preview_that_is_a_bomb_is_not_unpacked(partitioner: Partitioner) -> None:
    content = zipped(IWA | {"preview.pdf": b"%PDF-1.7\n" + bytes(5_000_000)})
    with pytest.raises(DocumentTooLarge, match="as zip bombs are"):
        partitioner.partition(content, name="a.pages")


def test_a_name_alone_makes_no_iwork_file(partitioner: Partitioner) -> None:
    """An archive under the name of a presentation is an archive, whose members are looked at for secrets."""
    found = partitioner.partition(zipped({"a.txt": b"One.", "server.key": SECRET}), name="a.key")

    assert [one.name for one in found.attachments if one.content == b"One."] == ["a.txt"]
    assert SECRET not in [one.content for one in found.attachments]


@pytest.mark.parametrize(
    ("name", "parts", "says"),
    [
        ("a.sketch", ["document.json", "meta.json", "pages/1.json"], "a Sketch drawing, .* Export it as PDF."),
        ("a.zip", ["document.json", "meta.json", "pages/1.json"], "a Sketch drawing"),
        ("a.vsdx", ["[Content_Types].xml", "visio/document.xml"], "a Visio drawing"),
        ("a.bin", ["[Content_Types].xml", "visio/document.xml"], "a Visio drawing"),
        ("a.xps", ["[Content_Types].xml", "FixedDocumentSequence.fdseq"], "an XPS document"),
        ("a.apk", ["AndroidManifest.xml", "classes.dex", "META-INF/MANIFEST.MF"], "an Android app, .* leave it out"),
        ("a.ipa", ["Payload/A.app/Info.plist"], "an iOS app"),
        ("a.jar", ["META-INF/MANIFEST.MF"], "a Java archive"),
        ("a.zip", ["META-INF/MANIFEST.MF", "org/A.class"], "a Java archive"),
        ("a.xpi", ["manifest.json"], "an add-on of a browser"),
        ("a.vsix", ["extension.vsixmanifest"], "an extension of an editor"),
        ("a.whl", ["a/__init__.py", "a-1.dist-info/WHEEL"], "a Python package"),
        ("a.nupkg", ["a.nuspec", "lib/a.dll"], "a NuGet package"),
    ],
)
def test_other_containers_of_programs_are_one_failure(
    partitioner: Partitioner, name: str, parts: list[str], says: str
) -> None:
    with pytest.raises(UnreadableDocument, match=f"^{name} is {says}"):
        partitioner.partition(zipped(dict.fromkeys(parts, b"{}")), name=name)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("application/vnd.oasis.opendocument.graphics", "Save it as .odt, .ods or PDF."),
        ("application/vnd.oasis.opendocument.presentation", "Save it as .odt, .ods or PDF."),
        ("application/vnd.adobe.indesign-idml-package", "Save it as PDF."),
        ("image/openraster", "Save it as PDF."),
    ],
)
def test_a_container_that_names_its_kind_is_one_failure(partitioner: Partitioner, kind: str, advice: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        partitioner.partition(zipped({"mimetype": kind.encode(), "content.xml": b"<x/>"}), name="a.bin")

    assert caught.value.message == f"a.bin is {kind}, which is not read. {advice}"


def test_an_archive_of_sources_stays_one(partitioner: Partitioner) -> None:
    """What lies deeper, or is only half of what a program writes, makes no program's file."""
    parts = ["AndroidManifest.xml", "META-INF/MANIFEST.MF", "app/visio/document.xml", "meta.json", "mimetype"]
    found = partitioner.partition(zipped(dict.fromkeys(parts, b"some words")), name="a.zip")

    assert len(found.attachments) == len(parts)


def test_an_archive_holds_one_document_for_each_of_them(partitioner: Partitioner) -> None:
    """Also where its members are looked through for who may read them."""
    members = {"a.pages": zipped(IWA), "b.jar": zipped({"META-INF/MANIFEST.MF": b"x"}), "c.txt": b"One."}
    found = partitioner.partition(zipped(members), name="all.zip")

    assert [one.name for one in found.attachments] == ["a.pages", "b.jar", "c.txt"]
