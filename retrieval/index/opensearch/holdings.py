"""How much an index holds, and what, as of its last refresh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import IndexUnavailable
from retrieval.index.opensearch.client import Client
from retrieval.index.opensearch.filters import Query
from retrieval.index.port import MOST_VALUES, IndexCounts, IndexRoom

CARDINALITY_PRECISION = 40_000
"""OpenSearch's largest: document counts are near exact up to it, and within a few per cent above."""
CHUNKS: Query = {"exists": {"field": "document_id"}}
"""What is a chunk, and no place for one and no fence."""
_FIRST: Query = {"term": {"ordinal": 0}}
"""One chunk of each document."""
_DOCUMENTS = {"cardinality": {"field": "document_id", "precision_threshold": CARDINALITY_PRECISION}}


def counts(client: Client, target: str) -> IndexCounts:
    """How many documents, chunks and windows there are."""
    sums = {"documents": _DOCUMENTS, "windows": {"sum": {"field": "window_count"}}}
    answer = _ask(client, target, {"query": CHUNKS, "track_total_hits": True, "aggs": sums})
    found = answer["aggregations"]
    return IndexCounts(
        documents=int(found["documents"]["value"]),
        chunks=int(answer["hits"]["total"]["value"]),
        windows=int(found["windows"]["value"]),
    )


def room(client: Client) -> IndexRoom:
    """The disk of the node that has the least free.

    Raises:
        IndexUnavailable, ConfigurationError: OpenSearch doesn't say, as a serverless collection doesn't.
    """
    answer = client.request("GET", "/_nodes/data:true/stats/fs", params={"filter_path": "nodes.*.fs.total"}, attempts=1)
    disks = [node["fs"]["total"] for node in answer.get("nodes", {}).values()]
    if not disks:
        raise IndexUnavailable("OpenSearch doesn't tell how full the disks of its nodes are.")
    fullest = min(disks, key=lambda disk: int(disk["available_in_bytes"]))
    return IndexRoom(total=int(fullest["total_in_bytes"]), free=int(fullest["available_in_bytes"]))


def documents(client: Client, target: str, query: Query) -> int:
    """How many documents have a chunk that the query matches."""
    answer = _ask(client, target, {"query": _only(query), "track_total_hits": False, "aggs": {"found": _DOCUMENTS}})
    return int(answer["aggregations"]["found"]["value"])


def values(client: Client, target: str, field: str, query: Query) -> list[str]:
    """The field's values on chunks that the query matches, those of most chunks first."""
    found = {"terms": {"field": field, "size": MOST_VALUES}}
    answer = _ask(client, target, {"query": _only(query), "track_total_hits": False, "aggs": {"found": found}})
    return [bucket["key"] for bucket in answer["aggregations"]["found"]["buckets"]]


def facets(client: Client, target: str, wanted: Mapping[str, Query], most: int) -> dict[str, list[tuple[str, int]]]:
    """For each field its values on documents that the field's query matches, with how many there are of each.

    Documents are counted by their first chunks: exactly, and without looking at the others.
    """
    order = [{"_count": "desc"}, {"_key": "asc"}]
    aggs = {
        field: {"filter": query, "aggs": {"values": {"terms": {"field": field, "size": most, "order": order}}}}
        for field, query in wanted.items()
    }
    answer = _ask(client, target, {"query": _only(_FIRST), "track_total_hits": False, "aggs": aggs})
    found = {field: answer["aggregations"][field]["values"]["buckets"] for field in wanted}
    return {field: [(one["key"], one["doc_count"]) for one in buckets] for field, buckets in found.items()}


def _ask(client: Client, target: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = client.request("POST", f"/{target}/_search", {"size": 0, **body})
    return answer


def _only(query: Query) -> Query:
    return {"bool": {"filter": [query]}}
