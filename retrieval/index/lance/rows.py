"""Chunks as rows of a Lance table, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.chunk import Chunk, EmbeddedChunk, Vectors
from core.errors import ConfigurationError, UnreadableDocument
from core.metadata import FACTS, FactKind, Metadata
from retrieval.index.cjk import with_bigrams
from retrieval.index.fences import permissions_version

SEARCH_TEXT = "search_text"
TITLE = "title"
HEADINGS = "headings"
"""The columns of the lexical leg; the last is made of the heading path."""
WINDOWS = "windows"
"""The column of the vector leg: a list of vectors per chunk."""
_IDS_AT_ONCE = 1000
Named = TypeVar("Named")
_STRINGS = pa.list_(pa.string())
_FACT_TYPES = {
    FactKind.WORDS: pa.string(),
    FactKind.TERM: pa.string(),
    FactKind.TERMS: _STRINGS,
    FactKind.MOMENT: pa.timestamp("us", tz="UTC"),
}
_CHUNK_COLUMNS: tuple[tuple[str, pa.DataType], ...] = (
    ("id", pa.string()),
    ("document_id", pa.string()),
    ("source_id", pa.string()),
    ("uri", pa.string()),
    ("ordinal", pa.int64()),
    ("text", pa.string()),
    ("start", pa.int64()),
    ("end", pa.int64()),
    ("page", pa.int64()),
    ("heading_path", _STRINGS),
    ("tokens", pa.int64()),
    ("acl", _STRINGS),
    ("version", pa.int64()),
    *((name, _FACT_TYPES[kind]) for name, kind in FACTS.items()),
)
CHUNK_COLUMNS = [name for name, _ in _CHUNK_COLUMNS]
"""What a chunk is read back from."""
PERMISSIONS_VERSION = "permissions_version"
"""The version of the chunk's document that its permissions and metadata are of."""
LATER_COLUMNS = [
    *(pa.field(name, _FACT_TYPES[kind]) for name, kind in FACTS.items()),
    pa.field(HEADINGS, pa.string()),
    pa.field(PERMISSIONS_VERSION, pa.int64()),
]
"""What a table of an earlier release may lack. Its chunks have nothing in them until they are written again."""


def schema(dimensions: int) -> pa.Schema:
    """The table's columns for vectors of that length."""
    windows = pa.list_(pa.list_(pa.float32(), dimensions))
    derived = ((SEARCH_TEXT, pa.string()), (HEADINGS, pa.string()), ("window_count", pa.int64()), (WINDOWS, windows))
    return pa.schema([*_CHUNK_COLUMNS, (PERMISSIONS_VERSION, pa.int64()), *derived])


def to_table(chunks: Sequence[EmbeddedChunk], dimensions: int, as_of: Mapping[str, int]) -> pa.Table:
    """Chunks and their windows as an Arrow table.

    Args:
        as_of: see :meth:`retrieval.index.port.SearchIndex.upsert`.

    Raises:
        ConfigurationError: a chunk has no window, or one that isn't a finite vector of this length.
    """
    for embedded in chunks:
        _check(embedded, dimensions)
    columns = chunk_columns([embedded.chunk for embedded in chunks])
    lengths = [len(embedded.windows) for embedded in chunks]
    flat = np.concatenate([np.asarray(embedded.windows, np.float32) for embedded in chunks])
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), dimensions)
    offsets = pa.array(np.cumsum([0, *lengths]), pa.int32())
    columns[PERMISSIONS_VERSION] = pa.array([permissions_version(one.chunk, as_of) for one in chunks], pa.int64())
    columns["window_count"] = pa.array(lengths, pa.int64())
    columns[WINDOWS] = pa.ListArray.from_arrays(offsets, vectors)
    return pa.table(columns, schema=schema(dimensions))


def chunk_columns(chunks: Sequence[Chunk]) -> dict[str, pa.Array]:
    """Every column but those of the vectors.

    Raises:
        UnreadableDocument: a text holds half of a surrogate pair, which no index can store.
    """
    rows = [_row(chunk) for chunk in chunks]
    try:
        columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in _CHUNK_COLUMNS}
        columns[SEARCH_TEXT] = pa.array([with_bigrams(chunk.search_text) for chunk in chunks], pa.string())
        columns[HEADINGS] = pa.array([with_bigrams("\n".join(chunk.heading_path)) for chunk in chunks], pa.string())
    except UnicodeEncodeError as error:
        documents = ", ".join(sorted({chunk.document_id for chunk in chunks}))
        raise UnreadableDocument(f"One of these documents holds text that isn't valid Unicode: {documents}.") from error
    return columns


def to_chunk(row: Mapping[str, Any]) -> Chunk:
    """The chunk that a row of :data:`CHUNK_COLUMNS` holds."""
    return Chunk(
        id=row["id"],
        document_id=row["document_id"],
        source_id=row["source_id"],
        uri=row["uri"],
        ordinal=row["ordinal"],
        text=row["text"],
        start=row["start"],
        end=row["end"],
        page=row["page"],
        heading_path=tuple(row["heading_path"]),
        tokens=row["tokens"],
        acl=tuple(row["acl"]),
        version=row["version"],
        metadata=Metadata.read(row),
    )


def _row(chunk: Chunk) -> dict[str, Any]:
    return {
        "id": chunk.id,
        "document_id": chunk.document_id,
        "source_id": chunk.source_id,
        "uri": chunk.uri,
        "ordinal": chunk.ordinal,
        "text": chunk.text,
        "start": chunk.start,
        "end": chunk.end,
        "page": chunk.page,
        "heading_path": list(chunk.heading_path),
        "tokens": chunk.tokens,
        "acl": list(chunk.acl),
        "version": chunk.version,
        **chunk.metadata.facts(),
    }


def _check(embedded: EmbeddedChunk, dimensions: int) -> None:
    windows = embedded.windows
    if windows.ndim != 2 or len(windows) == 0 or windows.shape[1] != dimensions:  # noqa: PLR2004 (rows, columns)
        raise ConfigurationError(
            f"Chunk {embedded.chunk.id} has windows of shape {windows.shape}; this index holds vectors of "
            f"{dimensions} dimensions, one or more to a chunk. Was it embedded by another model?"
        )
    if not np.isfinite(windows).all():
        raise ConfigurationError(f"Chunk {embedded.chunk.id} has a vector with values that aren't numbers.")


def most_frequent(column: pa.ChunkedArray) -> list[tuple[str, int]]:
    """A column's labels, or those in its lists, with how often each is there: most often first, ties in their order."""
    labels = pc.list_flatten(column) if pa.types.is_list(column.type) else column
    counted = pc.value_counts(labels.combine_chunks().drop_null()).to_pylist()
    pairs = [(each["values"], each["counts"]) for each in counted]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def windows_of(rows: Any, dimensions: int) -> Iterator[Vectors]:
    """The windows' vectors of each row, shape (windows, dimensions)."""
    for windows in rows[WINDOWS]:
        yield windows.values.flatten().to_numpy().reshape(-1, dimensions)


def batches(ids: Sequence[Named]) -> Iterator[Sequence[Named]]:
    """What is named in a condition, in parts that one can name."""
    for first in range(0, len(ids), _IDS_AT_ONCE):
        yield ids[first : first + _IDS_AT_ONCE]
