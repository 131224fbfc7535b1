"""What a container (ZIP, or Microsoft's compound file) holds, and whether it can be opened at all."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

from core.errors import UnreadableDocument
from core.metadata import Metadata

_OFFICE_PARTS = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}
_MIMETYPES = {
    b"application/epub+zip": "epub",
    b"application/vnd.oasis.opendocument.spreadsheet": "ods",
    b"application/vnd.oasis.opendocument.spreadsheet-template": "ods",
    b"application/vnd.oasis.opendocument.text": "odt",
    b"application/vnd.oasis.opendocument.text-template": "odt",
}
_MIMETYPE_ROOM = 200
_OASIS = b"application/vnd.oasis"
_MANIFEST = "META-INF/manifest.xml"
"""Which parts of an OpenDocument file are encrypted (OpenDocument 1.3, part 2, 4.3)."""
_MANIFEST_ROOM = 1_000_000
_COMPOUND = {
    "WordDocument": "doc",
    "PowerPoint Document": "ppt",
    "Workbook": "xls",
    "Book": "xls",
    "__properties_version1.0": "msg",
}
_WORD_ENCRYPTED = 0x0100
"""fEncrypted in the flags of the file information block ([MS-DOC] 2.5.2)."""
_NEVER = 1601
_POWERPOINT_ENCRYPTED = 0xF3D1C4DF
"""headerToken of an encrypted file in its "Current User" stream ([MS-PPT] 2.3.2)."""


def zip_kind(content: bytes, name: str) -> str:
    """The kind of document in a ZIP container; ``zip`` if it is an archive of files.

    Raises:
        UnreadableDocument: its directory can't be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.namelist()
            mimetype = _part(archive, "mimetype")[:_MIMETYPE_ROOM].strip()
            encrypted = mimetype.startswith(_OASIS) and b"encryption-data" in _part(archive, _MANIFEST)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError, RuntimeError) as error:
        raise UnreadableDocument(f"{name} is corrupt: its zip container can't be opened ({error}).") from None
    if encrypted:
        raise _encrypted(name)
    if mimetype in _MIMETYPES:
        return _MIMETYPES[mimetype]
    # A damaged Office file is still no archive of XML files.
    if "[Content_Types].xml" in parts or any(part.startswith("_rels/") for part in parts):
        for prefix, kind in _OFFICE_PARTS.items():
            if any(part.startswith(prefix) for part in parts):
                return kind
    if mimetype.startswith(_OASIS):
        kind = mimetype.decode("latin-1")
        raise UnreadableDocument(f"{name} is {kind}, which is not read. Save it as .odt, .ods or PDF.")
    return "zip"


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    """The first bytes of a part; none if there is none of that name."""
    if name not in archive.namelist():
        return b""
    with archive.open(name) as part:
        return part.read(_MANIFEST_ROOM)


def compound_kind(content: bytes, name: str) -> str:
    """The kind of document in a compound file: ``doc``, ``ppt``, ``xls`` or ``msg``.

    Raises:
        UnreadableDocument: corrupt, encrypted, or of another program.
    """
    import olefile  # noqa: PLC0415

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as compound:
            streams = {entry[0] for entry in compound.listdir()}
            found = next((kind for stream, kind in _COMPOUND.items() if stream in streams), None)
            encrypted = "EncryptedPackage" in streams or _is_encrypted(compound, found)
    except Exception as error:  # noqa: BLE001 - a broken allocation table makes olefile raise anything
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise _encrypted(name) from None
        raise UnreadableDocument(f"{name} is corrupt: its compound file can't be opened ({error}).") from None
    if encrypted:
        raise _encrypted(name)
    if found is None:
        raise UnreadableDocument(f"{name} is a compound file of a program whose documents are not read.")
    return found


def compound_properties(content: bytes) -> Metadata:
    """Title, author and dates of a compound file, from its summary information."""
    import olefile  # noqa: PLC0415

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as compound:
            summary = compound.get_metadata()
    except Exception:  # noqa: BLE001 - a summary that can't be read is no reason not to read the document
        return Metadata()
    return Metadata(
        title=_summary_text(summary.title),
        author=_summary_text(summary.author) or None,
        created=_summary_moment(summary.create_time),
        modified=_summary_moment(summary.last_saved_time),
    )


def _summary_text(value: object) -> str:
    text = value.decode("cp1252", "replace") if isinstance(value, bytes) else str(value or "")
    return " ".join(text.replace("\x00", "").split())


def _summary_moment(value: object) -> datetime | None:
    # Dates are UTC there; what was never set comes as the year 1601.
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.year > _NEVER else None


def _is_encrypted(compound: object, kind: str | None) -> bool:
    opened = getattr(compound, "openstream")  # noqa: B009 - olefile has no types
    if kind == "doc":
        head = opened("WordDocument").read(12)
        return bool(int.from_bytes(head[10:12], "little") & _WORD_ENCRYPTED)
    if kind == "ppt":
        token = opened("Current User").read(16)[12:16]
        return int.from_bytes(token, "little") == _POWERPOINT_ENCRYPTED
    return False


def _encrypted(name: str) -> UnreadableDocument:
    return UnreadableDocument(f"{name} is encrypted. Save a copy without a password and sync again.")
