"""How the parent and a parser child talk: frames over pipes, a JSON head and raw bytes behind it.

A frame is two unsigned 32-bit big-endian lengths, then a JSON object, then bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any, BinaryIO

from core.metadata import Metadata
from core.place import Line, PageSize
from ingestion.partitioning.port import Element, ElementKind, InnerReaders, Partition

LENGTHS = struct.Struct(">II")


def pack(head: Mapping[str, Any], body: bytes = b"") -> bytes:
    """One frame."""
    encoded = json.dumps(head).encode()
    return LENGTHS.pack(len(encoded), len(body)) + encoded + body


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next frame, or None at the end of the stream. Blocks."""
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head, body = LENGTHS.unpack(lengths)
    return json.loads(stream.read(head)), stream.read(body)


def dump_partition(partition: Partition) -> dict[str, Any]:
    """As JSON."""
    metadata = {**partition.metadata.known(), "origins": dict(partition.metadata.origins)}
    for key in ("created", "modified"):
        if key in metadata:
            metadata[key] = metadata[key].isoformat()
    return {
        "elements": [_dump_element(element) for element in partition.elements],
        "pages": [[page.width, page.height] for page in partition.pages],
        "metadata": metadata,
        "media_type": partition.media_type,
        "parser": partition.parser,
        "warnings": partition.warnings,
        "secrets": partition.secrets,
        "readers": partition.readers and [partition.readers.terms, partition.readers.reason],
    }


def _dump_element(element: Element) -> list[Any]:
    lines = [line.packed() for line in element.lines]
    return [element.kind, element.text, element.page, element.level, element.cells, element.place, lines]


def _load_element(values: list[Any]) -> Element:
    kind, text, page, level, cells, place, lines = values
    return Element(
        kind=ElementKind(kind),
        text=text,
        page=page,
        level=level,
        cells=_cells(cells),
        place=place,
        lines=tuple(map(Line.unpacked, lines)),
    )


def _cells(rows: list[list[str]] | None) -> tuple[tuple[str, ...], ...] | None:
    return None if rows is None else tuple(map(tuple, rows))


def load_partition(head: Mapping[str, Any]) -> Partition:
    """The inverse of :func:`dump_partition`."""
    metadata, readers = dict(head["metadata"]), head["readers"]
    metadata["tags"] = tuple(metadata.get("tags", ()))
    for key in ("created", "modified"):
        if key in metadata:
            metadata[key] = datetime.fromisoformat(metadata[key])
    return Partition(
        elements=tuple(map(_load_element, head["elements"])),
        pages=tuple(PageSize(*size) for size in head["pages"]),
        metadata=Metadata(**metadata),
        media_type=head["media_type"],
        parser=head["parser"],
        warnings=tuple(head["warnings"]),
        secrets=tuple(head["secrets"]),
        readers=readers and InnerReaders(tuple(readers[0]), readers[1]),
    )
