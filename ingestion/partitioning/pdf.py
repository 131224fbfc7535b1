"""Reader of PDF: its text layer, with pages.

pdfminer is called directly: unstructured's own way to it imports its layout models (and with them torch) even for the
strategy that uses none, and it takes any short line for a heading, where the type's size says what is one.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from core.errors import EmptyDocument, UnreadableDocument
from core.metadata import Metadata
from ingestion.partitioning.pdf_layout import Block, read_blocks, to_elements
from ingestion.partitioning.reading import Reading, clean, leave_out_furniture

_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:Z|([+-])(\d{2})'?(\d{2})?)?")
_PROGRAM_TITLES = re.compile(
    r"microsoft (word|powerpoint|excel) - |\(?(untitled|anonymous|unspecified)\)?$", re.IGNORECASE
)
_MOST_LISTED = 20


def read_pdf(content: bytes, name: str) -> Reading:
    """The text that the PDF itself holds. Pages without any, as scanned ones are, are named in a warning.

    Raises:
        UnreadableDocument: encrypted with a password, or broken.
        EmptyDocument: not a letter in it, as in a scan.
    """
    metadata = _inspect(content, name)
    blocks: list[Block] = []
    empty: list[int] = []
    for page, found in enumerate(read_blocks(content), start=1):
        blocks += found
        if not found:
            empty.append(page)
    if not blocks:
        raise EmptyDocument(f"{name} has no text on its {len(empty)} pages: probably a scan, and OCR is not set up.")
    reading = leave_out_furniture(to_elements(blocks))
    reading.metadata = metadata
    if empty:
        listed = ", ".join(map(str, empty[:_MOST_LISTED])) + (" and more" if len(empty) > _MOST_LISTED else "")
        reading.warnings.append(f"No text on page {listed}: empty or scanned, and OCR is not set up.")
    return reading


def _inspect(content: bytes, name: str) -> Metadata:
    """Its properties, after finding out whether it can be opened without a password."""
    from pypdf import PasswordType, PdfReader  # noqa: PLC0415
    from pypdf.errors import PyPdfError  # noqa: PLC0415

    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise UnreadableDocument(f"{name} is encrypted. Save a copy without a password and sync again.")
        return _metadata(dict(reader.metadata or {}))
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        # pypdf is stricter than pdfminer, which reads some files that this can't open.
        if b"/Encrypt" in content[-4096:]:
            raise UnreadableDocument(f"{name} is encrypted in a way that is not read ({error}).") from None
        return Metadata()


def _metadata(information: dict[str, Any]) -> Metadata:
    title = clean(str(information.get("/Title") or "")).strip()
    return Metadata(
        title="" if _PROGRAM_TITLES.match(title) else title,
        created=_moment(information.get("/CreationDate")),
        modified=_moment(information.get("/ModDate")),
    )


def _moment(value: Any) -> datetime | None:
    """A PDF date (ISO 32000-1, 7.9.4), such as D:20250331120000+02'00'."""
    found = _DATE.match(str(value or ""))
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups()[:6])
    zone = timezone(timedelta(0))
    if found[7]:
        offset = timedelta(hours=int(found[8]), minutes=int(found[9] or 0))
        zone = timezone(offset if found[7] == "+" else -offset) if offset < timedelta(hours=24) else zone
    try:
        return datetime(year or 1, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=zone).astimezone(
            UTC
        )
    except (ValueError, OverflowError):
        return None
