"""Every kind of document that is read, and its media types. The endings of names: :mod:`core.document_types`."""

from __future__ import annotations

from pathlib import PurePosixPath

from core.document_types import BY_ENDING

MEDIA_TYPES = {
    "markdown": "text/markdown",
    "html": "text/html",
    "text": "text/plain",
    "rst": "text/x-rst",
    "org": "text/org",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "xml": "application/xml",
    "email": "message/rfc822",
    "msg": "application/vnd.ms-outlook",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "doc": "application/msword",
    "ppt": "application/vnd.ms-powerpoint",
    "xls": "application/vnd.ms-excel",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "rtf": "application/rtf",
    "epub": "application/epub+zip",
    "pages": "application/vnd.apple.pages",
    "numbers": "application/vnd.apple.numbers",
    "keynote": "application/vnd.apple.keynote",
    "zip": "application/zip",
    "image": "image/png",
}
"""Each kind's media type; images have one for each of their formats."""

IMAGES = ("image/png", "image/jpeg", "image/tiff", "image/bmp", "image/gif", "image/webp")
"""Formats of images that Tesseract reads."""

_ALIASES = {
    "text/x-markdown": "markdown",
    "application/xhtml+xml": "html",
    "text/rst": "rst",
    "text/x-org": "org",
    "application/csv": "csv",
    "text/json": "json",
    "text/xml": "xml",
    "text/rtf": "rtf",
    "application/x-zip-compressed": "zip",
    **dict.fromkeys(IMAGES, "image"),
}
_BY_TYPE = {**{media_type: kind for kind, media_type in MEDIA_TYPES.items()}, **_ALIASES}


def told_kind(name: str, media_type: str | None) -> str | None:
    """What a file is said to be: by its name's ending, else by the source's media type. None: nobody says."""
    plain = (media_type or "").partition(";")[0].strip().lower()
    return BY_ENDING.get(PurePosixPath(name).suffix.lower()) or _BY_TYPE.get(plain)
