"""Reader of e-mail (RFC 5322)."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from core.errors import UnreadableDocument
from core.metadata import Metadata
from ingestion.partitioning.decoding import decode
from ingestion.partitioning.markup import read_html, read_text
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import Reading, clean

_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_HEADERS = ("From", "To", "Cc", "Date", "Subject")


def read_email(content: bytes, name: str) -> Reading:
    """The message's headers that people search for, then its body; attachments are left out and named.

    Body and headers are taken apart here and not by unstructured, whose reader asks for OCR as soon as a message has
    a picture attached; the body's HTML is then unstructured's again.
    """
    message = message_from_bytes(content, policy=policy.default)
    if message.get_content_type() in _ENCRYPTED:
        raise UnreadableDocument(f"{name} is encrypted. Save a decrypted copy and sync again.")
    headers = {header: _header(message, header) for header in _HEADERS}
    lines = [f"{header}: {value}" for header, value in headers.items() if value]
    body = _body(message, name)
    elements = [Element(kind=ElementKind.TEXT, text="\n".join(lines))] if lines and body.elements else []
    elements += body.elements
    metadata = Metadata(title=headers["Subject"], created=_moment(message))
    return Reading(elements, metadata, [*body.warnings, *_left_out(message)])


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(clean(str(message.get(name) or "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):
        # The standard library's header parser fails on some malformed ones; the raw line is better than nothing.
        raw = dict(message.raw_items()).get(name, "")
        return " ".join(clean(str(raw)).split())


def _body(message: EmailMessage, name: str) -> Reading:
    part = message.get_body(preferencelist=("html", "plain"))
    if part is None:
        return Reading([])
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        raise UnreadableDocument(f"{name}: the message's body can't be decoded.")
    charset = part.get_content_charset()
    try:
        text, warnings = content.decode(charset or "utf-8").replace("\r\n", "\n"), []
    except (LookupError, UnicodeDecodeError):
        text, told = decode(content, name)
        warnings = list(told)
    body = read_html(text) if part.get_content_type() == "text/html" else read_text(text)
    body.warnings += warnings
    return body


def _left_out(message: EmailMessage) -> list[str]:
    try:
        names = [part.get_filename() or part.get_content_type() for part in message.iter_attachments()]
    except (AttributeError, KeyError, TypeError):
        return []
    return [f"{len(names)} attachments were left out: {', '.join(names[:10])}."] if names else []


def _moment(message: EmailMessage) -> datetime | None:
    try:
        moment = message["Date"].datetime
    except (AttributeError, ValueError, TypeError, IndexError):
        return None
    if not isinstance(moment, datetime):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
