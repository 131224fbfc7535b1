"""What a file is, by its bytes. The name decides only between kinds of text, which bytes can't tell apart."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import PurePosixPath

from core.errors import EmptyDocument, UnreadableDocument
from ingestion.partitioning.decoding import decode

MEDIA_TYPES = {
    "markdown": "text/markdown",
    "html": "text/html",
    "text": "text/plain",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "xml": "application/xml",
    "email": "message/rfc822",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Every kind of document that is read, and its media type."""

_SUFFIXES = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".xml": "xml",
    ".eml": "email",
    ".pdf": "pdf",
    ".docx": "docx",
    ".docm": "docx",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".txt": "text",
    ".text": "text",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE_PARTS = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}
_HTML = re.compile(r"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*(\s[^<>]*)?/?>")
_HEADER = re.compile(
    rb"^(from|to|subject|date|mime-version|received|return-path|message-id|content-type):", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Detected:
    """What a file turned out to be. ``text`` is its decoded content, None for binary kinds."""

    kind: str
    text: str | None = None
    warnings: tuple[str, ...] = ()


def detect(content: bytes, name: str, media_type: str | None = None) -> Detected:
    """Tell a file's kind.

    Args:
        name: its file name; only its ending is looked at.
        media_type: what the source says it is, if it does.

    Raises:
        EmptyDocument: no bytes, or nothing but white space.
        UnreadableDocument: a kind that isn't read, an encrypted Office file, or bytes that are no kind at all.
    """
    if not content.strip(b" \t\r\n\x00"):
        raise EmptyDocument(f"{name} is empty.")
    told = _told(name, media_type)
    kind = _binary_kind(content, name)
    if kind is not None:
        return Detected(kind, None, _misnamed(name, told, kind))
    text, warnings = decode(content, name)
    if not text.strip("\ufeff \t\r\n\f\v\u00a0"):
        raise EmptyDocument(f"{name} is empty.")
    kind = _text_kind(content, text, told)
    return Detected(kind, text, (*warnings, *_misnamed(name, told, kind)))


def _told(name: str, media_type: str | None) -> str | None:
    by_type = {told: kind for kind, told in MEDIA_TYPES.items()}
    return _SUFFIXES.get(PurePosixPath(name).suffix.lower()) or by_type.get(media_type or "")


def _misnamed(name: str, told: str | None, kind: str) -> tuple[str, ...]:
    # Any text may be called .txt; that is no reason to warn anybody.
    if told in (None, kind, "text"):
        return ()
    return (f"{name} is named like {told} but is {kind}; it was read as {kind}.",)


def _binary_kind(content: bytes, name: str) -> str | None:
    if b"%PDF-" in content[:1024]:
        return "pdf"
    if content.startswith(b"PK\x03\x04"):
        return _zip_kind(content, name)
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise UnreadableDocument(f"{name} is encrypted. Save a copy without a password and sync again.")
        raise UnreadableDocument(
            f"{name} is in an old Office format (.doc, .xls, .ppt or .msg), which is not read. "
            "Save it as .docx, .xlsx, .pptx or .eml."
        )
    if content.startswith(b"{\\rtf"):
        raise UnreadableDocument(f"{name} is RTF, which is not read. Save it as .docx.")
    _refuse_other_binaries(content, name)
    return None


def _zip_kind(content: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise UnreadableDocument(f"{name} is corrupt: its zip container can't be opened ({error}).") from None
    if "[Content_Types].xml" in parts:
        for prefix, kind in _OFFICE_PARTS.items():
            if any(part.startswith(prefix) for part in parts):
                return kind
    raise UnreadableDocument(f"{name} is a zip file, but not .docx, .pptx or .xlsx. Unpack it into the source.")


def _refuse_other_binaries(content: bytes, name: str) -> None:
    import filetype  # type: ignore[import-untyped]  # noqa: PLC0415

    guess = filetype.guess(content[:8192])
    if guess is None or guess.mime.startswith("text/"):
        return
    if guess.mime.startswith("image/"):
        raise UnreadableDocument(f"{name} is an image ({guess.mime}); reading text from images (OCR) is not set up.")
    raise UnreadableDocument(f"{name} is {guess.mime}, which is not read.")


def _text_kind(content: bytes, text: str, told: str | None) -> str:
    start = text[:4096].lstrip("\ufeff \t\r\n")
    if told in ("markdown", "csv", "tsv"):
        return told
    if told in ("email", "text", None) and _looks_like_email(content):
        return "email"
    if told == "html":
        return "html" if _TAG.search(text) else "text"
    if start.startswith("<"):
        return _marked_up_kind(start, told)
    return "json" if told == "json" and _is_json(text) else "text"


def _marked_up_kind(start: str, told: str | None) -> str:
    if told != "xml" and _HTML.search(start[:2048]):
        return "html"
    return "xml" if told == "xml" or start.startswith("<?xml") else "text"


def _looks_like_email(content: bytes) -> bool:
    """At least two of a message's usual headers, before the first blank line."""
    head = re.split(rb"\r?\n\r?\n", content.removeprefix(b"\xef\xbb\xbf").lstrip()[:65536], maxsplit=1)[0]
    if not re.match(rb"[A-Za-z][A-Za-z0-9-]*:", head) and not head.startswith(b"From "):
        return False
    return len({found.lower() for found in _HEADER.findall(head)}) >= 2 and bool(message_from_bytes(head).keys())  # noqa: PLR2004


def _is_json(text: str) -> bool:
    try:
        json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return False
    return True
