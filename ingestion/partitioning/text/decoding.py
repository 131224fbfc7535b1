"""Bytes to text, without ever guessing silently."""

from __future__ import annotations

import codecs

from core.errors import UnreadableDocument

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = frozenset(range(32)) - {8, 9, 10, 12, 13, 27}
_MOST_CONTROLS = 0.02
"""Share of control characters above which bytes aren't text in any encoding."""


def decode(content: bytes, name: str, *, whole: bool = True) -> tuple[str, tuple[str, ...]]:
    """Decode a text file: by its byte order mark, as UTF-8, or by its letters.

    Args:
        whole: False for the first bytes of a file, which may end within a character.

    Returns:
        The text, with line ends as ``\\n``, and a warning if the encoding had to be guessed.

    Raises:
        UnreadableDocument: the bytes are not text.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strict(content, encoding, name, whole=whole), ()
    zeros = content.count(0)
    if zeros > _MOST_CONTROLS * len(content):
        return _wide(content, name, whole=whole), (f"{name} has no byte order mark; it was read as UTF-16.",)
    if zeros:
        text, warnings = decode(content.replace(b"\x00", b""), name, whole=whole)
        return text, (*warnings, f"{zeros} zero bytes in {name} were left out.")
    controls = sum(content.count(bytes([code])) for code in _CONTROLS)
    if controls > _MOST_CONTROLS * len(content):
        raise UnreadableDocument(f"{name} is not text, nor any kind of document that is read.")
    try:
        return _lines(_decoded(content, "utf-8", whole=whole)), ()
    except UnicodeDecodeError:
        return _guessed(content, name)


def _decoded(content: bytes, encoding: str, *, whole: bool) -> str:
    return codecs.getincrementaldecoder(encoding)().decode(content, final=whole)


def _strict(content: bytes, encoding: str, name: str, *, whole: bool) -> str:
    try:
        return _lines(_decoded(content, encoding, whole=whole).removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise UnreadableDocument(f"{name} says that it is {encoding}, but is not: {error.reason}.") from None


def _wide(content: bytes, name: str, *, whole: bool) -> str:
    """UTF-16 without a mark: Latin text has a zero in nearly every second byte, on one side only."""
    even, odd = content[::2].count(0), content[1::2].count(0)
    if len(content) % 2 == 0 and max(even, odd) > len(content) * 0.3 and min(even, odd) < len(content) * 0.05:
        return _strict(content, "utf-16-be" if even > odd else "utf-16-le", name, whole=whole)
    raise UnreadableDocument(f"{name} is not text, nor any kind of document that is read.")


def _guessed(content: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    from charset_normalizer import from_bytes  # noqa: PLC0415

    best = from_bytes(content[:65536]).best()
    # Short Western texts fit a dozen code pages equally well; the commonest of them is meant.
    western = best is None or "cp1252" in (best.encoding, *best.could_be_from_charset)
    encoding = "cp1252" if western or best is None else best.encoding
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        # Every byte means something in Latin-1, so that nothing is dropped.
        encoding, text = "latin-1", content.decode("latin-1")
    return _lines(text), (f"{name} is not UTF-8; it was read as {encoding}.",)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
