"""Which documents an index holds, by pages of an aggregation over their ids, in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retrieval.index.opensearch.mapping import PERMISSIONS_VERSION
from retrieval.index.port import IndexedDocument

_VERSIONS = 20
_TERMS = 1000
_PAGE = 60
"""Documents of one answer. With as many terms each as are asked for, it stays below OpenSearch's 65,535 buckets."""


def inventory_search(after: str, limit: int) -> dict[str, Any]:
    """A search for the next documents behind an id."""
    by_id: dict[str, Any] = {
        "size": min(limit, _PAGE),
        "sources": [{"document": {"terms": {"field": "document_id"}}}],
    }
    if after:
        by_id["after"] = {"document": after}
    of_each = {
        "versions": {"terms": {"field": "version", "size": _VERSIONS}},
        "acl": {"terms": {"field": "acl", "size": _TERMS}},
        "latest": {"max": {"field": PERMISSIONS_VERSION}},
    }
    return {"size": 0, "track_total_hits": False, "aggs": {"documents": {"composite": by_id, "aggs": of_each}}}


def inventory(answer: Mapping[str, Any]) -> list[IndexedDocument]:
    """The documents of an answer.

    Of more than a thousand terms of one document only the most frequent are looked at.
    """
    return [_document(bucket) for bucket in answer["aggregations"]["documents"]["buckets"]]


def _document(bucket: Mapping[str, Any]) -> IndexedDocument:
    versions = {int(found["key"]): int(found["doc_count"]) for found in bucket["versions"]["buckets"]}
    terms = {str(found["key"]): int(found["doc_count"]) for found in bucket["acl"]["buckets"]}
    alike = all(count == bucket["doc_count"] for count in terms.values())
    # Chunks that an earlier release wrote don't tell of which version their permissions are.
    latest = max(int(bucket["latest"]["value"] or 0), *versions)
    return IndexedDocument(bucket["key"]["document"], versions, frozenset(terms) if alike else None, latest)
