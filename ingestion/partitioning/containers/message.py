"""Readers of e-mail: RFC 5322 (EML) and Outlook's own files (MSG)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

from core.errors import UnreadableDocument
from core.metadata import Metadata
from ingestion.partitioning.containers.quoted_replies import FORWARD, REPLY, without_html_quotes, without_quotes
from ingestion.partitioning.port import Attachment, Element, ElementKind
from ingestion.partitioning.reading import Reading, clean
from ingestion.partitioning.text.decoding import decode
from ingestion.partitioning.text.markup import read_html, read_text
from ingestion.secret_files import data_folders, secret_file

_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
Packed = tuple[str, bytes, str | None]
"""A file in a document: its name, its bytes, and its media type if the document says that."""
_HEADERS = ("From", "To", "Cc", "Date", "Subject")


def read_email(content: bytes, name: str) -> Reading:
    """The message's headers that people search for, then its body; attachments become documents of their own.

    Body and headers are taken apart here and not by unstructured, whose reader asks for OCR as soon as a message has
    a picture attached; the body's HTML is then unstructured's again.
    """
    message = message_from_bytes(content, policy=policy.default)
    if message.get_content_type() in _ENCRYPTED:
        raise UnreadableDocument(f"{name} is encrypted. Save a decrypted copy and sync again.")
    headers = {header: _header(message, header) for header in _HEADERS}
    answers = bool(_header(message, "In-Reply-To") or _header(message, "References"))
    text, is_html, warnings = _body(message, name)
    reading = _reading(headers, text, name, is_html=is_html, answers=answers)
    reading.warnings += warnings
    reading.metadata = Metadata(title=headers["Subject"], author=headers["From"] or None, created=_moment(message))
    attach(reading, _attachments(message, name, reading.warnings))
    return reading


def _reading(headers: dict[str, str], text: str, name: str, *, is_html: bool, answers: bool) -> Reading:
    """Headers and body; a reply's quotes are left out, a forwarded message is not: there it is the only copy."""
    subject = headers["Subject"]
    dropped = 0
    if (answers or REPLY.match(subject)) and not FORWARD.match(subject):
        text, dropped = without_html_quotes(text) if is_html else without_quotes(text)
    body = read_html(text, name) if is_html and text.strip() else read_text(text)
    lines = [f"{header}: {value}" for header, value in headers.items() if value]
    if lines:
        body.elements.insert(0, Element(kind=ElementKind.TEXT, text="\n".join(lines)))
    if dropped:
        what = "pieces" if is_html else "lines"
        body.warnings.append(f"{dropped} {what} quoted from the message that this one answers were left out.")
    return body


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(clean(str(message.get(name) or "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):
        # The standard library's header parser fails on some malformed ones; the raw line is better than nothing.
        raw = dict(message.raw_items()).get(name, "")
        return " ".join(clean(str(raw)).split())


def _body(message: EmailMessage, name: str) -> tuple[str, bool, list[str]]:
    """The body's text, whether it is HTML, and warnings."""
    part = message.get_body(preferencelist=("html", "plain"))
    if part is None:
        return "", False, []
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        raise UnreadableDocument(f"{name}: the message's body can't be decoded.")
    text, warnings = _decoded(content, part.get_content_charset(), name)
    return text, part.get_content_type() == "text/html", warnings


def _decoded(content: bytes, charset: str | None, name: str) -> tuple[str, list[str]]:
    try:
        return content.decode(charset or "utf-8").replace("\r\n", "\n"), []
    except (LookupError, UnicodeDecodeError):
        text, told = decode(content, name)
        return text, list(told)


def _attachments(message: EmailMessage, name: str, warnings: list[str]) -> list[Packed]:
    try:
        parts = list(message.iter_attachments())
    except (AttributeError, KeyError, TypeError):
        # A message of a single part that calls itself multipart, and the like.
        return []
    found: list[Packed] = []
    for number, part in enumerate(parts, start=1):
        label = part.get_filename() or f"part-{number}{_ending(part.get_content_type())}"
        try:
            content = _content(part)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            warnings.append(f"The attachment {label} of {name} can't be decoded ({error}) and was left out.")
            continue
        found.append((label, content, part.get_content_type()))
    return found


def attached_to_email(content: bytes, name: str) -> list[Attachment]:
    """The attachments of a message alone."""
    return named(_attachments(message_from_bytes(content, policy=policy.default), name, []))


def _content(part: Any) -> bytes:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    # A message within the message, or a digest of several.
    inner = part.get_payload()
    return b"\n\n".join(piece.as_bytes() for piece in inner) if isinstance(inner, list) else str(inner).encode()


def _ending(media_type: str) -> str:
    from mimetypes import guess_extension  # noqa: PLC0415

    return ".eml" if media_type == "message/rfc822" else guess_extension(media_type) or ""


def attach(reading: Reading, found: Sequence[Packed]) -> None:
    """Give a reading what was packed into its document, and say which files are none because they are secret."""
    plain_names = [_plain(label) for label, _, _ in found]
    data = data_folders(plain_names)
    for plain, one in zip(plain_names, named(found), strict=True):
        if (secret := secret_file(plain, one.content, data)) is not None:
            reading.secrets.append(f"{one.name} in it was left out, for it is never a document: {secret}.")
        else:
            reading.attachments.append(one)


def named(found: Sequence[Packed]) -> list[Attachment]:
    """The files under names that are all different, without control characters or an empty part of a path."""
    used: set[str] = set()
    files = []
    for label, content, media_type in found:
        plain = _plain(label)
        name, number = plain, 2
        while name in used:
            stem, dot, ending = plain.rpartition(".")
            name = f"{stem} ({number}).{ending}" if dot else f"{plain} ({number})"
            number += 1
        used.add(name)
        files.append(Attachment(name=name, content=content, media_type=media_type))
    return files


def _plain(label: str) -> str:
    pieces = (" ".join(clean(piece).split()) for piece in label.replace("\\", "/").split("/"))
    return "/".join(piece for piece in pieces if piece not in ("", ".", "..")).replace("!/", "/") or "unnamed"


def _moment(message: EmailMessage) -> datetime | None:
    try:
        moment = message["Date"].datetime
    except (AttributeError, ValueError, TypeError, IndexError):
        return None
    return _aware(moment)


def _aware(moment: Any) -> datetime | None:
    if not isinstance(moment, datetime):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_msg(content: bytes, name: str) -> Reading:
    """Outlook's message files, as :func:`read_email` gives messages."""
    from oxmsg import Message  # noqa: PLC0415

    message = Message.load(io.BytesIO(content))
    headers = dict(message.message_headers or {})
    if any(kind in str(headers.get("Content-Type", "")) for kind in _ENCRYPTED) or _is_sealed(message):
        raise UnreadableDocument(f"{name} is encrypted. Save a decrypted copy and sync again.")
    shown = {
        "From": message.sender or "",
        "To": headers.get("To") or ", ".join(one.name or one.email_address for one in message.recipients),
        "Cc": headers.get("Cc", ""),
        "Date": headers.get("Date", ""),
        "Subject": message.subject or "",
    }
    shown = {key: " ".join(clean(str(value)).split()) for key, value in shown.items()}
    text, is_html = (message.html_body, True) if message.html_body else (message.body or "", False)
    reading = _reading(shown, text, name, is_html=is_html, answers="In-Reply-To" in headers)
    created = _aware(message.sent_date) or _sent(shown["Date"])
    reading.metadata = Metadata(title=shown["Subject"], author=shown["From"] or None, created=created)
    parts = list(message.attachments)
    found = _files_of(message)
    attach(reading, found)
    lost = len(parts) - len(found)
    if lost:
        reading.warnings.append(f"{lost} attachments hold no file (a message or a link) and were left out.")
    return reading


def attached_to_msg(content: bytes, _name: str) -> list[Attachment]:
    """The attachments of one of Outlook's messages alone."""
    from oxmsg import Message  # noqa: PLC0415

    return named(_files_of(Message.load(io.BytesIO(content))))


def _files_of(message: Any) -> list[Packed]:
    return [
        (one.file_name or f"part-{number}", one.file_bytes, one.mime_type)
        for number, one in enumerate(message.attachments, start=1)
        if one.file_bytes is not None
    ]


def _is_sealed(message: Any) -> bool:
    return "smime" in (message.message_class or "").casefold()


def _sent(value: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(value))
    except (ValueError, TypeError, IndexError):
        return None
