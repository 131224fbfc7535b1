"""Whole documents of a table: which there are, and their rows with new permissions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import nsmallest
from typing import Any

import pyarrow as pa

from retrieval.index.lance.rows import CHUNK_COLUMNS, batches, chunk_columns, to_chunk
from retrieval.index.lance.sql import literal, one_of
from retrieval.index.port import DocumentUpdate, IndexedDocument

_MANY = 8
"""Times as many ids as are wanted are kept while all are gone through: LanceDB has no order of rows."""


def inventory(table: Any, after: str, limit: int) -> list[IndexedDocument]:
    """The next documents behind an id, in the order of ids."""
    ids: set[str] = set()
    behind = table.search().where(f"document_id > {literal(after)}").select(["document_id"])
    for batch in behind.to_batches():
        ids.update(batch["document_id"].to_pylist())
        if len(ids) > _MANY * limit:
            ids = set(nsmallest(limit, ids))
    chosen = nsmallest(limit, ids)
    versions: defaultdict[str, Counter[int]] = defaultdict(Counter)
    acls: defaultdict[str, set[frozenset[str]]] = defaultdict(set)
    rows = table.search().where(one_of("document_id", chosen)).select(["document_id", "version", "acl"]).to_arrow()
    for row in rows.to_pylist():
        versions[row["document_id"]][row["version"]] += 1
        acls[row["document_id"]].add(frozenset(row["acl"]))
    return [
        IndexedDocument(key, dict(versions[key]), next(iter(acls[key])) if len(acls[key]) == 1 else None)
        for key in chosen
        if key in versions
    ]


def update(table: Any, updates: Sequence[DocumentUpdate]) -> int:
    """Replace permissions and metadata on documents' chunks; how many changed."""
    changed = 0
    for some in batches(updates):
        rows = _updated(table, {one.document_id: one for one in some})
        if rows.num_rows:
            merge(table, rows)
        changed += rows.num_rows
    return changed


def merge(table: Any, rows: pa.Table) -> None:
    """Write rows, replacing those of the same id."""
    table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(rows)


def _updated(table: Any, updates: Mapping[str, DocumentUpdate]) -> pa.Table:
    """The rows of these documents with new permissions and metadata, but for those of later versions."""
    old = table.search().where(one_of("document_id", updates)).to_arrow()
    places, chunks = [], []
    for place, row in enumerate(old.select(CHUNK_COLUMNS).to_pylist()):
        chunk, update = to_chunk(row), updates[row["document_id"]]
        if chunk.version <= update.up_to:
            version = update.up_to if update.restamp else chunk.version
            metadata = chunk.metadata if update.metadata is None else update.metadata
            uri = chunk.uri if update.uri is None else update.uri
            chunks.append(replace(chunk, acl=tuple(update.acl), metadata=metadata, uri=uri, version=version))
            places.append(place)
    kept, columns = old.take(pa.array(places, pa.int64())), chunk_columns(chunks)
    return pa.table({name: columns.get(name, kept[name]) for name in old.column_names}, schema=old.schema)
