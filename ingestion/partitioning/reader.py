"""One document read in this process, whatever its format. Runs in a child that can be killed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import PurePosixPath

from core.errors import DocumentError, DocumentTooLarge, UnreadableDocument
from ingestion.partitioning.containers.archives import read_zip
from ingestion.partitioning.containers.message import attached_to_email, attached_to_msg, read_email, read_msg
from ingestion.partitioning.finishing import finish
from ingestion.partitioning.inner_readers import inner_readers
from ingestion.partitioning.kinds import told_kind
from ingestion.partitioning.media_types import Detected, detect
from ingestion.partitioning.ocr.images import read_image
from ingestion.partitioning.office import open_xml, spreadsheets
from ingestion.partitioning.office.converted import read_old_office, read_with_pandoc
from ingestion.partitioning.office.open_document import read_ods
from ingestion.partitioning.pdf.reader import PdfOptions, read_pdf
from ingestion.partitioning.port import Attachment, Partition
from ingestion.partitioning.reading import Reading
from ingestion.partitioning.sidecars import is_sidecar
from ingestion.partitioning.text import markup
from ingestion.partitioning.text.delimited import read_delimited


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one document may give.

    Attributes:
        text_bytes: of its text, in UTF-8.
        attachments: how many files it may hold.
        unpacked_bytes: of all of them together.
    """

    text_bytes: int
    attachments: int
    unpacked_bytes: int


_FROM_TEXT: dict[str, Callable[[str, str], Reading]] = {
    "markdown": markup.read_markdown,
    "html": markup.read_html,
    "text": lambda text, _: markup.read_text(text),
    "json": lambda text, _: markup.read_json(text),
    "xml": lambda text, _: markup.read_xml(text),
    "csv": read_delimited,
    "tsv": partial(read_delimited, delimiter="\t"),
    "rst": lambda text, name: read_with_pandoc(text.encode(), name, "rst"),
    "org": lambda text, name: read_with_pandoc(text.encode(), name, "org"),
}
_FROM_BYTES: dict[str, Callable[[bytes, str], Reading]] = {
    "docx": open_xml.read_docx,
    "pptx": open_xml.read_pptx,
    "xlsx": spreadsheets.read_xlsx,
    "xls": spreadsheets.read_xls,
    "ods": read_ods,
    "email": read_email,
    "msg": read_msg,
    "doc": partial(read_old_office, kind="doc"),
    "ppt": partial(read_old_office, kind="ppt"),
    "odt": partial(read_with_pandoc, kind="odt"),
    "rtf": partial(read_with_pandoc, kind="rtf"),
    "epub": partial(read_with_pandoc, kind="epub"),
}
_PARSERS = {
    "pdf": "pdfminer.six",
    "xlsx": "openpyxl",
    "xls": "xlrd",
    "ods": "python-calamine",
    "csv": "footnote",
    "tsv": "footnote",
    "text": "footnote",
    "json": "footnote",
    "zip": "footnote",
    "image": "footnote",
}
"""What reads a kind, where it isn't unstructured."""


def read_document(
    content: bytes, *, name: str, media_type: str | None, limits: Limits, pdf_options: PdfOptions | None = None
) -> Partition:
    """Read one document. One without a word in it gives its title as its only element, and says so in a warning.

    Raises:
        UnreadableDocument, EmptyDocument, DocumentTooLarge: as the port says.
    """
    detected = detect(content, name, media_type)
    reading = _read(detected, content, name, limits, pdf_options)
    reading.attachments[:] = _bounded(reading.attachments, name, limits)
    _heed_statements(reading, limits)
    return finish(reading, detected, name=name, parser=_parser(detected.kind), text_bytes=limits.text_bytes)


def _bounded(attachments: list[Attachment], name: str, limits: Limits) -> tuple[Attachment, ...]:
    if len(attachments) > limits.attachments:
        limit = f"parsing.max_attachments = {limits.attachments}"
        raise DocumentTooLarge(f"{name} has {len(attachments)} attachments; {limit}. Split it, or raise the limit.")
    if sum(len(one.content) for one in attachments) > limits.unpacked_bytes:
        limit = f"parsing.max_unpacked_mb = {limits.unpacked_bytes // 1_000_000}"
        raise DocumentTooLarge(f"{name} has attachments larger than {limit} allows. Split it, or raise the limit.")
    return tuple(attachments)


def _heed_statements(reading: Reading, limits: Limits) -> None:
    """Take note of what sidecars and front matter in the document say of its readers; sidecars are no documents."""
    reading.readers = inner_readers(reading.attachments, partial(_files_in, limits=limits))
    documents = [one for one in reading.attachments if not is_sidecar(PurePosixPath(one.name).name)]
    if sidecars := len(reading.attachments) - len(documents):
        what = "they restrict who may read all of it, and what else they say doesn't count"
        reading.warnings.append(f"{sidecars} sidecars in it were left out: {what}.")
    reading.attachments[:] = documents


def _files_in(attachment: Attachment, limits: Limits) -> Sequence[Attachment]:
    """What lies in a file that lies in a document, without reading more of it than that takes."""
    content, name = attachment.content, attachment.name
    told = told_kind(name, attachment.media_type)
    if content.startswith(b"PK") and detect(content, name).kind == "zip":
        return read_zip(content, name, max_members=limits.attachments, max_bytes=limits.unpacked_bytes).attachments
    if told in ("email", "msg") or (told in ("text", None) and b"multipart/" in content.lower()):
        kind = detect(content, name, attachment.media_type).kind
        if kind in ("email", "msg"):
            return (attached_to_email if kind == "email" else attached_to_msg)(content, name)
    return ()


@cache  # a version is read from the files of its package, each time
def _parser(kind: str) -> str:
    package = _PARSERS.get(kind, "unstructured")
    # Of a checkout, a parser may read the code but not what says its version.
    known: str | None = version(package)
    return f"{package} {known}" if known else package


def _read(detected: Detected, content: bytes, name: str, limits: Limits, pdf_options: PdfOptions | None) -> Reading:
    kind = detected.kind
    try:
        if kind == "zip":
            return read_zip(content, name, max_members=limits.attachments, max_bytes=limits.unpacked_bytes)
        if kind == "email" and b"\x00" in content and detected.text is not None:
            return read_email(detected.text.encode(), name)
        if kind == "pdf":
            return read_pdf(content, name, pdf_options)
        if kind == "image":
            return read_image(content, name, pdf_options or PdfOptions())
        if kind in _FROM_BYTES:
            return _FROM_BYTES[kind](content, name)
        return _FROM_TEXT[kind](detected.text or "", name)
    except (DocumentError, MemoryError):
        raise
    except RecursionError:
        raise UnreadableDocument(f"{name} can't be read as {kind}: it is nested too deeply.") from None
    except Exception as error:  # the parsers raise anything at all on broken files
        raise _explained(error, kind, name) from error


def _explained(error: Exception, kind: str, name: str) -> UnreadableDocument:
    if isinstance(error, ImportError):
        missing = error.name or "a package"
        return UnreadableDocument(
            f"{name} needs the Python package {missing} to be read as {kind}, which is not installed, or not whole. "
            "Install Footnote's requirements anew."
        )
    text = " ".join(str(error).split())
    if "password" in text.casefold() or "encrypt" in text.casefold():
        return UnreadableDocument(f"{name} is encrypted. Save a copy without a password and sync again.")
    reason = f"{type(error).__name__}: {text}"[:200]
    return UnreadableDocument(f"{name} can't be read as {kind}; it is probably corrupt ({reason}).")
