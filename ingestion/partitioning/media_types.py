"""What a file is, by its bytes. The name decides only between kinds of text, which bytes can't tell apart."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email import message_from_bytes

from core.errors import EmptyDocument, UnreadableDocument
from ingestion.partitioning.containers.opening import compound_kind, zip_kind
from ingestion.partitioning.kinds import IMAGES, MEDIA_TYPES, told_kind
from ingestion.partitioning.text.decoding import decode

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
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
    media_type: str = ""


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
    told = told_kind(name, media_type)
    found = _binary_kind(content, name)
    if found is not None:
        kind, image = found
        return Detected(kind, None, _misnamed(name, told, kind), image or MEDIA_TYPES[kind])
    text, warnings = decode(content, name)
    if not text.strip("\ufeff \t\r\n\f\v\u00a0"):
        raise EmptyDocument(f"{name} is empty.")
    kind = _text_kind(content, text, told)
    return Detected(kind, text, (*warnings, *_misnamed(name, told, kind)), MEDIA_TYPES[kind])


def _misnamed(name: str, told: str | None, kind: str) -> tuple[str, ...]:
    # Any text may be called .txt; that is no reason to warn anybody.
    if told in (None, kind, "text"):
        return ()
    return (f"{name} is named like {told} but is {kind}; it was read as {kind}.",)


def _binary_kind(content: bytes, name: str) -> tuple[str, str | None] | None:
    """The kind of what isn't text, and the format of an image; None: it may be text."""
    if b"%PDF-" in content[:1024]:
        return "pdf", None
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return zip_kind(content, name), None
    if content.startswith(_OLE):
        return compound_kind(content, name), None
    if content.startswith(b"{\\rtf"):
        return "rtf", None
    return _image_kind(content, name)


def _image_kind(content: bytes, name: str) -> tuple[str, str | None] | None:
    import filetype  # noqa: PLC0415

    guess = filetype.guess(content[:8192])
    if guess is None or guess.mime.startswith("text/"):
        return None
    if guess.mime in IMAGES:
        return "image", guess.mime
    raise UnreadableDocument(f"{name} is {guess.mime}, which is not read.")


def _text_kind(content: bytes, text: str, told: str | None) -> str:
    start = text[:4096].lstrip("\ufeff \t\r\n")
    if told in ("markdown", "csv", "tsv", "rst", "org"):
        return told
    # Mail programs write bytes that are not one text; only what a byte order mark turned around is looked at as text.
    if told in ("email", "text", None) and _looks_like_email(text.encode() if b"\x00" in content else content):
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
