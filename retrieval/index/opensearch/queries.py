"""The searches of both legs, and what comes back from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retrieval.index.opensearch.filters import Query
from retrieval.index.opensearch.mapping import SEARCH_FIELD, VECTOR, WINDOWS
from retrieval.index.port import Candidate

if TYPE_CHECKING:
    from core.chunk import Vector

MAX_RESULTS = 10_000
"""OpenSearch's own limit on one page of results (index.max_result_window), and on a k-NN query's k."""
MAX_TERMS = 1_000
"""Lucene refuses a query of more than 1024 clauses."""

ANSWER_FIELDS = ",".join(
    f"responses.{part}" for part in ("status", "error", "hits.hits._id", "hits.hits._score", "hits.hits.fields")
)


def lexical_search(query: str, filter: Query, k: int) -> dict[str, Any]:
    """BM25 over context and text."""
    match = {"match": {SEARCH_FIELD: {"query": bounded(query)}}}
    return _page({"bool": {"must": [match], "filter": [filter]}}, k)


def vector_search(embedding: Vector, filter: Query, k: int) -> dict[str, Any]:
    """HNSW over the windows, the best window counting for its chunk; the filter works inside the graph search."""
    knn = {VECTOR: {"vector": embedding, "k": min(k, MAX_RESULTS), "filter": filter}}
    return _page({"nested": {"path": WINDOWS, "score_mode": "max", "query": {"knn": knn}}}, k)


def bounded(query: str) -> str:
    """The query, cut where it could have more terms than OpenSearch takes: repeated words first, then its tail.

    Lone surrogates, which can't be sent, are replaced.
    """
    query = query.encode("utf-8", "replace").decode("utf-8")
    if len(query) <= MAX_TERMS:
        return query
    kept, terms = [], 0
    for word in dict.fromkeys(query.split()):
        # In scripts without spaces, or with punctuation inside, every character can become a term.
        terms += 1 if word.isascii() and word.isalnum() else len(word)
        if terms > MAX_TERMS:
            break
        kept.append(word)
    return " ".join(kept) or query[:MAX_TERMS]


def candidates(response: Mapping[str, Any], *, cosine: bool) -> list[Candidate]:
    """The hits of one search, ties in the order of their ids."""
    hits = response.get("hits", {}).get("hits", [])
    found = [
        Candidate(
            hit["_id"], hit["fields"]["document_id"][0], to_cosine(hit["_score"]) if cosine else float(hit["_score"])
        )
        for hit in hits
    ]
    found.sort(key=lambda candidate: (-candidate.score, candidate.chunk_id))
    return found


def to_cosine(score: float) -> float:
    """Undo how k-NN makes a positive score of an inner product ip: 1 + ip from 0 up, 1 / (1 - ip) below."""
    product = score - 1.0 if score >= 1.0 else 1.0 - 1.0 / score
    return max(-1.0, min(1.0, product))


def _page(query: Query, k: int) -> dict[str, Any]:
    return {
        "query": query,
        "size": min(k, MAX_RESULTS),  # always: a shard may find more than k
        "_source": False,
        "docvalue_fields": ["document_id"],
        "track_total_hits": False,
    }
