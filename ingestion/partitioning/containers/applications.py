"""ZIP containers that are a program's own file: one document, or one failure, and never an archive of their parts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.errors import UnreadableDocument
from ingestion.partitioning.containers.archives import unpack
from ingestion.partitioning.pdf.reader import PdfOptions, read_pdf
from ingestion.partitioning.reading import Reading

IWORK = {".pages": "pages", ".numbers": "numbers", ".key": "keynote"}
_PREVIEWS = ("QuickLook/Preview.pdf", "preview.pdf", "Preview.pdf")
"""Where an iWork file keeps itself as a PDF, if it was saved with a preview of its pages."""
_EXPORT = {"pages": "PDF or Word", "numbers": "PDF or Excel", "keynote": "PDF or PowerPoint"}

Parts = Collection[str]


@dataclass(frozen=True, slots=True)
class _Application:
    """A program's container that isn't read.

    Attributes:
        what: the file, with its article.
        advice: what to do.
        endings: of names. A name alone is no proof that a file is more than an archive.
        holds: whether these parts are such a file's; not asked where the name says so.
    """

    what: str
    advice: str
    endings: tuple[str, ...]
    holds: Callable[[Parts], bool]


_DRAWING = "Export it as PDF."
_PROGRAM = "Programs are no documents: leave it out of the source."
_APPLICATIONS = (
    _Application("a Sketch drawing", _DRAWING, (".sketch",), lambda parts: {"document.json", "meta.json"} <= {*parts}),
    _Application(
        "a Visio drawing",
        _DRAWING,
        (".vsdx", ".vsdm", ".vstx", ".vssx"),
        lambda parts: "visio/document.xml" in parts,
    ),
    _Application("an Adobe XD design", _DRAWING, (".xd",), lambda parts: "artwork/artboard-" in "".join(parts)),
    _Application("an XPS document", _DRAWING, (".xps", ".oxps"), lambda parts: "FixedDocumentSequence.fdseq" in parts),
    _Application(
        "an Android app",
        _PROGRAM,
        (".apk", ".aab", ".aar"),
        lambda parts: "AndroidManifest.xml" in parts and ("classes.dex" in parts or "resources.arsc" in parts),
    ),
    _Application("an iOS app", _PROGRAM, (".ipa",), lambda parts: any(_is_ios_app(part) for part in parts)),
    _Application(
        "a Java archive",
        _PROGRAM,
        (".jar", ".war", ".ear"),
        lambda parts: "META-INF/MANIFEST.MF" in parts and any(part.endswith(".class") for part in parts),
    ),
    _Application("an add-on of a browser", _PROGRAM, (".xpi", ".crx"), lambda parts: "META-INF/mozilla.rsa" in parts),
    _Application("an extension of an editor", _PROGRAM, (".vsix",), lambda parts: "extension.vsixmanifest" in parts),
    _Application("a Python package", _PROGRAM, (".whl", ".egg"), lambda parts: any(_is_wheel(part) for part in parts)),
    _Application(
        "a NuGet package", _PROGRAM, (".nupkg", ".snupkg"), lambda parts: any(_is_nuspec(part) for part in parts)
    ),
)


def iwork_kind(parts: Parts, name: str) -> str | None:
    """``pages``, ``numbers`` or ``keynote``, if these are the parts of such a file; None if they are not."""
    inner = {_inside(part) for part in parts}
    modern = "Index.zip" in inner or any(part.startswith("Index/") and part.endswith(".iwa") for part in inner)
    old = next((part for part in inner if part.removesuffix(".gz") in ("index.apxl", "index.xml")), None)
    if not modern and (old is None or "buildVersionHistory.plist" not in inner):
        return None
    if named := IWORK.get(PurePosixPath(name).suffix.lower()):
        return named
    slides = any(part.startswith(("Index/Slide", "Index/MasterSlide", "index.apxl")) for part in inner)
    return "keynote" if slides else "pages"


def refuse_application(parts: Parts, name: str) -> None:
    """Refuse a program's container that isn't read.

    Raises:
        UnreadableDocument: it is one; the message says of which kind, and what to do.
    """
    ending = PurePosixPath(name).suffix.lower()
    for one in _APPLICATIONS:
        if ending in one.endings or one.holds(parts):
            raise UnreadableDocument(f"{name} is {one.what}, which is not read. {one.advice}")


def read_iwork(content: bytes, name: str, kind: str, options: PdfOptions | None, *, max_bytes: int) -> Reading:
    """What a file of Pages, Numbers or Keynote says, by the PDF of its pages that it keeps.

    Raises:
        UnreadableDocument: it keeps none, for what it says itself is in a format that Apple doesn't publish.
        DocumentTooLarge: the PDF is larger than may be unpacked, or packed as bombs are.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = {_inside(member.filename): member for member in archive.infolist()}
        preview = next((found[path] for path in _PREVIEWS if path in found), None)
        data = b"" if preview is None else unpack(archive, preview, name, max_bytes)
    if b"%PDF-" not in data[:1024]:
        raise UnreadableDocument(
            f"{name} is a {kind.capitalize()} document without a PDF of its pages in it, so it can't be read. "
            f"Export it as {_EXPORT[kind]}."
        )
    reading = read_pdf(data, name, options)
    reading.warnings.append(f"It was read by the PDF in it ({preview.filename if preview else ''}), as last saved.")
    return reading


def _inside(part: str) -> str:
    """A part's path within the document, which may be packed with its folder around it."""
    top, _, below = part.partition("/")
    return below if PurePosixPath(top).suffix.lower() in IWORK else part


def _is_ios_app(part: str) -> bool:
    return part.startswith("Payload/") and ".app/" in part


def _is_wheel(part: str) -> bool:
    return part.count("/") == 1 and part.endswith((".dist-info/WHEEL", "EGG-INFO/PKG-INFO"))


def _is_nuspec(part: str) -> bool:
    return "/" not in part and part.endswith(".nuspec")
