"""Reader of ZIP archives: each member becomes a document of its own; the archive's own text is the list of them."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from pathlib import PurePosixPath

from core.errors import DocumentTooLarge, UnreadableDocument
from ingestion.partitioning.containers.message import attach
from ingestion.partitioning.port import Element, ElementKind
from ingestion.partitioning.reading import Reading

_MOST_RATIO = 200
"""How much smaller a member may be packed than it is: text packs to a fifth, a bomb to a thousandth."""
_RATIO_COUNTS_FROM = 1_000_000
"""Bytes below which the ratio means nothing: a small file of one letter packs well."""
_ENCRYPTED = 0x1
_IGNORED = ("__MACOSX/", ".DS_Store", "Thumbs.db")
_PIECE = 1 << 20
_BROKEN = (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, ValueError)
"""What the standard library raises on archives that are damaged, or packed in a way that it doesn't know."""


def read_zip(content: bytes, name: str, *, max_members: int, max_bytes: int) -> Reading:
    """The members of an archive.

    Nothing is unpacked before the sizes that the archive states have been checked, and unpacking stops where they lie.

    Raises:
        DocumentTooLarge: too many members, or too many bytes in them, or packed so tightly that it is a bomb.
        UnreadableDocument: broken.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir() and not _is_ignored(member.filename)]
        _check(members, name, max_members, max_bytes)
        reading = Reading([])
        found, left = [], max_bytes
        for member in members:
            if member.flag_bits & _ENCRYPTED:
                reading.warnings.append(f"{member.filename} is encrypted and was left out.")
                continue
            data = unpack(archive, member, name, left)
            left -= len(data)
            found.append((member.filename, data, None))
    attach(reading, found)
    reading.elements = [Element(kind=ElementKind.LIST_ITEM, text=one.name) for one in reading.attachments]
    return reading


def _is_ignored(member: str) -> bool:
    return member.startswith(_IGNORED[0]) or PurePosixPath(member).name in _IGNORED


def _check(members: list[zipfile.ZipInfo], name: str, max_members: int, max_bytes: int) -> None:
    if len(members) > max_members:
        raise DocumentTooLarge(
            f"{name} has {len(members)} members; parsing.max_attachments = {max_members}. Split it, or raise the limit."
        )
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise DocumentTooLarge(
            f"{name} unpacks to {total / 1e6:,.0f} MB; parsing.max_unpacked_mb = {max_bytes // 1_000_000}. Split it, "
            "or raise the limit."
        )
    for member in members:
        _check_ratio(member, name)


def _check_ratio(member: zipfile.ZipInfo, name: str) -> None:
    packed = max(member.compress_size, 1)
    if member.file_size > _RATIO_COUNTS_FROM and member.file_size / packed > _MOST_RATIO:
        raise DocumentTooLarge(
            f"{name}: {member.filename} is packed {member.file_size // packed} times smaller than it is, as zip "
            f"bombs are ({_MOST_RATIO} times is the most that is unpacked)."
        )


def unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, most: int) -> bytes:
    """One member, of at most so many bytes.

    Raises:
        DocumentTooLarge: larger than that, or than the archive states, or packed so tightly that it is a bomb.
        UnreadableDocument: broken.
    """
    _check_ratio(member, name)
    data = bytearray()
    try:
        with archive.open(member) as stream:
            # Never more than stated, or than may be, is unpacked: a lie about the size costs nothing.
            while len(data) <= min(member.file_size, most) and (piece := stream.read(_PIECE)):
                data += piece
    except (*_BROKEN, zlib.error, lzma.LZMAError) as error:
        raise UnreadableDocument(f"{name} is corrupt: {member.filename} can't be unpacked ({error}).") from None
    if len(data) > min(member.file_size, most):
        raise DocumentTooLarge(f"{name}: {member.filename} is larger than the archive says, as zip bombs are.")
    return bytes(data)
