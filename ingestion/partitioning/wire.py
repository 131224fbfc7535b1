"""How the parent and a parser child talk: frames over pipes, a JSON head and raw bytes behind it.

A frame is two unsigned 32-bit big-endian lengths, then a JSON object, then bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, BinaryIO

from core.metadata import Metadata
from ingestion.partitioning.port import Element, ElementKind, Partition

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
    metadata = {key: value for key, value in asdict(partition.metadata).items() if value}
    for key in ("created", "modified"):
        if key in metadata:
            metadata[key] = metadata[key].isoformat()
    return {
        "elements": [[element.kind, element.text, element.page, element.level] for element in partition.elements],
        "metadata": metadata,
        "media_type": partition.media_type,
        "parser": partition.parser,
        "warnings": partition.warnings,
    }


def load_partition(head: Mapping[str, Any]) -> Partition:
    """The inverse of :func:`dump_partition`."""
    metadata = dict(head["metadata"])
    metadata["tags"] = tuple(metadata.get("tags", ()))
    for key in ("created", "modified"):
        if key in metadata:
            metadata[key] = datetime.fromisoformat(metadata[key])
    return Partition(
        elements=tuple(
            Element(kind=ElementKind(kind), text=text, page=page, level=level)
            for kind, text, page, level in head["elements"]
        ),
        metadata=Metadata(**metadata),
        media_type=head["media_type"],
        parser=head["parser"],
        warnings=tuple(head["warnings"]),
    )
