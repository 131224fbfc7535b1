"""Whole documents of a table: which there are, and their rows with new permissions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import nsmallest
from typing import Any

import pyarrow as pa

from retrieval.index.lance.rows import CHUNK_COLUMNS, PERMISSIONS_VERSION, batches, chunk_columns, to_chunk
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
    latest: Counter[str] = Counter()
    columns = ["document_id", "version", PERMISSIONS_VERSION, "acl"]
    for row in table.search().where(one_of("document_id", chosen)).select(columns).to_arrow().to_pylist():
        key = row["document_id"]
        versions[key][row["version"]] += 1
        acls[key].add(frozenset(row["acl"]))
        latest[key] = max(latest[key], _told(row))
    return [
        IndexedDocument(key, dict(versions[key]), next(iter(acls[key])) if len(acls[key]) == 1 else None, latest[key])
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


def delete(table: Any, versions: Mapping[str, int], those: str) -> int:
    """Delete documents' chunks of some versions; how many went.

    Args:
        those: ``<`` or ``<=``, and then each document's version.
    """
    alike: defaultdict[int, list[str]] = defaultdict(list)
    for document_id, version in versions.items():
        alike[version].append(document_id)
    gone = 0
    for version, documents in alike.items():
        for some in batches(documents):
            where = f"{one_of('document_id', some)} AND version {those} {int(version)}"
            gone += int(table.delete(where).num_deleted_rows)
    return gone


def merge(table: Any, rows: pa.Table) -> None:
    """Write rows, replacing those of the same id."""
    table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(rows)


def _updated(table: Any, updates: Mapping[str, DocumentUpdate]) -> pa.Table:
    """The rows of these documents with new permissions and metadata, but for those that have them of later versions."""
    old = table.search().where(one_of("document_id", updates)).to_arrow()
    places, chunks = [], []
    for place, row in enumerate(old.select([*CHUNK_COLUMNS, PERMISSIONS_VERSION]).to_pylist()):
        chunk, update = to_chunk(row), updates[row["document_id"]]
        if _told(row) <= update.up_to:
            version = update.up_to if update.restamp else chunk.version
            metadata = chunk.metadata if update.metadata is None else update.metadata
            uri = chunk.uri if update.uri is None else update.uri
            chunks.append(replace(chunk, acl=tuple(update.acl), metadata=metadata, uri=uri, version=version))
            places.append(place)
    kept, columns = old.take(pa.array(places, pa.int64())), chunk_columns(chunks)
    told = [updates[chunk.document_id].up_to for chunk in chunks]
    columns[PERMISSIONS_VERSION] = pa.array(told, pa.int64())
    return pa.table({name: columns.get(name, kept[name]) for name in old.column_names}, schema=old.schema)


def _told(row: Mapping[str, Any]) -> int:
    """The version that a row's permissions are of. Rows that an earlier release wrote have them of their content's."""
    return max(int(row["version"]), int(row[PERMISSIONS_VERSION] or 0))
