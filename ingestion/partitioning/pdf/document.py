"""Opening a PDF: its password, its properties, its pages, and the limits on what it may ask for."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any

from pdfminer.pdfdocument import PDFDocument, PDFEncryptionError, PDFPasswordIncorrect
from pdfminer.pdfexceptions import PDFException
from pdfminer.pdfpage import PDFPage
from pdfminer.pdfparser import PDFParser
from pdfminer.pdftypes import resolve1
from pdfminer.psexceptions import PSException
from pdfminer.utils import decode_text

from core.errors import DocumentTooLarge, UnreadableDocument
from core.metadata import Metadata
from ingestion.partitioning.reading import clean

MOST_OBJECTS = 500_000
"""Objects of a file above which it is refused: a page of a book has some ten."""

BROKEN = (
    PDFException,
    PSException,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    AssertionError,
    RecursionError,
    OverflowError,
    ZeroDivisionError,
    NotImplementedError,
    OSError,
    struct.error,
    zlib.error,
)
"""What pdfminer raises on files that are broken, besides its own errors."""
_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:Z|([+-])(\d{2})'?(\d{2})?)?")
_PROGRAM_TITLES = re.compile(
    r"microsoft (word|powerpoint|excel) - |\(?(untitled|anonymous|unspecified)\)?$", re.IGNORECASE
)


class OpenPdf:
    """A PDF that could be opened.

    Attributes:
        content: its bytes, repaired if need be.
        password: that opened it; empty for most.
        repaired: whether it was broken.

    Args:
        passwords: tried one after another on a file that asks for one.
        most_pages: pages above which it is refused.

    Raises:
        UnreadableDocument: it is encrypted and no password fits, or it is broken beyond repair.
        DocumentTooLarge: more pages or objects than may be.
    """

    def __init__(self, content: bytes, name: str, passwords: Sequence[str], most_pages: int) -> None:
        self.content = content
        self.repaired = False
        self._name = name
        self._most_pages = most_pages
        reason = self._load(content, passwords)
        if reason is not None:
            mended = _mended(content, passwords)
            if mended is not None:
                self.content, self.repaired = mended, True
            if mended is None or self._load(mended, ()) is not None:
                raise UnreadableDocument(f"{name} can't be read as pdf; it is probably corrupt ({reason}).")

    def _load(self, content: bytes, passwords: Sequence[str]) -> str | None:
        """Open it and list its pages; why that can't be done, or None."""
        try:
            self._document, self.password = self._open(content, passwords)
            self._check_objects()
            self.pages = self._list(self._most_pages)
        except BROKEN as error:
            return _said(error)
        return None if self.pages else "it has no pages"

    def _open(self, content: bytes, passwords: Sequence[str]) -> tuple[PDFDocument, str]:
        for password in ("", *passwords):
            try:
                return PDFDocument(PDFParser(io.BytesIO(content)), password=password), password
            except PDFPasswordIncorrect:
                continue
            except PDFEncryptionError as error:
                raise UnreadableDocument(
                    f"{self._name} is encrypted in a way that is not read ({_said(error)})."
                ) from None
        if passwords:
            hint = "None of parsing.pdf_passwords opens it: add its password"
        else:
            hint = "Add its password to parsing.pdf_passwords"
        raise UnreadableDocument(f"{self._name} is encrypted. {hint}, or save a copy without one.")

    def _check_objects(self) -> None:
        objects = 0
        for xref in self._document.xrefs:
            objects += sum(1 for _ in islice(xref.get_objids(), MOST_OBJECTS + 1))
        if objects > MOST_OBJECTS:
            raise DocumentTooLarge(f"{self._name} has more than {MOST_OBJECTS:,} objects. Print it to a new PDF.")

    def _list(self, most_pages: int) -> list[PDFPage]:
        pages = list(islice(PDFPage.create_pages(self._document), most_pages + 1))
        if len(pages) > most_pages:
            limit = f"parsing.max_pages = {most_pages}"
            raise DocumentTooLarge(f"{self._name} has more pages than {limit} allows. Split it, or raise the limit.")
        return pages

    def metadata(self) -> Metadata:
        """Its properties; empty where they can't be read."""
        try:
            information: dict[str, Any] = {}
            for found in self._document.info:
                information |= {key: resolve1(value) for key, value in found.items()}
            title = " ".join(clean(_text(information.get("Title"))).split())
            return Metadata(
                title="" if _PROGRAM_TITLES.match(title) else title,
                author=" ".join(clean(_text(information.get("Author"))).split()) or None,
                created=_moment(information.get("CreationDate")),
                modified=_moment(information.get("ModDate")),
            )
        except BROKEN:
            return Metadata()


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200].rstrip(": ")


def _mended(content: bytes, passwords: Sequence[str]) -> bytes | None:
    """The file as PDFium understands it, written anew; None if that finds no page either."""
    import pypdfium2 as pdfium  # noqa: PLC0415

    for password in (None, *passwords):
        try:
            document = pdfium.PdfDocument(content, password=password)
        except pdfium.PdfiumError:
            continue
        with document:
            if len(document):
                written = io.BytesIO()
                document.save(written)
                return written.getvalue()
    return None


def _text(value: Any) -> str:
    return decode_text(value) if isinstance(value, bytes) else str(value or "")


def _moment(value: Any) -> datetime | None:
    """A PDF date (ISO 32000-1, 7.9.4), such as D:20250331120000+02'00'."""
    found = _DATE.match(_text(value))
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups()[:6])
    zone = timezone(timedelta(0))
    if found[7]:
        offset = timedelta(hours=int(found[8]), minutes=int(found[9] or 0))
        zone = timezone(offset if found[7] == "+" else -offset) if offset < timedelta(hours=24) else zone
    try:
        moment = datetime(year or 1, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
