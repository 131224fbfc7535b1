"""Values of keys and of ``modified``: kept in cursors, and written in the ids of documents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from core.errors import SourceRefuses

Key = tuple[Any, ...]
MOST_ID_CHARS = 1000
_ENCODED = re.compile(r"[%/!\x00-\x1f\x7f]")
_EMPTY = "%-"
_KINDS: dict[type, str] = {int: "int", float: "float", str: "text", Decimal: "decimal", UUID: "uuid", bytes: "bytes"}
_READ: dict[str, Any] = {
    "int": int,
    "float": float,
    "text": str,
    "decimal": Decimal,
    "uuid": UUID,
    "bytes": bytes.fromhex,
    "moment": datetime.fromisoformat,
    "day": date.fromisoformat,
    "hex": lambda written: bytes.fromhex(written).decode("utf-8", "surrogatepass"),
}


def plain(value: Any) -> Any:
    """A value of a key as Python's own types have it.

    Raises:
        SourceRefuses: it is of a type that can't be a key.
    """
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if type(value) not in _KINDS and not isinstance(value, date):
        raise SourceRefuses(f"A key is a {type(value).__name__}, which has no order to page by: cast it to text.")
    return value


def to_json(value: Any) -> list[Any] | None:
    """A value as a cursor has it."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return ["moment", value.isoformat()]
    if isinstance(value, date):
        return ["day", value.isoformat()]
    if isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
        return ["hex", value.encode("utf-8", "surrogatepass").hex()]
    kind = _KINDS[type(value)]
    return [kind, value if kind in ("int", "float", "text") else value.hex() if kind == "bytes" else str(value)]


def from_json(kept: Sequence[Any] | None) -> Any:
    """The inverse of :func:`to_json`."""
    return None if kept is None else _READ[kept[0]](kept[1])


def to_id(key: Key) -> str:
    """The id of the document with this key: the columns' values, with ``/`` between them.

    Raises:
        SourceRefuses: it is too long for one.
    """
    found = "/".join(_encoded(_written(value)) for value in key)
    if len(found) > MOST_ID_CHARS:
        raise SourceRefuses(f"The key that begins with {found[:80]!r} has over {MOST_ID_CHARS} characters.")
    return found


def from_id(external_id: str, like: Key) -> Key | None:
    """The key of a document, with values of the types that those of another key have; None: no such key can be."""
    parts = [_decoded(part) for part in external_id.split("/")]
    if len(parts) != len(like):
        return None
    try:
        return tuple(_read_as(part, example) for part, example in zip(parts, like, strict=True))
    except (ValueError, ArithmeticError):
        return None


def before(value: Any, overlap: int) -> Any:
    """A value of ``modified`` so much earlier: seconds of a time, ones of a number.

    Raises:
        SourceRefuses: it is neither, so that nothing can be said to be earlier.
    """
    try:
        if isinstance(value, datetime):
            return value - timedelta(seconds=overlap)
        if isinstance(value, date):
            return value - timedelta(days=1 + overlap // 86400)
        if isinstance(value, int | float | Decimal):
            return value - overlap
        if isinstance(value, str):
            return _text_before(value, overlap)
    except OverflowError:
        return value  # the first moment that there is
    except ValueError:
        pass
    shown = f"{value[:40]!r}" if isinstance(value, str) else f"a {type(value).__name__}"
    raise SourceRefuses(
        f"The column of 'modified' holds {shown}, which is neither a time nor a number: name another one, or none, so "
        "that rows are compared by their content."
    )


def is_time(value: Any) -> bool:
    """Whether a value of ``modified`` can be compared with the database's clock."""
    return isinstance(value, date | str)


def as_moment(value: Any) -> datetime | None:
    """A value of a column as a moment; without a zone it is UTC. None: it is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def _text_before(value: str, overlap: int) -> str:
    """SQLite keeps times as text, and compares them so: the form stays as it is."""
    moment = datetime.fromisoformat(value)
    if len(value) == len("2025-03-31"):
        return (moment - timedelta(days=1 + overlap // 86400)).date().isoformat()
    digits = re.search(r"\.(\d+)", value)
    spec = "auto" if digits is None else "milliseconds" if len(digits[1]) == len("123") else "microseconds"
    if digits is None:
        spec = "seconds" if re.match(r".{10}.\d\d:\d\d:\d\d", value) else "minutes"
    written = (moment - timedelta(seconds=overlap)).isoformat(sep=value[10], timespec=spec)
    return written.removesuffix("+00:00") + "Z" if value.endswith("Z") else written


def _written(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, date) else str(value)


def _encoded(written: str) -> str:
    if written in ("", ".", ".."):
        return written.replace(".", "%2E") or _EMPTY
    return _ENCODED.sub(lambda found: f"%{ord(found[0]):02X}", written)


def _decoded(part: str) -> str:
    return "" if part == _EMPTY else unquote(part, errors="surrogatepass")


def _read_as(part: str, example: Any) -> Any:
    if isinstance(example, datetime):
        return datetime.fromisoformat(part)
    if isinstance(example, date):
        return date.fromisoformat(part)
    return _READ[_KINDS[type(example)]](part)
